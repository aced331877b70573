package detector

import (
	"math"
	"slices"

	"github.com/holdfastd/holdfast"
)

// maxEvidence is how many of the last events a score or a surge shows.
const maxEvidence = 100

// The words of a cellScore, from the chunk's own first word: the sum as of the
// newest event, as the bits of a float64.
const (
	scoreSum = iota + 1
	scoreNewest
)

// applyScore applies a rule that sums decaying points (DESIGN 3.7). The sum is
// kept as of the newest event: an older one adds its points as they are.
func (r *rulePlan) applyScore(e *Engine, s *scope, out *Output) {
	points := 0.0
	for i := range r.points {
		if r.points[i].holds(s) {
			points += r.rule.Score.Points[i].Add
		}
	}
	if points == 0 || r.excepted(s) {
		return
	}
	g, set := r.admit(e, s, out)
	if set == nil {
		return
	}
	sum, newest := 0.0, s.Event.Time
	if g.score != 0 {
		c := e.arena.Read(g.score)
		sum, newest = math.Float64frombits(c[scoreSum]), holdfast.Instant(c[scoreNewest])
		if t := s.Event.Time; t > newest {
			sum *= math.Exp2(-float64(t.Sub(newest)) / float64(r.rule.Score.HalfLife))
			newest = t
		}
	}
	sum += points
	en, full := r.evidence(e, s, &g)
	if sum >= set.threshold {
		r.complete(e, s, &g, set, e.list)
		sum = 0 // it starts anew; what it decays from does not
	} else {
		e.keepEvidence(&g, en, full)
	}
	if c := e.cellOf(&g, cellScore, scoreNewest); c != nil {
		c[scoreSum], c[scoreNewest] = math.Float64bits(sum), uint64(newest)
	}
	e.settle(&g)
}

// evidence loads the last events and the one at hand. It reports whether the
// first of them has to go.
func (r *rulePlan) evidence(e *Engine, s *scope, g *group) (en entry, full bool) {
	e.list = e.load(e.list[:0], g)
	if full = e.list.count() == maxEvidence; full {
		first, _ := e.list.cut()
		e.list = slices.Delete(e.list, 0, len(first))
	}
	en = r.entryOf(e, s)
	e.list = append(e.list, en...)
	return en, full
}

// keepEvidence stores what evidence has loaded.
func (e *Engine) keepEvidence(g *group, en entry, full bool) {
	if full {
		e.dropFirst(g, 1)
	}
	e.push(g, en)
}
