package workbench

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// TraceOptions say what a [Trace] notes: of everything, what is not given.
type TraceOptions struct {
	// Rules are the ids of the rules.
	Rules []string
	// Accounts are the accounts whose events are noted.
	Accounts []string
	// From and To are the offsets of the first event and of the one behind the last.
	// A To of 0 is no end.
	From, To int64
	// MaxEntries bounds what is kept: when there is more, what was noted first goes.
	// Defaults to 10000.
	MaxEntries int
	// Clock writes times for people. Defaults to date and time of day, UTC.
	Clock func(holdfast.Instant) string
}

// Trace notes what rules did at the events that an engine showed them: let it
// watch an engine by [detector.Engine.Observe]. Its zero value is of no use.
type Trace struct {
	opts      TraceOptions
	entries   []TraceEntry
	dropped   int
	strange   map[string]int // by rule: events of types that it does not ask for
	strangers map[stranger]bool
	tallies   map[string]*tally // by rule
	before    []state
	only      map[int64]bool // offsets of the only events that are noted; nil for all
}

// NewTrace returns a trace that has noted nothing.
func NewTrace(opts TraceOptions) *Trace {
	if opts.MaxEntries == 0 {
		opts.MaxEntries = 10_000
	}
	if opts.Clock == nil {
		opts.Clock = moment
	}
	return &Trace{opts: opts, strange: make(map[string]int), strangers: make(map[stranger]bool), tallies: make(map[string]*tally)}
}

// Outcome is what a rule did at an event.
type Outcome string

// The outcomes.
const (
	NotMatched Outcome = "not_matched" // Conditions say why; of a sequence, those of the step that was due
	Excepted   Outcome = "excepted"    // it matched, and Exception excludes it
	NoGroup    Outcome = "no_group"    // it matched, and the fields Empty keep it from belonging to a group
	Suppressed Outcome = "suppressed"  // it matched, and is an occurrence of Alert, which is open until Until
	TooOld     Outcome = "too_old"     // it matched, and is too old beside what is there
	OutOfTurn  Outcome = "out_of_turn" // it matched a step of a sequence, and no chain gained by that; Step was due
	Counted    Outcome = "counted"     // Have of Need are there
	Advanced   Outcome = "advanced"    // it served Step of a sequence: Have of Need events are there
	Canceled   Outcome = "canceled"    // it matched `cancel`: Have of Need entries were taken back
	Ended      Outcome = "ended"       // it matched `until`: chains of up to Have events were dropped
	Answered   Outcome = "answered"    // it matched `without`: Have of Need held alerts were dropped
	Holding    Outcome = "held"        // it completed Alert, which is held until Deadline
	Fired      Outcome = "fired"       // it completed Alert; with a Deadline, that of the held alert has passed
	Folded     Outcome = "folded"      // Deadline passed while Alert was open until Until
)

// TraceEvent names an event.
type TraceEvent struct {
	Offset int64            `json:"offset"` // of an alert, that of the input event behind it
	ID     string           `json:"id,omitempty"`
	Alert  string           `json:"alert,omitempty"` // the event is this alert
	Time   holdfast.Instant `json:"time"`
	Type   string           `json:"type"`

	Account string `json:"-"` // of several that an alert may rest on, none is to be shown unasked
}

// TraceEntry is what one rule did at one event.
type TraceEntry struct {
	Rule    string         `json:"rule"`
	Event   TraceEvent     `json:"event"`
	Group   holdfast.Group `json:"-"` // likewise
	Outcome Outcome        `json:"outcome"`
	// Step is the step of a sequence that the event served, or that was due, from 1.
	Step  int `json:"step,omitempty"`
	Steps int `json:"steps,omitempty"`
	// Conditions are the parts of the condition that decided.
	Conditions []expression.Part `json:"conditions,omitempty"`
	Exception  string            `json:"exception,omitempty"`
	Empty      []string          `json:"empty,omitempty"`
	Alert      string            `json:"alert,omitempty"`
	Until      holdfast.Instant  `json:"until,omitzero"`
	Deadline   holdfast.Instant  `json:"deadline,omitzero"`
	// Have and Need are events; of a score, points.
	Have     float64             `json:"have"`
	Need     float64             `json:"need"`
	Distinct []detector.Distinct `json:"distinct,omitempty"`
	Surge    *detector.Surge     `json:"surge,omitempty"`
	// Within is the timespan in force for the event; of a score, the half-life.
	Within   time.Duration `json:"-"`
	Override int           `json:"-"` // its place among the rule's, from 1; 0 if none was in force

	settings detector.Settings // in force for the event
	strange  bool              // the event is of a type that the rule does not ask for
	points   bool              // Have and Need are points
	warmup   int               // buckets that a surge takes to know its past
}

// Entries returns what was noted, in the order in which it happened. Of the events
// whose type a rule does not ask for, only the first few are noted.
func (t *Trace) Entries() []TraceEntry { return t.entries }

// Dropped is how many entries were given up because there were too many.
func (t *Trace) Dropped() int { return t.dropped }

// maxStrange is how many events of types that a rule does not ask for are noted.
const maxStrange = 3

// stranger is a type of event that a condition does not ask for. Of those that are
// known, and they are most events, nothing is explained any more.
type stranger struct {
	match *expression.Program
	kind  string
}

// maxStrangers bounds them, since events may have types of their own.
const maxStrangers = 10_000

// tally is what is known of a rule however many entries are given up.
type tally struct {
	fired int
	last  TraceEntry  // of those that fired
	best  *TraceEntry // that came nearest without firing, the last of those that came equally near
}

// note keeps an entry.
func (t *Trace) note(e TraceEntry) {
	of := t.tallies[e.Rule]
	if of == nil {
		of = new(tally)
		t.tallies[e.Rule] = of
	}
	switch {
	case e.Outcome == Fired:
		of.fired++
		of.last = e
	case (e.Outcome == Counted || e.Outcome == Advanced) && (of.best == nil || e.share() >= of.best.share()):
		of.best = &e
	}
	if e.strange {
		if t.strange[e.Rule]++; t.strange[e.Rule] > maxStrange {
			return
		}
	}
	if len(t.entries) >= t.opts.MaxEntries {
		gone := max(1, t.opts.MaxEntries/8)
		t.entries = slices.Delete(t.entries, 0, gone)
		t.dropped += gone
	}
	t.entries = append(t.entries, e)
}

func (t *Trace) wants(event *holdfast.Event, at holdfast.Position) bool {
	return (t.only == nil || t.only[at.Offset]) && at.Offset >= t.opts.From && (t.opts.To == 0 || at.Offset < t.opts.To) &&
		(len(t.opts.Accounts) == 0 || slices.Contains(t.opts.Accounts, event.Account))
}

func (t *Trace) wantsRule(id string) bool {
	return len(t.opts.Rules) == 0 || slices.Contains(t.opts.Rules, id)
}

// state is a rule as it was before an event.
type state struct {
	rule     *rules.Rule
	ruling   ruling
	progress detector.Progress
}

// mayChange reports whether an event of a time may change what the rule remembers.
// Where it can't, what there is afterward is not asked for: to look at it takes the
// longer the more events a group has gathered, of which an attacker can send many.
func (b *state) mayChange(at holdfast.Instant) bool {
	if b.ruling.answers || b.ruling.takesBack {
		return true
	}
	return b.ruling.matched && b.ruling.exception == "" && len(b.progress.Empty) == 0 && !b.suppresses(at)
}

// suppresses reports whether an event of a time is one more occurrence of an alert.
func (b *state) suppresses(at holdfast.Instant) bool {
	return b.progress.Open != nil && at <= b.progress.Open.Until
}

// Before is called by the engine.
func (t *Trace) Before(v *detector.View) {
	t.before = t.before[:0]
	if !t.wants(v.Event(), v.Position()) {
		return
	}
	for r := range v.Rules() {
		if !t.wantsRule(r.ID) || !concerns(v, r) {
			continue
		}
		b := state{rule: r, ruling: judge(v, r)}
		switch {
		case r.Cancel != nil && b.ruling.takesBack: // it is told how much
			b.progress, _ = v.Progress(r.ID, 1)
		case b.ruling.concerned(), r.Sequence != nil: // of which it is told which step was due
			b.progress, _ = v.Progress(r.ID, 0)
		case t.strangers[stranger{r.Match, v.Event().Type}] && t.strange[r.ID] >= maxStrange:
			continue
		default:
			b.progress, _ = v.Outset(r.ID)
		}
		t.before = append(t.before, b)
	}
}

// After is called by the engine.
func (t *Trace) After(v *detector.View) {
	for i := range t.before {
		b := &t.before[i]
		var after detector.Progress
		if b.mayChange(v.Event().Time) {
			after, _ = v.Progress(b.rule.ID, 1)
		}
		for _, e := range b.entries(v, &after) {
			if e.strange && b.rule.Match != nil && len(t.strangers) < maxStrangers {
				t.strangers[stranger{b.rule.Match, e.Event.Type}] = true
			}
			t.note(e)
		}
	}
	t.before = t.before[:0]
}

// Pass is called by the engine.
func (t *Trace) Pass(d detector.Deadline) {
	if !t.wants(d.Event, d.Position) || !t.wantsRule(d.Rule.ID) {
		return
	}
	e := TraceEntry{Rule: d.Rule.ID, Event: traceEvent(d.Event, d.Position, ""), Group: d.Group, Outcome: Fired, Alert: d.Alert, Deadline: d.At}
	if d.Open != nil {
		e.Outcome, e.Alert, e.Until = Folded, d.Open.Alert, d.Open.Until
	}
	t.note(e)
}

// passed reports whether the entry is about a deadline; Event is what completed the
// alert then.
func (e *TraceEntry) passed() bool { return e.Deadline != 0 && e.Outcome != Holding }

func traceEvent(e *holdfast.Event, at holdfast.Position, alert string) TraceEvent {
	return TraceEvent{
		Offset: at.Offset, ID: e.ID, Alert: alert, Time: e.Time, Type: e.Type, Account: e.Account,
	}.cloned()
}
