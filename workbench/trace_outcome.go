package workbench

import (
	"math"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// ruling is what a rule's conditions say of an event.
type ruling struct {
	answers   bool   // without
	takesBack bool   // cancel or until
	matches   []bool // match, or the steps, or the lines of points
	matched   bool   // any of them
	exception string // the name of the one that holds
}

// concerned reports whether any of them holds.
func (j *ruling) concerned() bool { return j.answers || j.takesBack || j.matched }

// conditionsOf are the conditions by which a rule takes events in.
func conditionsOf(r *rules.Rule) []*expression.Program {
	var all []*expression.Program
	switch {
	case r.Sequence != nil:
		for _, step := range r.Sequence {
			all = append(all, step.Match)
		}
	case r.Score != nil:
		for _, line := range r.Score.Points {
			all = append(all, line.Match)
		}
	default:
		all = append(all, r.Match)
	}
	return all
}

// concerns reports whether any condition of the rule is shown the event: an alert
// is shown to few.
func concerns(v *detector.View, r *rules.Rule) bool {
	return slices.ContainsFunc(r.Conditions(), func(p *expression.Program) bool { return v.Shown(r.ID, p) })
}

func judge(v *detector.View, r *rules.Rule) ruling {
	var j ruling
	j.answers = r.Without != nil && v.Holds(r.ID, r.Without.Match)
	j.takesBack = r.Cancel != nil && v.Holds(r.ID, r.Cancel.Match) || v.Holds(r.ID, r.Until)
	for _, p := range conditionsOf(r) {
		holds := v.Holds(r.ID, p)
		j.matches = append(j.matches, holds)
		j.matched = j.matched || holds
	}
	for _, x := range r.Exceptions {
		if j.exception == "" && (!x.Ends || v.Event().Time < x.Until) && v.Holds(r.ID, x.Match) {
			j.exception = x.Name
		}
	}
	return j
}

// entries tell what the rule did at the event, from what it was before and what it
// is after, if it may have changed. It asks in the engine's own order: `without`, then `cancel` or `until`,
// then the match, exceptions, the group, and suppression.
func (b *state) entries(v *detector.View, after *detector.Progress) []TraceEntry {
	var all []TraceEntry
	e := TraceEntry{
		Rule: b.rule.ID, Event: traceEvent(v.Event(), v.Position(), v.Alert()),
		Within: b.progress.Settings.Timespan, Override: b.progress.Settings.Override + 1,
		settings: b.progress.Settings,
	}
	if b.rule.Score != nil {
		e.Within, e.points = b.rule.Score.HalfLife, true
	}
	if len(b.progress.Empty) == 0 {
		e.Group = b.progress.Group
	}
	if b.ruling.answers {
		if gone := answered(&b.progress, after); gone > 0 {
			a := e
			a.Outcome, a.Have, a.Need = Answered, float64(gone), float64(b.progress.Holding)
			a.Conditions = b.rule.Without.Match.Explain(v.Scope())
			all = append(all, a)
		}
	}
	switch open := b.progress.Open; {
	case b.ruling.takesBack:
		if !b.takenBack(v, &e, after) {
			return all
		}
	case !b.ruling.matched:
		b.notMatched(v, &e)
		if len(all) > 0 {
			return all // it was about the answer
		}
	case b.ruling.exception != "":
		e.Outcome, e.Exception = Excepted, b.ruling.exception
	case len(b.progress.Empty) > 0:
		e.Outcome, e.Empty = NoGroup, b.progress.Empty
	case b.suppresses(v.Event().Time):
		e.Outcome, e.Alert, e.Until = Suppressed, open.Alert, open.Until
	default:
		b.taken(v, &e, after)
	}
	return append(all, e)
}

// answered is how many of the held alerts are not held any more.
func answered(before, after *detector.Progress) int {
	fresh := 0
	if len(after.Held) > 0 && (len(before.Held) == 0 || after.Held[0] != before.Held[0]) && !slices.Contains(before.Held, after.Held[0]) {
		fresh = 1
	}
	return before.Holding + fresh - after.Holding
}

// takenBack tells of an event that matched `cancel` or `until`. There is nothing to
// tell if nothing was there.
func (b *state) takenBack(v *detector.View, e *TraceEntry, after *detector.Progress) bool {
	if b.rule.Until != nil {
		if len(b.progress.Chains) == 0 {
			return false
		}
		e.Outcome, e.Have, e.Need = Ended, float64(len(b.progress.Chains[0])), float64(b.progress.Length())
		e.Conditions = b.rule.Until.Explain(v.Scope())
		return true
	}
	if b.progress.Gathered == 0 {
		return false
	}
	e.Outcome, e.Need = Canceled, float64(b.progress.Gathered)
	e.Have = e.Need - float64(after.Gathered)
	e.Conditions = b.rule.Cancel.Match.Explain(v.Scope())
	return true
}

// notMatched says which parts of a condition were false: of a sequence, those of
// the step that was due; of a score, those of the line that lacked the least.
func (b *state) notMatched(v *detector.View, e *TraceEntry) {
	e.Outcome = NotMatched
	conditions := conditionsOf(b.rule)
	which := 0
	if b.rule.Sequence != nil {
		which = b.due()
		e.Step, e.Steps = which+1, len(conditions)
	}
	e.Conditions = conditions[which].Explain(v.Scope())
	if b.rule.Score != nil {
		for _, p := range conditions[1:] {
			if parts := p.Explain(v.Scope()); lacking(parts) < lacking(e.Conditions) {
				e.Conditions = parts
			}
		}
	}
	e.strange = slices.ContainsFunc(e.Conditions, isOfType)
}

// lacking is how far a condition is from holding: a part on the type weighs more
// than all others, since an event of another type is about something else.
func lacking(parts []expression.Part) int {
	n := 0
	for _, part := range parts {
		switch {
		case isOfType(part):
			n += len(parts)
		case !part.Holds:
			n++
		}
	}
	return n
}

// isOfType reports whether the part asks for the event's type alone, in vain.
func isOfType(part expression.Part) bool {
	return !part.Holds && len(part.Values) == 1 && part.Values[0].Field == "type"
}

// due is the step that the furthest chain waits for, from 0.
func (b *state) due() int {
	n := 0
	if len(b.progress.Chains) > 0 {
		n = len(b.progress.Chains[0])
	}
	return b.progress.Step(min(n, b.progress.Length()-1))
}

// taken tells of an event that the rule took in.
func (b *state) taken(v *detector.View, e *TraceEntry, after *detector.Progress) {
	b.decisive(v, e)
	b.measure(v, e, after)
	for _, a := range v.Fired() {
		if a.Rule == b.rule.ID {
			e.Outcome, e.Alert, e.Step = Fired, a.ID, e.Steps
			e.full()
			return
		}
	}
	if len(after.Held) > 0 && !slices.Contains(b.progress.Held, after.Held[0]) {
		e.Outcome, e.Alert, e.Deadline, e.Step = Holding, after.Held[0].Alert, after.Held[0].Deadline, e.Steps
		e.full()
	}
}

// decisive notes the conditions that held.
func (b *state) decisive(v *detector.View, e *TraceEntry) {
	conditions := conditionsOf(b.rule)
	for i, holds := range b.ruling.matches {
		if holds && (b.rule.Score != nil || e.Conditions == nil) {
			e.Conditions = append(e.Conditions, conditions[i].Explain(v.Scope())...)
		}
	}
}

// measure says how far the rule has got.
func (b *state) measure(v *detector.View, e *TraceEntry, after *detector.Progress) {
	e.Outcome = Counted
	set := &after.Settings
	switch {
	case b.rule.Sequence != nil:
		b.advance(v, e, after)
	case b.rule.Score != nil:
		e.Need = set.Threshold
		if after.Score != nil {
			e.Have = after.Score.At(v.Event().Time)
		}
	case b.rule.Surge != nil:
		e.Surge, e.warmup = after.Surge, b.rule.Surge.Warmup
		if s := after.Surge; s != nil {
			e.Have, e.Need = float64(s.Count), surgeNeed(b.rule.Surge, s)
		}
	default:
		e.Have, e.Need, e.Distinct = float64(after.Gathered), float64(set.Count), after.Distinct
		if n := len(after.Entries); n == 0 || !isAt(after.Entries[n-1], v) {
			e.Outcome = TooOld
		}
	}
}

// surgeNeed is how many events a bucket fires at, once the past is known.
func surgeNeed(r *rules.Surge, now *detector.Surge) float64 {
	return max(float64(r.Min), math.Floor(now.Limit)+1)
}

// advance says which step the event served: that of the longest chain that ends
// with it.
func (b *state) advance(v *detector.View, e *TraceEntry, after *detector.Progress) {
	e.Steps, e.Need = len(b.rule.Sequence), float64(after.Length())
	for _, chain := range after.Chains {
		if last := len(chain) - 1; isAt(chain[last], v) {
			step := after.Step(last)
			e.Outcome, e.Step, e.Have = Advanced, step+1, float64(len(chain))
			e.Conditions = b.rule.Sequence[step].Match.Explain(v.Scope())
			return
		}
	}
	due := b.due()
	e.Outcome, e.Step = OutOfTurn, due+1
	if len(b.progress.Chains) > 0 {
		e.Have = float64(len(b.progress.Chains[0]))
	}
	if b.ruling.matches[due] {
		e.Outcome = TooOld
		return
	}
	e.Conditions = b.rule.Sequence[due].Match.Explain(v.Scope())
}

// full says that all is there that was needed.
func (e *TraceEntry) full() {
	if e.Outcome == Fired || e.Outcome == Holding {
		e.Have = max(e.Have, e.Need)
	}
	for i := range e.Distinct {
		e.Distinct[i].Have = e.Distinct[i].Need
	}
}

// isAt reports whether an entry is of the event at hand.
func isAt(en detector.Entry, v *detector.View) bool {
	return en.Evidence.Offset == v.Position().Offset && en.Evidence.Alert == v.Alert()
}

// cloned returns the event with texts of its own: those of the engine's are read
// over.
func (e TraceEvent) cloned() TraceEvent {
	e.ID, e.Type, e.Account = strings.Clone(e.ID), strings.Clone(e.Type), strings.Clone(e.Account)
	return e
}
