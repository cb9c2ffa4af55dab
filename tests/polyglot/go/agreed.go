package main

import (
	"encoding/binary"
	"math"
)

// What ../agreed.h says to C and C++.

const (
	schemaAgreed uint64 = 0x706f6c79676c6f74
	schemaOther  uint64 = 0x706f6c79676c6f75

	maxMessage = 5000
	slack      = 13
	blockWords = 511
	cellWords  = 127

	given = "given"

	polled, waited = -2, -3

	stormWindow = 100
	stormText   = 300

	agreedString = "Grüße"
)

type recordData struct {
	ID     int64
	Ratio  float64
	Count  uint32
	Level  int16
	On     bool
	Code   uint8
	Tag    [8]byte
	Weight [2]float32
}

type blockData struct {
	Serial uint64
	Words  [blockWords]uint64
}

type cellData struct {
	Serial uint64
	Words  [cellWords]uint64
}

func agreedText(serial uint64) int { return int(serial * 37 % (stormText + 1)) }

func agreedWord(serial, i uint64) uint64 {
	return (serial+1)*0x9E3779B97F4A7C15 ^ (i+1)*0xD1342543DE82EF95
}

func fill(serial uint64, words []uint64) {
	for i := range words {
		words[i] = agreedWord(serial, uint64(i))
	}
}

func whole(serial uint64, words []uint64) bool {
	for i, w := range words {
		if w != agreedWord(serial, uint64(i)) {
			return false
		}
	}
	return true
}

func makeRecord(n int) recordData {
	r := recordData{
		ID: -int64(n) * 1000000007, Ratio: float64(n) / 3, Count: uint32(n) * 2654435761, Level: int16(-n * 7),
		On: n%2 == 1, Code: uint8(n),
	}
	for i := range r.Tag {
		r.Tag[i] = byte('a' + (n+i)%26)
	}
	r.Weight = [2]float32{float32(n) / 7, float32(math.Copysign(0, -1))}
	return r
}

func makeBlock(serial uint64) *blockData {
	b := &blockData{Serial: serial}
	fill(serial, b.Words[:])
	return b
}

func makeCell(serial uint64, i int) cellData {
	c := cellData{Serial: serial}
	fill(serial+uint64(i), c.Words[:])
	return c
}

var lengths = [11]int{12, 0, 300, 1, 64, 1024, 8, 65, 1025, 63, maxMessage}

func message(i uint64) []byte {
	bytes := make([]byte, lengths[i%11])
	for j := range bytes {
		if j%3 != 2 {
			bytes[j] = byte(i*131 + uint64(j)*7 + i>>8)
		}
	}
	return bytes
}

// job says its number, so that several workers can take some of them each.
func job(i uint64) []byte {
	return append(binary.NativeEndian.AppendUint64(nil, i), message(i)...)
}
