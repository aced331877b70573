package expression

import (
	"net/netip"
	"slices"
)

// addresses is a set of address ranges in which an address is found by halving:
// a list may hold the ranges of a whole country.
type addresses []addressRange // in order, none touching another of its family's

type addressRange struct{ first, last netip.Addr }

// newAddresses makes the set of all that lies in one of the prefixes.
func newAddresses(prefixes []netip.Prefix) addresses {
	all := make(addresses, len(prefixes))
	for i, p := range prefixes {
		all[i] = addressRange{p.Masked().Addr(), lastOf(p)}
	}
	slices.SortFunc(all, func(a, b addressRange) int { return a.first.Compare(b.first) })
	joined := all[:0]
	for _, r := range all {
		if n := len(joined); n > 0 && r.first.Compare(joined[n-1].last) <= 0 {
			if r.last.Compare(joined[n-1].last) > 0 {
				joined[n-1].last = r.last
			}
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b) // it has the length of an address
	return last
}

// contain reports whether an address, unmapped and without a zone, is in the set.
func (as addresses) contain(a netip.Addr) bool {
	i, exact := slices.BinarySearchFunc(as, a, func(r addressRange, a netip.Addr) int { return r.first.Compare(a) })
	return exact || i > 0 && a.Compare(as[i-1].last) <= 0
}
