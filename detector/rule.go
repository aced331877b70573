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

	owner    uint16 // of the rule's chunks
	name     uint32 // number of its id among the engine's names
	table    int    // number of its grouping
	grouping *grouping
	stored   int    // groups that it remembers
	hand     uint32 // the record from which on it looks for a group to give up
	victims  *victims
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
	s := &ruleState{rule: r}
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

// apply shows the event to the rule; what fires is queued.
func (r *ruleState) apply(e *Engine, s *scope, out *Output) {
	if r.without.holds(s) {
		r.answer(e, s)
	}
	switch {
	case r.rule.Sequence != nil:
		r.applySequence(e, s, out)
	case r.rule.Score != nil:
		r.applyScore(e, s, out)
	case r.rule.Surge != nil:
		r.applySurge(e, s, out)
	default:
		r.applyCount(e, s, out)
	}
}

// groupOf finds the event's group, lets it forget what is too old to count, and
// loads its entries. There is none if one of the group's fields is empty.
func (r *ruleState) groupOf(e *Engine, s *scope, set *settings) (group, bool) {
	p := e.place(r.table, s)
	if !p.belongs {
		return group{}, false
	}
	g := e.look(r, p)
	e.list = e.list[:0]
	if g.stored {
		e.forget(&g, r.span(set.timespan)+e.opts.MaxLateness)
	}
	return g, true
}

// admit returns the group that an event counts in, and the values in force for
// it. There are none if the event belongs to no group, or falls into an open
// alert.
func (r *ruleState) admit(e *Engine, s *scope, out *Output) (group, *settings) {
	set := r.settingsFor(s)
	g, ok := r.groupOf(e, s, set)
	switch {
	case !ok:
		return g, nil
	case e.suppressed(&g, s.Event.Time, s.position, out):
		e.settle(&g) // it may have forgotten something
		return g, nil
	}
	return g, set
}

// entryOf is what the rule remembers of an event. It is valid until the next
// call.
func (r *ruleState) entryOf(e *Engine, s *scope) entry {
	en := append(e.entry[:0], uint64(s.Event.Time), 0)
	place := uint64(s.position.Offset) << entryOffset
	if s.alert != "" {
		place |= entryAlert
		a, b := packHash(s.hash, s.name)
		en = append(en, uint64(s.first), a, b, uint64(s.position.Time))
	}
	if r.rule.Cancel != nil && len(r.rule.Cancel.Same) > 0 {
		place |= entrySame
		en = append(en, e.sameOf(r.rule.Cancel.Same, s))
	}
	place |= uint64(len(r.rule.Distinct)) << entryDistinct
	for i := range r.rule.Distinct {
		en = append(en, e.key.narrow(r.rule.Distinct[i].Field.Value(&s.Scope)))
	}
	traced := len(en)
	if pair := e.trace(s); pair != 0 {
		en = append(en, pair)
	}
	if s.behind != nil {
		for i := 0; ; i++ {
			pair, ok := s.behind.pair(i)
			if !ok {
				break
			}
			en = append(en, pair)
		}
	}
	en[1] = place | uint64(len(en)-traced)
	e.entry = en
	return en
}

// trace is the event's own device and session.
func (e *Engine) trace(s *scope) uint64 {
	if !s.traced {
		s.traced = true
		s.trace = packTrace(e.key.narrow(s.Event.Device.ID), e.key.narrow(s.Event.Session))
	}
	return s.trace
}

// sameOf hashes the values of the fields; 0 if one is empty, since an empty
// value equals nothing.
func (e *Engine) sameOf(fields []expression.Field, s *scope) uint64 {
	var ok bool
	if e.tuple, ok = valuesOf(e.tuple[:0], fields, &s.Scope); !ok || len(fields) == 0 {
		return 0
	}
	return e.key.word(e.tuple)
}

// complete makes the alert of a group whose condition is met, from its evidence.
// It fires at once, or is held back for as long as the rule says.
func (r *ruleState) complete(e *Engine, s *scope, g *group, set *settings, evidence entries) {
	e.clear(g)
	if r.rule.Without != nil {
		e.hold(s, g, evidence, set.suppress)
		return
	}
	a := e.firing(r, s, evidence)
	a.name(e.hashOf(r, s))
	e.openAlert(g, &a, set.suppress)
	e.queue = append(e.queue, a)
}

// reopen ends the suppression in every group: that of a rule on trial must not
// silence the live one.
func (r *ruleState) reopen(e *Engine) {
	for record := range r.grouping.Records() {
		if !r.grouping.Used(record) {
			continue
		}
		if g := e.look(r, &place{exists: true, record: record}); g.open != 0 {
			e.drop(&g, cellOpen)
			e.settle(&g)
		}
	}
}
