package expression

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// TestAddressesAgreeWithTheirPrefixes compares the set with a look at each prefix,
// for prefixes of both families that nest, touch and repeat.
func TestAddressesAgreeWithTheirPrefixes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	address := func() netip.Addr {
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(random.IntN(3)), byte(random.IntN(4) * 64), byte(random.IntN(256))})
		}
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(random.IntN(2)), 15: byte(random.IntN(256))}
		return netip.AddrFrom16(b)
	}
	hits := 0
	for range 200 {
		var prefixes []netip.Prefix
		for range random.IntN(20) {
			a := address()
			prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()-random.IntN(24)))
		}
		set := newAddresses(prefixes)
		for range 200 {
			a := address()
			want := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
			if set.contain(a) != want {
				t.Fatalf("%v in %v is %v", a, prefixes, !want)
			}
			if want {
				hits++
			}
		}
	}
	if hits < 5000 || hits > 35_000 {
		t.Errorf("%d of 40,000 addresses were in a set: too one-sided", hits)
	}
	everything := newAddresses([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")})
	if !everything.contain(netip.MustParseAddr("255.255.255.255")) || everything.contain(netip.MustParseAddr("::1")) {
		t.Error("0.0.0.0/0 is not all of IPv4 and nothing else")
	}
}
