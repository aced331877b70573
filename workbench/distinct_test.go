package workbench

import (
	"math"
	"strconv"
	"testing"
)

func TestDistinctCounts(t *testing.T) {
	for _, test := range []struct{ limit, texts int }{
		{exactly, 0}, {exactly, 1}, {exactly, 100_000}, {roughly, roughly}, {roughly, roughly + 1}, {roughly, 300_000},
	} {
		d := newDistinct(test.limit)
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
	if none.count() != 0 || none.estimated() {
		t.Error("nil counts")
	}
}
