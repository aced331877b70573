package memory

import "math/bits"

// Bitset is a set of numbers of which the next one after any number is quickly
// found. The zero value is empty.
type Bitset struct {
	words   []uint64
	summary []uint64 // a bit for each of words that is not 0
}

// Set puts a number into the set, or takes it out.
func (b *Bitset) Set(n uint32, in bool) {
	w := int(n >> 6)
	if w >= len(b.words) {
		if !in {
			return
		}
		b.words = append(b.words, make([]uint64, w+1-len(b.words))...)
		if more := w>>6 + 1 - len(b.summary); more > 0 {
			b.summary = append(b.summary, make([]uint64, more)...)
		}
	}
	if in {
		b.words[w] |= 1 << (n & 63)
	} else {
		b.words[w] &^= 1 << (n & 63)
	}
	if b.words[w] != 0 {
		b.summary[w>>6] |= 1 << (w & 63)
	} else {
		b.summary[w>>6] &^= 1 << (w & 63)
	}
}

// Next returns the first number of the set from n on, and past the largest from
// 0 on. There is none if the set is empty.
func (b *Bitset) Next(n uint32) (uint32, bool) {
	if next, ok := b.from(n); ok {
		return next, true
	}
	return b.from(0)
}

func (b *Bitset) from(n uint32) (uint32, bool) {
	w := int(n >> 6)
	if w >= len(b.words) {
		return 0, false
	}
	if rest := b.words[w] >> (n & 63); rest != 0 {
		return n + uint32(bits.TrailingZeros64(rest)), true
	}
	w++
	for s := w >> 6; s < len(b.summary); s++ {
		rest := b.summary[s]
		if s == w>>6 {
			rest &= ^uint64(0) << (w & 63)
		}
		if rest != 0 {
			w = s<<6 + bits.TrailingZeros64(rest)
			return uint32(w<<6 + bits.TrailingZeros64(b.words[w])), true
		}
	}
	return 0, false
}
