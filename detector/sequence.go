package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// chain is a way in which a sequence has begun: its events, and the time of the
// earliest of them. Chains share the events they have in common.
type chain struct {
	last     *link
	earliest holdfast.Instant
}

// link is the last event of a chain, and those before it.
type link struct {
	entry
	before *link
}

func (c chain) extended(en entry) chain {
	earliest := en.time
	if c.last != nil {
		earliest = min(earliest, c.earliest)
	}
	return chain{&link{en, c.last}, earliest}
}

// events returns the chain's events, the first one first.
func (c chain) events() []entry {
	var all []entry
	for l := c.last; l != nil; l = l.before {
		all = append(all, l.entry)
	}
	slices.Reverse(all)
	return all
}

// applySequence applies a rule of ordered steps (DESIGN 3.4). Of the chains that
// have come equally far only the one that will last longest is kept, so that a
// group never holds more chains than the sequence has events.
func (r *ruleState) applySequence(e *Engine, s *scope, out *Output) (firing, bool) {
	if r.until.holds(s) {
		if _, g, ok := r.groupOf(e, s, r.settingsFor(s)); ok && g != nil {
			g.clear()
		}
		return firing{}, false
	}
	clear(r.matched)
	if !r.matchesAny(s) || r.excepted(s) {
		return firing{}, false
	}
	id, g, set := r.admit(e, s, out)
	if g == nil {
		return firing{}, false
	}
	defer r.keep(e, id, g)
	if g.chains == nil {
		g.chains = make([]chain, len(r.slots))
	}
	g.saw(s.Event.Time)
	if whole := r.extend(g, s, r.entryOf(e, s), set.timespan); whole.last != nil {
		return r.complete(e, s, g, set, whole.events())
	}
	return firing{}, false
}

// truth is whether a condition holds for the event at hand, if it is known yet.
type truth uint8

const (
	unknown truth = iota
	holds
	fails
)

// matches reports whether the event matches a step. Each step is asked once an
// event, however many events the step takes.
func (r *ruleState) matches(step int, s *scope) bool {
	if r.matched[step] == unknown {
		r.matched[step] = fails
		if r.steps[step].holds(s) {
			r.matched[step] = holds
		}
	}
	return r.matched[step] == holds
}

func (r *ruleState) matchesAny(s *scope) bool {
	for step := range r.steps {
		if r.matches(step, s) {
			return true
		}
	}
	return false
}

// extend lets the event take each chain one step further that it can, and
// returns the complete chain if there is one. From the longest chain down, so
// that the event serves one step of a chain.
func (r *ruleState) extend(g *group, s *scope, en entry, timespan time.Duration) chain {
	oldest := g.newest.Add(-timespan)
	tooOld := func(c chain) bool { return timespan > 0 && c.earliest < oldest }
	for i := range g.chains {
		if g.chains[i].last != nil && tooOld(g.chains[i]) {
			g.chains[i] = chain{}
		}
	}
	last := len(r.slots) - 1
	for n := last; n >= 0; n-- {
		before := chain{}
		if n > 0 {
			before = g.chains[n-1]
		}
		if n > 0 && before.last == nil || !r.matches(r.slots[n], s) {
			continue
		}
		c := before.extended(en)
		switch at := &g.chains[n]; {
		case tooOld(c):
		case n == last:
			return c
		case at.last == nil || c.earliest > at.earliest:
			*at = c
		}
	}
	return chain{}
}
