package detector_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// reference is the rule language of DESIGN.md, section 3, written down as
// plainly as it reads there and with no thought of speed: the engine is compared
// with it. Numbers in comments are DESIGN's paragraphs, and what follows them in
// quotation marks is DESIGN's text. It knows no profile (3.9): a device is
// trusted if its event says so.
type reference struct {
	rules   []*rules.Rule
	options refOptions

	newest  holdfast.Instant // that moved the watermark
	started bool             // there is a newest
	seen    []holdfast.Event // with an id

	states map[string]*refState // by rule and group
	held   []*refHeld

	fired []*refAlert // in firing order
	// doubtful says that a sum or a baseline came so close to its threshold that
	// the rounding of floating point decided.
	doubtful bool
}

type refOptions struct {
	Lateness, MaxLateness time.Duration
	MaxEntries            int
}

// refInput is one record of the partition.
type refInput struct {
	Event  holdfast.Event
	Offset int64
	Broker holdfast.Instant // 0: none
}

// refEvent is an event on its way through the rules.
type refEvent struct {
	holdfast.Event
	offset int64     // of an alert: of the event that completed it
	alert  *refAlert // the alert that the event is, if it is one
}

// name is how evidence refers to the event: by its offset, or as rule@trigger.
func (e refEvent) name() string {
	if e.alert != nil {
		return fmt.Sprintf("%s@%d", e.alert.rule.ID, e.offset)
	}
	return fmt.Sprint(e.offset)
}

type refAlert struct {
	rule     *rules.Rule
	time     holdfast.Instant
	group    []string
	trigger  int64
	evidence []string
	count    int

	completed   refEvent // by which
	occurrences int
	last        int64 // offset of the last occurrence
}

// event is the alert as an event. 3.6: "an event of type `alert` with `rule`,
// `level`, the alert's time, and the other fields of the event that completed
// it".
func (a *refAlert) event() refEvent {
	e := a.completed.Event
	e.Type, e.Rule, e.Level, e.Time = holdfast.TypeAlert, a.rule.ID, a.rule.Level, a.time
	return refEvent{e, a.trigger, a}
}

func (a *refAlert) String() string {
	return fmt.Sprintf("%s %s %s %q trigger %d evidence %v count %d",
		a.rule.ID, a.rule.Level, a.time, a.group, a.trigger, a.evidence, a.count)
}

// refHeld is an alert that waits for its deadline (3.5), which is its time.
type refHeld struct {
	*refAlert
	rule  *rules.Rule // with the overrides of the event that completed it
	state *refState
}

// refState is what a rule knows of one group.
type refState struct {
	entries []refEvent // 3.3; of 3.7 and 3.8, the evidence
	refSequence
	refScore
	refSurge

	suppressedUntil holdfast.Instant
	open            *refAlert // the alert that suppresses, or nil
}

func newReference(set *rules.Set, o refOptions) *reference {
	return &reference{
		rules: set.Rules,
		options: refOptions{
			Lateness:    cmp.Or(o.Lateness, 5*time.Second),
			MaxLateness: cmp.Or(o.MaxLateness, 15*time.Minute),
			MaxEntries:  cmp.Or(o.MaxEntries, 10000),
		},
		states: map[string]*refState{},
	}
}

// process takes in the next record.
func (r *reference) process(in refInput) {
	if r.duplicate(&in.Event) {
		return
	}
	// Watermark: "the newest time it has seen […]; where records carry a broker
	// time, an event moves it by no more than that time".
	moved := in.Event.Time
	if in.Broker != 0 {
		moved = min(moved, in.Broker)
	}
	if !r.started || moved > r.newest {
		r.newest, r.started = moved, true
	}
	// 3.5: "Deadlines are looked at when the next event arrives, before it is
	// processed: those that are *before* the watermark as that event has moved
	// it pass".
	r.passDeadlines(func(deadline holdfast.Instant) bool { return deadline < r.watermark() })
	r.pass(refEvent{Event: in.Event, offset: in.Offset})
}

// finish ends the input. 3.5: "at the end of a file every deadline passes and
// the watermark stays".
func (r *reference) finish() {
	r.passDeadlines(func(holdfast.Instant) bool { return true })
}

// watermark is "the newest time it has seen, less `lateness`".
func (r *reference) watermark() holdfast.Instant { return r.newest.Add(-r.options.Lateness) }

// duplicate is section 2: "An event is a duplicate only if `id`, `time`, `type`,
// `account` and `attempt` all equal those of one of the partition's last 65,536
// events with an id".
func (r *reference) duplicate(e *holdfast.Event) bool {
	if e.ID == "" {
		return false
	}
	for _, s := range r.seen[max(0, len(r.seen)-65536):] {
		if s.ID == e.ID && s.Time == e.Time && s.Type == e.Type && s.Account == e.Account && s.Attempt == e.Attempt {
			return true
		}
	}
	r.seen = append(r.seen, *e)
	return false
}

// pass shows an event to all rules, and then the alerts it causes. 3.6: "Each
// alert re-enters the engine after the event that caused it has passed all
// rules, first in, first out".
func (r *reference) pass(e refEvent) {
	queue := []refEvent{e}
	for len(queue) > 0 {
		e, queue = queue[0], queue[1:]
		// "Rules are applied in the order of their files' names, then of their
		// place in the file; alerts of one event enter in that order."
		for _, rule := range r.rules {
			if a := r.apply(rule, e); a != nil {
				r.fired = append(r.fired, a)
				queue = append(queue, a.event())
			}
		}
	}
}

// passDeadlines is 3.5: deadlines "pass in the order (deadline, offset, rule
// id), each followed by the alerts it causes (3.6), until none is due".
func (r *reference) passDeadlines(due func(holdfast.Instant) bool) {
	for {
		var first *refHeld
		for _, h := range r.held {
			if due(h.time) && (first == nil || h.before(first)) {
				first = h
			}
		}
		if first == nil {
			return
		}
		r.held = slices.DeleteFunc(r.held, func(h *refHeld) bool { return h == first })
		// "At the deadline suppression is checked once more, as it stands
		// (forgetting apart), and set to `deadline + suppress`".
		if !first.state.suppresses(first.time) {
			first.state.suppress(first.rule, first.refAlert)
			r.fired = append(r.fired, first.refAlert)
			r.pass(first.event())
		}
	}
}

func (h *refHeld) before(other *refHeld) bool {
	return cmp.Or(cmp.Compare(h.time, other.time), cmp.Compare(h.trigger, other.trigger), cmp.Compare(h.rule.ID, other.rule.ID)) < 0
}

// apply shows an event to a rule and returns the alert that fires, if one does.
func (r *reference) apply(rule *rules.Rule, e refEvent) *refAlert {
	// Section 3: "deprecated = off".
	if rule.Status == holdfast.Deprecated {
		return nil
	}
	// 3: "events in which one is empty are not counted".
	group := values(rule.GroupBy, e)
	if slices.Contains(group, "") {
		return nil
	}
	// 3.6: an alert that no condition of the rule sees does not reach its groups,
	// not even to make them forget.
	if e.alert != nil && !slices.ContainsFunc(rule.Conditions(), func(p *expression.Program) bool { return r.sees(rule, p, e) }) {
		return nil
	}
	key := rule.ID + "\x00" + strings.Join(group, "\x00")
	s := r.states[key]
	if s == nil {
		s = &refState{}
		r.states[key] = s
	}
	rule = r.overridden(rule, e)
	r.forget(rule, s)
	// 3.5: "An event is held against `without` first, then against `cancel`,
	// `until`, `match`, and may count in both."
	r.answer(rule, s, e)
	switch {
	case rule.Score != nil:
		return r.score(rule, s, group, e)
	case rule.Surge != nil:
		return r.surge(rule, s, group, e)
	case rule.Sequence != nil:
		return r.sequence(rule, s, group, e)
	default:
		return r.count(rule, s, group, e)
	}
}

// holds reports whether a condition of a rule is true of an event.
func (r *reference) holds(rule *rules.Rule, p *expression.Program, e refEvent) bool {
	return (e.alert == nil || r.sees(rule, p, e)) && p.Match(&expression.Scope{Event: &e.Event})
}

// sees reports whether a condition of a rule is shown an alert. 3.6: "Only an
// expression that contains `type == "alert"` ever sees one; which rules it
// builds on, it says […]. A rule can't see itself […]; a live rule doesn't see
// alerts of a rule in `test`".
func (r *reference) sees(rule *rules.Rule, p *expression.Program, e refEvent) bool {
	hidden := rule.Status == holdfast.Stable && e.alert.rule.Status == holdfast.Test
	return rules.Sees(rule, p, e.Rule) && !hidden
}

// excepted is 3.3: "no exception matches (one with `until` holds for events
// before the end of that day, UTC)".
func (r *reference) excepted(rule *rules.Rule, e refEvent) bool {
	return slices.ContainsFunc(rule.Exceptions, func(x rules.Exception) bool {
		return (!x.Ends || e.Time < x.Until) && r.holds(rule, x.Match, e)
	})
}

// overridden is the rule with the values of the first override that matches.
// DESIGN says nothing of overrides; rules.Override does: it "sets other values
// for the groups that match. A nil value is the rule's own".
func (r *reference) overridden(rule *rules.Rule, e refEvent) *rules.Rule {
	for _, o := range rule.Overrides {
		if !r.holds(rule, o.Match, e) {
			continue
		}
		other := *rule
		if o.Count != nil {
			other.Count = *o.Count
		}
		if o.Timespan != nil {
			other.Timespan = *o.Timespan
		}
		if o.Suppress != nil {
			other.Suppress = *o.Suppress
		}
		if o.Threshold != nil {
			score := *rule.Score
			score.Threshold = *o.Threshold
			other.Score = &score
		}
		return &other
	}
	return rule
}

// forget is Forgetting: "When an event reaches a group, the group first forgets
// its entries (chains) if the watermark is past their `T + timespan +
// max_lateness` […], its suppression once it is past suppressed-until +
// `max_lateness`, its score or baseline after 20 half-lives + `max_lateness`".
func (r *reference) forget(rule *rules.Rule, s *refState) {
	past := func(t holdfast.Instant, span time.Duration) bool {
		return r.watermark() > t.Add(span+r.options.MaxLateness)
	}
	if s.open != nil && past(s.suppressedUntil, 0) {
		s.open = nil
	}
	switch {
	case rule.Score != nil:
		if s.refScore.begun && past(s.refScore.newest, 20*rule.Score.HalfLife) {
			s.refScore, s.entries = refScore{}, nil
		}
	case rule.Surge != nil:
		if s.refSurge.begun && past(s.refSurge.newest, 20*rule.Surge.HalfLife) {
			s.refSurge, s.entries = refSurge{}, nil
		}
	case rule.Sequence != nil:
		if s.refSequence.begun && past(s.refSequence.newest, rule.Timespan) {
			s.refSequence = refSequence{}
		}
	default:
		if len(s.entries) > 0 && past(newestOf(s.entries), rule.Timespan) {
			s.entries = nil
		}
	}
}

// answer is 3.5: "An event of the same group that matches, whose time is ≤ the
// deadline, and that equals the event that completed the alert in every `same`
// field (an empty value equals nothing) cancels it".
func (r *reference) answer(rule *rules.Rule, s *refState, e refEvent) {
	if rule.Without == nil || !r.holds(rule, rule.Without.Match, e) {
		return
	}
	r.held = slices.DeleteFunc(r.held, func(h *refHeld) bool {
		return h.state == s && e.Time <= h.time && same(rule.Without.Same, e, h.completed)
	})
}

// met is what follows when a rule's condition is met by an event: the alert
// that fires, or nil if it is held. 3.5: "When the condition of 3.3 or 3.4 is
// met, the alert is held until `t + for` instead of fired; entries or chains are
// cleared as if it had fired".
func (r *reference) met(rule *rules.Rule, s *refState, group []string, e refEvent, evidence []refEvent) *refAlert {
	a := &refAlert{rule: rule, time: e.Time, group: group, trigger: e.offset, count: len(evidence), completed: e}
	for _, x := range evidence {
		a.evidence = append(a.evidence, x.name())
	}
	if rule.Without != nil {
		a.time = e.Time.Add(rule.Without.For)
		r.held = append(r.held, &refHeld{a, rule, s})
		return nil
	}
	s.suppress(rule, a)
	return a
}

// suppress is 3.3: "set suppressed-until to `t + suppress` ([…] `0s`, or neither
// given, is no suppression)".
func (s *refState) suppress(rule *rules.Rule, a *refAlert) {
	if rule.Suppress > 0 {
		s.suppressedUntil, s.open = a.time.Add(rule.Suppress), a
	}
}

// suppresses is 3.3: "*t* ≤ suppressed-until".
func (s *refState) suppresses(t holdfast.Instant) bool {
	return s.open != nil && t <= s.suppressedUntil
}

// occurs is 3.3: "if *t* ≤ suppressed-until, it is an occurrence of the open
// alert, builds nothing, and that is all".
func (s *refState) occurs(e refEvent) bool {
	if !s.suppresses(e.Time) {
		return false
	}
	s.open.occurrences++
	s.open.last = e.offset
	return true
}

// values are the texts of the fields. 3: "Group values compare as text,
// case-sensitive; `""`, `0`, `false` and absent are empty".
func values(fields []expression.Field, e refEvent) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Value(&expression.Scope{Event: &e.Event})
	}
	return all
}

// same is 3.3: "equal to *e* in every one of these fields (an empty value equals
// nothing)".
func same(fields []expression.Field, a, b refEvent) bool {
	va := values(fields, a)
	return !slices.Contains(va, "") && slices.Equal(va, values(fields, b))
}

func newestOf(events []refEvent) holdfast.Instant {
	return slices.MaxFunc(events, func(a, b refEvent) int { return cmp.Compare(a.Time, b.Time) }).Time
}

func earliestOf(events []refEvent) holdfast.Instant {
	return slices.MinFunc(events, func(a, b refEvent) int { return cmp.Compare(a.Time, b.Time) }).Time
}
