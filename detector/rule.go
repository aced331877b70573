package detector

import (
	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// ruleState is a rule made ready to be applied, and the groups it watches.
type ruleState struct {
	rule       *rules.Rule
	match      condition
	cancel     condition
	same       []expression.Field // of cancel
	until      condition
	slots      []condition // the steps of a sequence, one per event
	exceptions []condition

	groups map[groupID]*group
	expiry expiry
	buf    tuple
}

// condition is a compiled condition and the rules whose alerts it is shown.
type condition struct {
	program *expression.Program
	alerts  map[string]bool
	until   holdfast.Instant // of an exception: the first instant it does not hold at
	ends    bool
}

// newRuleState compiles a rule against the set it belongs to.
func newRuleState(r *rules.Rule, set *rules.Set) *ruleState {
	compile := func(p *expression.Program) condition {
		c := condition{program: p}
		if p == nil || !p.SeesAlerts {
			return c
		}
		c.alerts = make(map[string]bool)
		for _, source := range set.Rules {
			hidden := source.Status == holdfast.Test && r.Status != holdfast.Test
			c.alerts[source.ID] = rules.Sees(r, p, source.ID) && !hidden
		}
		return c
	}
	s := &ruleState{rule: r, groups: make(map[groupID]*group), expiry: newExpiry()}
	s.match, s.until = compile(r.Match), compile(r.Until)
	if r.Cancel != nil {
		s.cancel, s.same = compile(r.Cancel.Match), r.Cancel.Same
	}
	for _, step := range r.Sequence {
		for range step.Count {
			s.slots = append(s.slots, compile(step.Match))
		}
	}
	for _, x := range r.Exceptions {
		c := compile(x.Match)
		c.until, c.ends = x.Until, x.Ends
		s.exceptions = append(s.exceptions, c)
	}
	return s
}

// holds reports whether the condition is met. An alert is shown only to a
// condition that asks for it.
func (c *condition) holds(s *scope) bool {
	if c.program == nil || s.alert != "" && !c.alerts[s.Event.Rule] {
		return false
	}
	return c.program.Match(&s.Scope)
}

// excepted reports whether an exception excludes the event.
func (r *ruleState) excepted(s *scope) bool {
	for i := range r.exceptions {
		x := &r.exceptions[i]
		if (!x.ends || s.Event.Time < x.until) && x.holds(s) {
			return true
		}
	}
	return false
}

// apply shows the event to the rule, and returns the alert if one fires.
func (r *ruleState) apply(e *Engine, s *scope, out *Output) (firing, bool) {
	if r.rule.Sequence != nil {
		return r.applySequence(e, s, out)
	}
	return r.applyCount(e, s, out)
}

// groupOf finds the event's group and lets it forget what is too old to count.
// There is none if one of the group's fields is empty.
func (r *ruleState) groupOf(e *Engine, s *scope) (groupID, *group, bool) {
	values, ok := valuesOf(r.buf[:0], r.rule.GroupBy, &s.Scope)
	r.buf = values
	if !ok {
		return groupID{}, nil, false
	}
	id := e.key.wide(values)
	g := r.groups[id]
	if g != nil {
		g.forget(e.watermark, r.rule.Timespan+e.opts.MaxLateness, e.opts.MaxLateness)
	}
	return id, g, true
}

// keep makes sure that the group is stored and will be looked at again when it
// may have nothing left to remember.
func (r *ruleState) keep(e *Engine, id groupID, g *group) {
	if g == nil || g.listed {
		return
	}
	if until, ok := g.remembersUntil(r.rule.Timespan+e.opts.MaxLateness, e.opts.MaxLateness); ok {
		r.groups[id] = g
		g.listed = true
		r.expiry.add(until, id)
	}
}

// entryOf is what the rule remembers of an event.
func (r *ruleState) entryOf(e *Engine, s *scope) entry {
	en := entry{
		time: s.Event.Time, first: s.first, position: s.position, alert: s.alert,
		device: e.key.narrow(s.Event.Device.ID), session: e.key.narrow(s.Event.Session),
	}
	if len(r.same) > 0 {
		en.same = e.key.same(r.buf[:0], r.same, &s.Scope)
	}
	return en
}

// suppressed reports whether the event falls into an open alert; if so it is
// counted as one more occurrence of it.
func (g *group) suppressed(s *scope, out *Output) bool {
	if g == nil || !g.hasOpen || s.Event.Time > g.suppressedUntil {
		return false
	}
	g.open.Count++
	g.open.Last = s.position
	out.occurred(g.open)
	return true
}

// fire makes the alert of a group from its evidence and opens the suppression.
func (r *ruleState) fire(s *scope, g *group, evidence []entry) firing {
	a := newFiring(r.rule, s, evidence)
	g.clear()
	g.hasOpen = r.rule.Suppress > 0
	if g.hasOpen {
		g.suppressedUntil = s.Event.Time.Add(r.rule.Suppress)
		g.open = holdfast.Occurrences{Alert: a.alert.ID, Last: s.position}
		a.openUntil = g.suppressedUntil
	}
	return a
}
