package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// ruleState is a rule and what the engine knows of its groups as a whole.
type ruleState struct {
	rule     *rules.Rule
	hears    map[string]bool // the rules whose alerts it may be shown
	settings settings
	longest  time.Duration // that any group remembers for, lateness apart
	slots    []int         // the step of each event of a sequence
	matched  []truth       // by step, for the event at hand

	owner    uint16 // of the rule's chunks
	name     uint32 // number of its id among the engine's names
	table    int    // number of its grouping
	grouping *grouping
	stored   int    // groups that it remembers
	begun    int    // groups that it has begun to remember
	hand     uint32 // the record from which on it looks for a group to give up
	victims  *victims
}

// settings are the values that an override can change.
type settings struct {
	count              int
	timespan, suppress time.Duration
	threshold          float64
}

// newRuleState makes a rule ready to be applied as one of a set.
func newRuleState(r *rules.Rule, set *rules.Set) *ruleState {
	s := &ruleState{rule: r, hears: make(map[string]bool, len(set.Rules))}
	for _, other := range set.Rules {
		s.hears[other.ID] = other.Status != holdfast.Test || r.Status == holdfast.Test
	}
	for i, step := range r.Sequence {
		s.slots = append(s.slots, slices.Repeat([]int{i}, step.Count)...)
	}
	s.matched = make([]truth, len(r.Sequence))
	s.settings = settings{count: r.Count, timespan: r.Timespan, suppress: r.Suppress}
	if r.Score != nil {
		s.settings.threshold = r.Score.Threshold
	}
	s.longest = s.span(r.Timespan)
	for _, o := range r.Overrides {
		s.longest = max(s.longest, s.span(s.settings.with(o).timespan))
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

// apply shows the event to the rule; what fires is queued.
func (r *rulePlan) apply(e *Engine, s *scope, out *Output) {
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

// groupOf finds the event's group and lets it forget what is too old to count.
// There is none if one of the group's fields is empty.
func (r *rulePlan) groupOf(e *Engine, s *scope, set *settings) (group, bool) {
	p := e.place(r.table, s)
	if !p.belongs {
		return group{}, false
	}
	g := e.look(r.ruleState, p)
	if g.stored {
		e.forget(&g, r.span(set.timespan)+e.opts.MaxLateness)
	}
	return g, true
}

// admit returns the group that an event counts in, and the values in force for
// it. There are none if the event belongs to no group, or falls into an open
// alert.
func (r *rulePlan) admit(e *Engine, s *scope, out *Output) (group, *settings) {
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
	if pair := packTrace(e.deviceOf(s), e.sessionOf(s)); pair != 0 {
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

// deviceOf is the hash of the id of the event's device; 0 if there is none.
func (e *Engine) deviceOf(s *scope) uint64 {
	if s.device == 0 {
		s.device = e.key.narrow(s.Event.Device.ID)
	}
	return s.device
}

// sessionOf is the hash of the id of the event's session; 0 if there is none.
func (e *Engine) sessionOf(s *scope) uint64 {
	if s.session == 0 {
		s.session = e.key.narrow(s.Event.Session)
	}
	return s.session
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
	s.Resolve() // the alert will be shown with what was known before its event
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
