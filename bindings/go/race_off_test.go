//go:build !race

package mproc

const raceEnabled = false
