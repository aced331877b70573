package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// expiryBucket is how finely the freeing of forgotten groups follows the
// watermark. It has no bearing on what is forgotten, only on when its memory is
// given back.
const expiryBucket = holdfast.Instant(time.Minute)

// expiry lists the groups of a rule by when they may have nothing left to
// remember. Each group stands in it once; one that turns out to remember more
// is listed again.
type expiry struct {
	buckets map[holdfast.Instant][]ref
	order   []holdfast.Instant // the buckets' keys, ascending
}

func newExpiry() expiry { return expiry{buckets: make(map[holdfast.Instant][]ref)} }

func (x *expiry) add(until holdfast.Instant, r ref) {
	key := until/expiryBucket + 1
	if _, ok := x.buckets[key]; !ok {
		at, _ := slices.BinarySearch(x.order, key)
		x.order = slices.Insert(x.order, at, key)
	}
	x.buckets[key] = append(x.buckets[key], r)
}

// due removes and returns the groups of the first bucket that the watermark has
// left behind, nil if there is none.
func (x *expiry) due(watermark holdfast.Instant) []ref {
	if len(x.order) == 0 || x.order[0] > watermark/expiryBucket {
		return nil
	}
	key := x.order[0]
	refs := x.buckets[key]
	delete(x.buckets, key)
	x.order = slices.Delete(x.order, 0, 1)
	return refs
}

// expire frees the groups and profiles that the watermark has left behind.
func (e *Engine) expire() {
	for _, r := range e.rules {
		span := r.longest + e.opts.MaxLateness
		for refs := r.groups.expiry.due(e.watermark); refs != nil; refs = r.groups.expiry.due(e.watermark) {
			for _, ref := range refs {
				g := r.groups.live(ref)
				if g == nil {
					continue // it had to make room
				}
				g.forget(e.watermark, span, e.opts.MaxLateness)
				if until, ok := g.remembersUntil(span, e.opts.MaxLateness); ok {
					// What is held past its deadline passes with the next event.
					r.groups.expiry.add(max(until, e.watermark), ref)
				} else {
					delete(r.groups.byID, ref.id)
				}
			}
		}
	}
	e.profiles.expire(e.watermark)
}
