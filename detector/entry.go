package detector

import (
	"encoding/binary"

	"github.com/holdfastd/holdfast"
)

// entry is what a rule remembers of one event, packed into words:
//
//	0     event time
//	1     offset in the upper 48 bits, below them what follows:
//	        bit 11    an alert: four words
//	        bit 10    a hash of the values of the rule's `same` fields: one word
//	        bits 5-9  hashes of the values that must be distinct: a word each
//	        bits 0-4  traces: a word each
//
// An event of an account that says no device and no session takes two words.
type entry []uint64

const (
	entryOffset   = 16 // shift
	entryAlert    = 1 << 11
	entrySame     = 1 << 10
	entryDistinct = 5 // shift
	entryCounts   = 31
	alertWords    = 4 // first, the hash and rule of the id, time of the input event behind it
)

func (en entry) time() holdfast.Instant { return holdfast.Instant(en[0]) }
func (en entry) offset() int64          { return int64(en[1]) >> entryOffset }
func (en entry) isAlert() bool          { return en[1]&entryAlert != 0 }
func (en entry) traces() []uint64       { return en[len(en)-int(en[1]&entryCounts):] }

// first is where the evidence begins that the entry stands for: an alert's own
// first evidence, or the event itself.
func (en entry) first() holdfast.Instant {
	if en.isAlert() {
		return holdfast.Instant(en[2])
	}
	return en.time()
}

// alert returns the hash of the alert's id and its rule, as a number of the
// engine's names.
func (en entry) alert() (alertHash, uint32) { return unpackHash(en[3], en[4]) }

// same is the hash of the `same` values; 0 equals nothing.
func (en entry) same() uint64 {
	if en[1]&entrySame == 0 {
		return 0
	}
	return en[2+en.alertWords()]
}

// value is the hash of the i-th value that must be distinct; 0 if it is empty.
func (en entry) value(i int) uint64 {
	at := 2 + en.alertWords() + i
	if en[1]&entrySame != 0 {
		at++
	}
	return en[at]
}

func (en entry) alertWords() int {
	if en.isAlert() {
		return alertWords
	}
	return 0
}

// wordsOf is how many words an entry has, from its second one.
func wordsOf(place uint64) int {
	n := 2 + int(place&entryCounts) + int(place>>entryDistinct&entryCounts)
	if place&entryAlert != 0 {
		n += alertWords
	}
	if place&entrySame != 0 {
		n++
	}
	return n
}

// entries are packed entries one behind the other, in the order of arrival.
type entries []uint64

// cut takes the first entry off.
func (es entries) cut() (entry, entries) {
	n := wordsOf(es[1])
	return entry(es[:n:n]), es[n:]
}

// count is how many there are.
func (es entries) count() int {
	n := 0
	for len(es) > 0 {
		_, es = es.cut()
		n++
	}
	return n
}

// alertHash is the hash in an alert's id: rule id, "-", hash in hex.
type alertHash [12]byte

// packHash packs an alert's hash, and its rule, into two words.
func packHash(h alertHash, name uint32) (uint64, uint64) {
	return binary.BigEndian.Uint64(h[:]), uint64(binary.BigEndian.Uint32(h[8:]))<<32 | uint64(name)
}

func unpackHash(a, b uint64) (h alertHash, name uint32) {
	binary.BigEndian.PutUint64(h[:], a)
	binary.BigEndian.PutUint32(h[8:], uint32(b>>32))
	return h, uint32(b)
}

// packTrace packs the hashes of a device and a session, of which 32 bits are
// kept: what they are compared with is the few of one account.
func packTrace(device, session uint64) uint64 { return device<<32 | session&0xffffffff }
