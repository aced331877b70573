package detector

import (
	"encoding/binary"

	"github.com/dchest/siphash"

	"github.com/holdfastd/holdfast/rules/expression"
)

// groupID names a group of a rule: a keyed hash of the group's values, wide
// enough that no two groups of a deployment share one.
type groupID [2]uint64

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

func (k *hashKey) wide(t tuple) groupID {
	a, b := siphash.Hash128(k.k0, k.k1, t)
	return groupID{a, b}
}

// narrow hashes one text; the empty text is 0, and nothing else is.
func (k *hashKey) narrow(s string) uint64 {
	if s == "" {
		return 0
	}
	return max(1, siphash.Hash(k.k0, k.k1, []byte(s)))
}

// same hashes the values of the fields; 0 if one is empty, since an empty value
// equals nothing.
func (k *hashKey) same(buf tuple, fields []expression.Field, s *expression.Scope) uint64 {
	t, ok := valuesOf(buf, fields, s)
	if !ok || len(fields) == 0 {
		return 0
	}
	return max(1, siphash.Hash(k.k0, k.k1, t))
}
