package workbench

import "hash/maphash"

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
type distinct struct {
	seed  maphash.Seed
	limit int
	zeros int      // bits at the end of a hash that are zero in those of the sample
	slots []uint64 // a power of two, half of them empty at least; 0 is empty
	n     int      // of the sample
}

func newDistinct(limit int) *distinct {
	const smallest = 1 << 6
	return &distinct{seed: maphash.MakeSeed(), limit: limit, slots: make([]uint64, smallest)}
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
	hash := max(1, maphash.String(d.seed, text))
	if d.out(hash) || !d.insert(hash) {
		return
	}
	size := len(d.slots)
	switch {
	case d.n > d.limit:
		d.zeros++
	case 2*d.n > size:
		size *= 2
	default:
		return
	}
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
