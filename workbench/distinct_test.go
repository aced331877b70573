package workbench

import (
	"hash/maphash"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

func TestDistinctCounts(t *testing.T) {
	for _, test := range []struct{ limit, texts int }{
		{exactly, 0}, {exactly, 1}, {exactly, 100_000}, {roughly, roughly}, {roughly, roughly + 1}, {roughly, 300_000},
	} {
		d := newDistinct(maphash.MakeSeed(), test.limit)
		for range 2 {
			for i := range test.texts {
				d.add(strconv.Itoa(i))
			}
		}
		off := math.Abs(float64(d.count()-test.texts)) / float64(max(1, test.texts))
		if most := map[bool]float64{true: 0.06}[d.estimated()]; off > most { // six times the error to be expected
			t.Errorf("of %d texts, %d are counted", test.texts, d.count())
		}
		if d.estimated() != (test.texts > test.limit) {
			t.Errorf("%d texts with a limit of %d: estimated is %v", test.texts, test.limit, d.estimated())
		}
		if len(d.slots) > 4*max(test.limit, 64) {
			t.Errorf("%d slots for %d texts with a limit of %d", len(d.slots), test.texts, test.limit)
		}
	}
	var none *distinct
	none.add("a")
	none.addOn("a", 0)
	if none.count() != 0 || none.estimated() {
		t.Error("nil counts")
	}
}

func TestDistinctCountsADayOfUTCOnce(t *testing.T) {
	d := newDistinct(maphash.MakeSeed(), exactly)
	const day = holdfast.Instant(24 * time.Hour)
	for _, at := range []holdfast.Instant{-1, 0, 1, day - 1, day, day + 1, day} {
		d.addOn("a", at)
	}
	d.addOn("b", day)
	if d.count() != 4 {
		t.Errorf("%d days, want that before the epoch, the first and the second, and b's", d.count())
	}
}

// TestDistinctOfOneSeedCanBeJoinedAndCompared goes through samples of all sizes.
func TestDistinctOfOneSeedCanBeJoinedAndCompared(t *testing.T) {
	seed := maphash.MakeSeed()
	count := func(from, to int) *distinct {
		d := newDistinct(seed, 1000)
		for i := from; i < to; i++ {
			d.add(strconv.Itoa(i))
		}
		return d
	}
	for _, test := range []struct{ first, second int }{{0, 10}, {10, 0}, {700, 500}, {100, 50_000}, {50_000, 100}, {50_000, 50_000}} {
		joined := count(0, test.first)
		joined.join(count(test.first/2, test.first+test.second))
		joined.join(nil)
		if want := count(0, test.first+test.second).count(); joined.count() != want {
			t.Errorf("%d and %d texts: %d are counted joined, %d at once", test.first, test.second, joined.count(), want)
		}
	}
	(*distinct)(nil).join(count(0, 1))
}
