package expression

import (
	"slices"
	"strings"
)

// search looks for an event for which conditions are what is asked of them. It
// takes the conditions apart until only comparisons are left (a tableau): of
// what may come to be in several ways, it tries one after the other, and gives
// up a way as soon as two comparisons on it contradict each other.
type search struct {
	*Prover
	eventType string
	facts     []fact // of the way at hand

	open      func() // called for each way that is left; nil to stop at the first
	every     bool   // look at every way
	steps     int
	exhausted bool
	reasons   []string // why ways were given up, each once
}

// goal is a condition that must hold or must fail, and those beside it.
type goal struct {
	n    *node
	want bool
	next *goal
}

// fact is a comparison that holds or fails on the way at hand.
type fact struct {
	atom *node
	want bool
	key  string
	// term is the one part of the comparison that depends on the event, with its
	// key; nil if there are several.
	term    *node
	termKey string
}

func (p *Prover) search(eventType string) *search {
	return &search{Prover: p, eventType: eventType, steps: min(maxSteps, p.left)}
}

// run reports whether there can be an event.
func (s *search) run(q Question) bool {
	if !s.spend(1) {
		return true
	}
	var goals *goal
	for _, program := range q.Holds {
		if program != nil {
			goals = &goal{s.root(program, s.eventType), true, goals}
		}
	}
	for _, program := range q.Fails {
		if program != nil {
			goals = &goal{s.root(program, s.eventType), false, goals}
		}
	}
	return s.solve(goals, nil)
}

// spend takes steps, and reports whether there are any left.
func (s *search) spend(n int) bool {
	s.steps -= n
	s.left -= n
	s.exhausted = s.exhausted || s.steps < 0
	return !s.exhausted
}

// solve looks for a way on which all goals are met, and the alternatives that
// wait for them. It reports whether the search is over: one was found, or it
// took too long.
func (s *search) solve(goals, alternatives *goal) (over bool) {
	known := len(s.facts)
	defer func() { s.facts = s.facts[:known] }()
	for goals != nil {
		g := goals
		goals = g.next
		if !s.spend(1) {
			return true
		}
		switch n := g.n; {
		case n.constant():
			if n.holds() != g.want {
				return false
			}
		case n.op == opNot:
			goals = &goal{n.args[0], !g.want, goals}
		case n.op == opAnd && g.want, n.op == opOr && !g.want:
			for _, a := range slices.Backward(n.args) {
				goals = &goal{a, g.want, goals}
			}
		case n.op == opAnd, n.op == opOr, n.op == opEqual && n.args[0].typ == Bool:
			alternatives = &goal{n, g.want, alternatives} // once all is known that is certain
		default:
			if !s.learn(n, g.want) {
				return s.exhausted
			}
		}
	}
	if alternatives != nil {
		return s.branch(alternatives)
	}
	if s.open != nil {
		s.open()
	}
	return !s.every
}

// branch tries the ways in which the first of the alternatives can come to be.
func (s *search) branch(alternatives *goal) (over bool) {
	n, want, rest := alternatives.n, alternatives.want, alternatives.next
	if n.op == opEqual {
		for _, left := range []bool{true, false} {
			if s.solve(&goal{n.args[0], left, &goal{n.args[1], left == want, nil}}, rest) {
				return true
			}
		}
		return false
	}
	for _, a := range n.args {
		if s.solve(&goal{a, want, nil}, rest) {
			return true
		}
	}
	return false
}

// learn adds a fact, and reports whether it contradicts none.
func (s *search) learn(atom *node, want bool) bool {
	f := fact{atom: atom, want: want, key: s.key(atom)}
	f.term = termOf(atom)
	if f.term != nil {
		f.termKey = s.key(f.term)
	}
	if !s.spend(len(s.facts)) {
		return false
	}
	for _, g := range s.facts {
		if g.key == f.key && g.want != f.want {
			s.conflict(g, f)
			return false
		}
	}
	s.facts = append(s.facts, f)
	if f.term == nil {
		return true
	}
	of := s.about(f.termKey)
	if s.consistent(f.term, of) {
		return true
	}
	if s.exhausted {
		return false
	}
	if len(of) > 2 { // two of them may be enough
		for _, g := range of[:len(of)-1] {
			if !s.consistent(f.term, []fact{g, f}) {
				of = []fact{g, f}
				break
			}
		}
	}
	if !s.consistent(f.term, []fact{f}) {
		of = []fact{f}
	}
	s.conflict(of...)
	return false
}

// about returns the facts about a term.
func (s *search) about(termKey string) []fact {
	var of []fact
	for _, f := range s.facts {
		if f.termKey == termKey && f.term != nil {
			of = append(of, f)
		}
	}
	return of
}

// termOf returns the only part of a comparison that depends on the event; nil if
// there are several.
func termOf(atom *node) *node {
	var term *node
	for _, a := range atom.args {
		switch {
		case a.constant():
		case term != nil:
			return nil
		default:
			term = a
		}
	}
	return term
}

// The most that a reason tells, so that it is read.
const (
	maxReasons   = 2
	longestCause = 160 // bytes
)

// conflict notes which facts can't be true together.
func (s *search) conflict(facts ...fact) {
	parts, narrowed := make([]string, len(facts)), false // by the rules that are named
	for i, f := range facts {
		parts[i] = "`" + render(f.atom, f.want) + "`"
		narrowed = narrowed || s.narrows[f.atom]
	}
	var reason string
	switch {
	case len(facts) > 1:
		reason = strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1] + " exclude each other"
	default:
		reason = parts[0] + " never holds"
		if note := s.domain(facts[0].term).note; note != "" {
			reason += ": " + note
		}
	}
	if narrowed {
		reason += ": a condition that names rules is shown the alerts of no others"
	}
	if !slices.Contains(s.reasons, reason) && len(s.reasons) <= maxReasons {
		s.reasons = append(s.reasons, reason)
	}
}

// why is what stood in the way, if there was so little of it that it explains
// something.
func (s *search) why() string {
	if len(s.reasons) > maxReasons {
		return ""
	}
	if why := strings.Join(s.reasons, ", and "); len(why) <= longestCause*len(s.reasons) {
		return why
	}
	return ""
}
