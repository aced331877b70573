package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTableAgreesWithMap compares a table with a Go map under random insertions,
// removals and look-ups, past several splits of its index.
func TestTableAgreesWithMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var table Table
	want := map[Key]uint32{}
	var keys []Key
	for range 200_000 {
		if len(keys) > 0 && random.IntN(3) == 0 {
			i := random.IntN(len(keys))
			k := keys[i]
			keys[i] = keys[len(keys)-1]
			keys = keys[:len(keys)-1]
			table.Remove(want[k])
			delete(want, k)
			if _, ok := table.Find(k); ok {
				t.Fatal("a removed key is found")
			}
			continue
		}
		k := Key{random.Uint64(), random.Uint64()}
		if random.IntN(50) == 0 { // neighbors in one segment make long probes
			k.Lo = k.Lo&^segmentMask | 17
		}
		n, ok := table.Insert(k)
		if !ok {
			t.Fatal("no room")
		}
		want[k] = n
		keys = append(keys, k)
	}
	if table.Len() != len(want) {
		t.Errorf("%d records, want %d", table.Len(), len(want))
	}
	for k, n := range want {
		if got, ok := table.Find(k); !ok || got != n {
			t.Fatalf("found %d %v, want %d", got, ok, n)
		}
		if _, ok := table.Find(Key{k.Hi ^ 1, k.Lo}); ok {
			t.Fatal("half a key is enough")
		}
	}
}

func TestSweepVisitsWhatIsDue(t *testing.T) {
	var table Table
	table.Sweep(1, 64_000, 30_000, nil)
	for i := range uint64(1000) {
		n, _ := table.Insert(Key{0, i << 40})
		table.SetDue(n, uint16(65_000+i)) // the circle of times closes among them
	}
	var visited int
	for range 10 {
		table.Sweep(100, 65_400, 30_000, func(n uint32) {
			visited++
			table.Remove(n)
		})
	}
	if visited != 401 {
		t.Errorf("%d records were due, want 401", visited)
	}
	if table.Len() != 599 {
		t.Errorf("%d records are left", table.Len())
	}
}

func TestRecentRemembersTheLastKeys(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	var recent Recent
	known, order := map[Key]bool{}, []Key(nil)
	for range 4 * recentKeys {
		k := Key{random.Uint64(), random.Uint64()}
		if random.IntN(100) == 0 {
			k.Lo >>= 6 // crowded: their buckets are full
		}
		if len(order) > 0 && random.IntN(4) == 0 {
			k = order[random.IntN(len(order))]
		}
		if recent.Seen(k) != known[k] {
			t.Fatalf("seen is not %v", known[k])
		}
		if known[k] {
			continue
		}
		known[k] = true
		order = append(order, k)
		if len(order) > recentKeys {
			delete(known, order[0])
			order = order[1:]
		}
	}
	if recent.Len() != recentKeys {
		t.Errorf("remembers %d", recent.Len())
	}
}

// TestFrozenPagesStay changes an arena after a freeze, and looks at what was
// frozen.
func TestFrozenPagesStay(t *testing.T) {
	var a Arena
	var refs []Ref
	for i := range 50_000 {
		r := a.Alloc(7, 3, 1+i%MaxPayload)
		copy(a.Own(r).Payload(), []uint64{uint64(i)})
		refs = append(refs, r)
	}
	frozen := a.freeze()
	var before []words
	for _, w := range frozen[:4] {
		before = append(before, *w)
	}
	for i, r := range refs {
		if i%3 == 0 {
			a.Free(r)
		} else {
			a.Own(r).Payload()[0] = 99
		}
	}
	for i := range before {
		if *frozen[i] != before[i] {
			t.Fatalf("page %d changed while it was frozen", i)
		}
	}
	if copied := a.own(0); copied == frozen[0] || copied != a.own(0) {
		t.Error("a page that is shared is copied once, before it is changed")
	}
	a.thaw()
	if kept := &a.table[0]; a.own(0) != kept.words {
		t.Error("a page is copied though nobody shares it")
	}
}

// TestArenaChunksAreApart allocates and frees at random, and checks that no two
// chunks overlap and none loses its words.
func TestArenaChunksAreApart(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var a Arena
	type live struct {
		ref  Ref
		mark uint64
		used int
	}
	var all []live
	for i := range 100_000 {
		if len(all) > 0 && random.IntN(2) == 0 {
			n := random.IntN(len(all))
			l := all[n]
			c := a.Read(l.ref)
			if c.Used() != l.used || c.Owner() != uint16(l.mark) || slices.ContainsFunc(c.Payload(), func(w uint64) bool { return w != l.mark }) {
				t.Fatal("a chunk was overwritten")
			}
			a.Free(l.ref)
			all = slices.Delete(all, n, n+1)
			continue
		}
		l := live{mark: uint64(i), used: random.IntN(MaxPayload + 1)}
		if random.IntN(4) > 0 {
			l.used = random.IntN(8)
		}
		l.ref = a.Alloc(uint16(l.mark), 5, l.used)
		c := a.Own(l.ref)
		for i := range c.Payload() {
			c.Payload()[i] = l.mark
		}
		all = append(all, l)
	}
}

func TestBitsetFindsTheNext(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	var b Bitset
	in := map[uint32]bool{}
	if _, ok := b.Next(5); ok {
		t.Error("the empty set has a number")
	}
	for range 20_000 {
		n := uint32(random.IntN(300_000))
		in[n] = random.IntN(3) == 0
		b.Set(n, in[n])
	}
	var sorted []uint32
	for n, is := range in {
		if is {
			sorted = append(sorted, n)
		}
	}
	slices.Sort(sorted)
	for range 20_000 {
		from := uint32(random.IntN(310_000))
		i, _ := slices.BinarySearch(sorted, from)
		if got, ok := b.Next(from); !ok || got != sorted[i%len(sorted)] {
			t.Fatalf("after %d comes %d, want %d", from, got, sorted[i%len(sorted)])
		}
	}
}
