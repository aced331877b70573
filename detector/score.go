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
	en := r.entryOf(e, s)
	if sum >= set.threshold {
		e.evidence(&g, en)
		r.complete(e, s, &g, set, e.list)
		sum = 0 // it starts anew; what it decays from does not
	} else {
		e.keepEvidence(&g, en)
	}
	if c := e.cellOf(&g, cellScore, scoreNewest); c != nil {
		c[scoreSum], c[scoreNewest] = math.Float64bits(sum), uint64(newest)
	}
	e.settle(&g)
}

// evidence loads the last events, the one at hand behind them.
func (e *Engine) evidence(g *group, en entry) {
	e.list = e.load(e.list[:0], g)
	over := 0
	for n, rest := e.list.count()+1-maxEvidence, e.list; n > 0; n-- {
		var first entry
		first, rest = rest.cut()
		over += len(first)
	}
	e.list = append(slices.Delete(e.list, 0, over), en...)
}

// keepEvidence stores an event among the last ones. Only where it takes a new chunk
// are those counted, and the first ones dropped that will not be shown.
func (e *Engine) keepEvidence(g *group, en entry) {
	chunk := g.entries
	e.push(g, en)
	if g.entries == chunk {
		return
	}
	if over := e.survey(g).count - maxEvidence; over > 0 {
		e.dropFirst(g, over)
	}
}
