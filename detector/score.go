package detector

import (
	"math"
)

// maxEvidence is how many of the last events a score or a surge shows.
const maxEvidence = 100

// applyScore applies a rule that sums decaying points (DESIGN 3.7). The sum is
// kept as of the newest event: an older one adds its points as they are.
func (r *ruleState) applyScore(e *Engine, s *scope, out *Output) (firing, bool) {
	points := 0.0
	for i := range r.points {
		if r.points[i].holds(s) {
			points += r.rule.Score.Points[i].Add
		}
	}
	if points == 0 || r.excepted(s) {
		return firing{}, false
	}
	id, g, set := r.admit(e, s, out)
	if g == nil {
		return firing{}, false
	}
	defer r.keep(e, id, g)
	if t := s.Event.Time; g.alive && t > g.newest {
		g.score *= math.Exp2(-float64(t.Sub(g.newest)) / float64(r.rule.Score.HalfLife))
	}
	g.saw(s.Event.Time)
	g.score += points
	g.evidence(r.entryOf(e, s))
	if g.score < set.threshold {
		return firing{}, false
	}
	newest := g.newest
	a, fired := r.complete(e, s, g, set, g.entries)
	g.saw(newest) // the sum starts anew; what it decays from does not
	return a, fired
}

// evidence remembers the event among the last ones.
func (g *group) evidence(en entry) {
	if len(g.entries) == maxEvidence {
		copy(g.entries, g.entries[1:])
		g.entries = g.entries[:maxEvidence-1]
	}
	g.entries = append(g.entries, en)
}
