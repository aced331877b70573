package detector

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/dchest/siphash"

	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules/expression"
)

// tuple encodes texts so that no two lists of texts encode alike.
type tuple []byte

func (t tuple) add(s string) tuple {
	t = binary.AppendUvarint(t, uint64(len(s)))
	return append(t, s...)
}

// valuesOf encodes the values of the fields, and reports whether none is empty.
func valuesOf(buf tuple, fields []expression.Field, s *expression.Scope) (tuple, bool) {
	for i := range fields {
		v := fields[i].Value(s)
		if v == "" {
			return buf, false
		}
		buf = buf.add(v)
	}
	return buf, true
}

// hashKey keys the hashes of groups, devices and values, so that nobody outside
// can choose some that collide.
type hashKey struct{ k0, k1 uint64 }

func newHashKey() hashKey {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hashKey{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// wide hashes a tuple so that no two of a deployment share a hash.
func (k *hashKey) wide(t tuple) memory.Key {
	hi, lo := siphash.Hash128(k.k0, k.k1, t)
	return memory.Key{Hi: hi, Lo: lo}
}

// word hashes a tuple to what is never 0.
func (k *hashKey) word(t tuple) uint64 { return never0(siphash.Hash(k.k0, k.k1, t)) }

// narrow hashes one text; the empty text is 0, and nothing else is.
func (k *hashKey) narrow(s string) uint64 {
	if s == "" {
		return 0
	}
	return never0(siphash.Hash(k.k0, k.k1, []byte(s)))
}

// never0 sees to it that neither a hash nor its lower half is 0, which stands for
// what is empty.
func never0(h uint64) uint64 {
	if uint32(h) == 0 {
		h |= 1
	}
	return h
}
