//go:build race

package mproc

const raceEnabled = true
