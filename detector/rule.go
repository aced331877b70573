package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// ruleState is a rule made ready to be applied, and the groups it watches.
type ruleState struct {
	rule       *rules.Rule
	match      condition
	cancel     condition
	until      condition
	without    condition
	steps      []condition
	slots      []int       // the step of each event of a sequence
	matched    []truth     // by step, for the event at hand
	points     []condition // the lines of a score
	exceptions []condition
	settings   settings
	overrides  []override
	longest    time.Duration // that any group remembers for, lateness apart

	groups *groups
	buf    tuple
}

// condition is a compiled condition and the rules whose alerts it is shown.
type condition struct {
	program *expression.Program
	alerts  map[string]bool
	until   holdfast.Instant // of an exception: the first instant it does not hold at
	ends    bool
}

// settings are the values that an override can change.
type settings struct {
	count              int
	timespan, suppress time.Duration
	threshold          float64
}

// override sets other values for the events that match.
type override struct {
	condition
	settings settings
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
	s := &ruleState{rule: r, groups: newGroups()}
	s.match, s.until = compile(r.Match), compile(r.Until)
	if r.Cancel != nil {
		s.cancel = compile(r.Cancel.Match)
	}
	if r.Without != nil {
		s.without = compile(r.Without.Match)
	}
	for i, step := range r.Sequence {
		s.steps = append(s.steps, compile(step.Match))
		s.slots = append(s.slots, slices.Repeat([]int{i}, step.Count)...)
	}
	s.matched = make([]truth, len(s.steps))
	s.settings = settings{count: r.Count, timespan: r.Timespan, suppress: r.Suppress}
	if r.Score != nil {
		s.settings.threshold = r.Score.Threshold
		for _, line := range r.Score.Points {
			s.points = append(s.points, compile(line.Match))
		}
	}
	for _, x := range r.Exceptions {
		c := compile(x.Match)
		c.until, c.ends = x.Until, x.Ends
		s.exceptions = append(s.exceptions, c)
	}
	s.longest = s.span(r.Timespan)
	for _, o := range r.Overrides {
		own := s.settings.with(o)
		s.overrides = append(s.overrides, override{compile(o.Match), own})
		s.longest = max(s.longest, s.span(own.timespan))
	}
	return s
}

// with returns the settings with an override's values in place of their own.
func (s settings) with(o rules.Override) settings {
	if o.Count != nil {
		s.count = *o.Count
	}
	if o.Timespan != nil {
		s.timespan = *o.Timespan
	}
	if o.Suppress != nil {
		s.suppress = *o.Suppress
	}
	if o.Threshold != nil {
		s.threshold = *o.Threshold
	}
	return s
}

// settingsFor returns the values in force for an event: those of the first
// override that matches, or the rule's own.
func (r *ruleState) settingsFor(s *scope) *settings {
	for i := range r.overrides {
		if o := &r.overrides[i]; o.holds(s) {
			return &o.settings
		}
	}
	return &r.settings
}

// span is how long after its newest event a group remembers, lateness apart.
func (r *ruleState) span(timespan time.Duration) time.Duration {
	const halfLives = 20 // a millionth is left
	switch {
	case r.rule.Score != nil:
		return halfLives * r.rule.Score.HalfLife
	case r.rule.Surge != nil:
		return halfLives * r.rule.Surge.HalfLife
	}
	return timespan
}

// concerns reports whether an event of a type can mean anything to the rule.
func (r *ruleState) concerns(eventType string) bool {
	for _, c := range [][]condition{{r.match, r.cancel, r.until, r.without}, r.steps, r.points} {
		for i := range c {
			if c[i].program != nil && c[i].program.CanMatch(eventType) {
				return true
			}
		}
	}
	return false
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
	if r.without.holds(s) {
		r.answer(e, s)
	}
	switch {
	case r.rule.Sequence != nil:
		return r.applySequence(e, s, out)
	case r.rule.Score != nil:
		return r.applyScore(e, s, out)
	case r.rule.Surge != nil:
		return r.applySurge(e, s, out)
	}
	return r.applyCount(e, s, out)
}

// groupOf finds the event's group and lets it forget what is too old to count.
// There is none if one of the group's fields is empty.
func (r *ruleState) groupOf(e *Engine, s *scope, set *settings) (groupID, *group, bool) {
	values, ok := valuesOf(r.buf[:0], r.rule.GroupBy, &s.Scope)
	r.buf = values
	if !ok {
		return groupID{}, nil, false
	}
	id := e.key.wide(values)
	g := r.groups.byID[id]
	if g != nil {
		g.forget(e.watermark, r.span(set.timespan)+e.opts.MaxLateness, e.opts.MaxLateness)
	}
	return id, g, true
}

// admit returns the group that an event counts in, and the values in force for
// it. There is none if the event belongs to no group, or falls into an open
// alert.
func (r *ruleState) admit(e *Engine, s *scope, out *Output) (groupID, *group, *settings) {
	set := r.settingsFor(s)
	id, g, ok := r.groupOf(e, s, set)
	switch {
	case !ok || g.suppressed(s.Event.Time, s.position, out):
		return id, nil, nil
	case g == nil:
		g = &group{}
	}
	return id, g, set
}

// keep makes sure that the group is stored and will be looked at again when it
// may have nothing left to remember.
func (r *ruleState) keep(e *Engine, id groupID, g *group) {
	if g.serial != 0 {
		return
	}
	if until, ok := g.remembersUntil(r.longest+e.opts.MaxLateness, e.opts.MaxLateness); ok {
		if r.groups.put(id, g, until, e.opts.MaxGroups) {
			e.stats.Evicted++
		}
	}
}

// entryOf is what the rule remembers of an event.
func (r *ruleState) entryOf(e *Engine, s *scope) entry {
	en := entry{
		time: s.Event.Time, first: s.first, position: s.position, alert: s.alert, behind: s.behind,
		device: e.key.narrow(s.Event.Device.ID), session: e.key.narrow(s.Event.Session),
	}
	if r.rule.Cancel != nil {
		en.same = e.key.same(r.buf[:0], r.rule.Cancel.Same, &s.Scope)
	}
	if len(r.rule.Distinct) > 0 {
		en.values = make([]uint64, len(r.rule.Distinct))
		for i := range r.rule.Distinct {
			en.values[i] = e.key.narrow(r.rule.Distinct[i].Field.Value(&s.Scope))
		}
	}
	return en
}

// suppressed reports whether something of time t falls into an open alert; if so
// it is counted as one more occurrence of it.
func (g *group) suppressed(t holdfast.Instant, at holdfast.Position, out *Output) bool {
	if g == nil || !g.hasOpen || t > g.suppressedUntil {
		return false
	}
	g.open.Count++
	g.open.Last = at
	out.occurred(g.open)
	return true
}

// complete makes the alert of a group whose condition is met, from its evidence.
// It fires at once, or is held back for as long as the rule says.
func (r *ruleState) complete(e *Engine, s *scope, g *group, set *settings, evidence []entry) (firing, bool) {
	a := newFiring(r.rule, s, evidence)
	g.clear()
	if r.rule.Without != nil {
		r.hold(e, g, a, set.suppress)
		return firing{}, false
	}
	g.openAlert(&a, set.suppress)
	return a, true
}

// reopen ends the suppression in every group: that of a rule on trial must not
// silence the live one.
func (r *ruleState) reopen() {
	for _, g := range r.groups.byID {
		g.hasOpen = false
	}
}

// openAlert opens the suppression of an alert that fires.
func (g *group) openAlert(a *firing, suppress time.Duration) {
	if g.hasOpen = suppress > 0; g.hasOpen {
		g.suppressedUntil = a.alert.Time.Add(suppress)
		g.open = holdfast.Occurrences{Alert: a.alert.ID, Last: a.alert.Trigger}
		a.openUntil = g.suppressedUntil
	}
}
