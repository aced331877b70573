package workbench

import (
	"hash/maphash"
	"time"

	"github.com/holdfastd/holdfast"
)

// How many texts are told apart before their number is only estimated.
const (
	exactly = 1 << 24 // at 16 bytes each
	roughly = 1 << 14 // fits a processor's cache; the estimate is off by 1% or so
)

// distinct counts different texts, such as accounts, by a hash of 64 bits: of ten
// million, the chance is one in four hundred thousand that two are taken for one.
// When there are more than its limit, it goes on with a sample of them: with those
// whose hash ends in a zero bit, then two, and so on (Flajolet, On Adaptive
// Sampling, 1990). Nil counts nothing.
//
// Two that are compared or joined need the same seed: by their own, they would take
// different samples of the same texts.
type distinct struct {
	seed  maphash.Seed
	limit int
	zeros int      // bits at the end of a hash that are zero in those of the sample
	slots []uint64 // a power of two, half of them empty at least; 0 is empty
	n     int      // of the sample
}

func newDistinct(seed maphash.Seed, limit int) *distinct {
	const smallest = 1 << 6
	return &distinct{seed: seed, limit: limit, slots: make([]uint64, smallest)}
}

// count is how many there are.
func (d *distinct) count() int {
	if d == nil {
		return 0
	}
	return d.n << d.zeros
}

// estimated says that count is an estimate.
func (d *distinct) estimated() bool { return d != nil && d.zeros > 0 }

// add counts a text, unless it has been counted.
func (d *distinct) add(text string) {
	if d == nil {
		return
	}
	d.put(max(1, maphash.String(d.seed, text)))
}

// addOn counts a text on a day of UTC.
func (d *distinct) addOn(text string, at holdfast.Instant) {
	if d == nil {
		return
	}
	const day = holdfast.Instant(24 * time.Hour)
	number := at / day
	if at%day < 0 {
		number--
	}
	d.put(max(1, maphash.Comparable(d.seed, [2]uint64{maphash.String(d.seed, text), uint64(number)})))
}

// join counts what another one of the same seed has counted.
func (d *distinct) join(other *distinct) {
	if d == nil || other == nil {
		return
	}
	if other.zeros > d.zeros {
		d.zeros = other.zeros
		d.resize(len(d.slots))
	}
	for _, hash := range other.slots {
		if hash != 0 {
			d.put(hash)
		}
	}
}

// put counts a hash, unless it has been counted.
func (d *distinct) put(hash uint64) {
	if d.out(hash) || !d.insert(hash) {
		return
	}
	switch size := len(d.slots); {
	case d.n > d.limit:
		d.zeros++
		d.resize(size)
	case 2*d.n > size:
		d.resize(2 * size)
	}
}

// resize takes the sample into other slots, without those that are out of it.
func (d *distinct) resize(size int) {
	was := d.slots
	d.slots, d.n = make([]uint64, size), 0
	for _, hash := range was {
		if hash != 0 && !d.out(hash) {
			d.insert(hash)
		}
	}
}

// out reports whether a hash is out of the sample.
func (d *distinct) out(hash uint64) bool { return hash&(1<<d.zeros-1) != 0 }

// insert puts a hash into its place, and reports whether it was not there.
func (d *distinct) insert(hash uint64) bool {
	mask := uint64(len(d.slots) - 1)
	for i := hash >> 32 & mask; ; i = (i + 1) & mask {
		switch d.slots[i] {
		case hash:
			return false
		case 0:
			d.slots[i] = hash
			d.n++
			return true
		}
	}
}
