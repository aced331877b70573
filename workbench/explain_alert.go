package workbench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// AlertStory is why an alert fired.
type AlertStory struct {
	ID      string           `json:"id"`
	Rule    string           `json:"rule"`
	Title   string           `json:"title"`
	Level   holdfast.Level   `json:"level"`
	Status  holdfast.Status  `json:"status"`
	Time    holdfast.Instant `json:"time"`
	Account string           `json:"account"`
	// Settings are the values in force when the alert was completed.
	Settings StorySettings `json:"settings"`
	// Evidence is what each event did on which the alert rests, in the order of
	// arrival, and the deadline if the alert was held.
	Evidence []TraceEntry `json:"evidence"`
	// Until is the end of the suppression that the alert opened; 0 if it opened none.
	Until       holdfast.Instant `json:"suppressed_until,omitzero"`
	Occurrences int64            `json:"occurrences"`
	// Actions are what would follow.
	Actions []holdfast.Action `json:"actions,omitempty"`
	// On are the alerts among the evidence.
	On []*AlertStory `json:"on,omitempty"`
}

// StorySettings are a rule's values, its overrides considered.
type StorySettings struct {
	Count     int     `json:"count,omitempty"`
	Threshold float64 `json:"threshold,omitempty"`
	Timespan  string  `json:"timespan,omitempty"`
	Suppress  string  `json:"suppress,omitempty"`
	Override  string  `json:"override,omitempty"` // the condition of the override in force
}

func settingsOf(r *rules.Rule, set detector.Settings) StorySettings {
	s := StorySettings{Count: set.Count, Threshold: set.Threshold}
	if set.Timespan > 0 {
		s.Timespan = short(set.Timespan)
	}
	if set.Suppress > 0 {
		s.Suppress = short(set.Suppress)
	}
	if set.Override >= 0 && set.Override < len(r.Overrides) {
		s.Override = oneLine(r.Overrides[set.Override].Match.Source)
	}
	return s
}

// maxStories bounds the alerts that are explained together.
const maxStories = 50

// Alert says why an alert fired. It reads the events twice: they can't come from the
// standard input.
func (x *Explain) Alert(ctx context.Context, id string) (*AlertStory, error) {
	if slices.Contains(x.Files, Stdin) {
		return nil, ErrReadOnce
	}
	r := x.ruleOf(id)
	if r == nil {
		return nil, fmt.Errorf("alert %s: no rule has alerts of this name: %w", visible(id), ErrNoAlert)
	}
	found, err := x.find(ctx, id, x.below(r))
	if err != nil {
		return nil, err
	}
	wanted := found.wanted(id)
	if len(wanted) == 0 {
		return nil, fmt.Errorf("alert %s: %w", id, ErrNoAlert)
	}
	trace, err := x.follow(ctx, wanted)
	if err != nil {
		return nil, err
	}
	stories := make(map[string]*AlertStory, len(wanted))
	for _, a := range slices.Backward(wanted) { // those that others build on first
		stories[a.ID] = x.story(a, found, trace, stories)
	}
	return stories[id], nil
}

// finding is what a first pass finds.
type finding struct {
	alerts      map[string]*holdfast.Alert
	order       map[string]int // in which they fired
	occurrences map[string]int64
}

// find runs the events, and keeps the alerts of some rules.
func (x *Explain) find(ctx context.Context, id string, of []string) (*finding, error) {
	engine, err := x.engine()
	if err != nil {
		return nil, err
	}
	f := &finding{make(map[string]*holdfast.Alert), make(map[string]int), make(map[string]int64)}
	return f, x.run(ctx, engine, x.Diagnostics, func(out *detector.Output, _ int64) error {
		for i := range out.Alerts {
			if a := out.Alerts[i]; slices.Contains(of, a.Rule) && f.alerts[id] == nil {
				f.alerts[a.ID], f.order[a.ID] = &a, len(f.order)
			}
		}
		for _, o := range out.Occurrences {
			if f.alerts[o.Alert] != nil {
				f.occurrences[o.Alert] = o.Count
			}
		}
		return nil
	})
}

// wanted lists an alert and those that it builds on, each once and before those that
// it builds on itself; of too many, the first.
func (f *finding) wanted(id string) []*holdfast.Alert {
	var all []*holdfast.Alert
	seen := map[string]bool{}
	next := []string{id}
	for len(next) > 0 && len(all) < maxStories {
		a := f.alerts[next[0]]
		next = next[1:]
		if a == nil || seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		all = append(all, a)
		for _, e := range a.Evidence {
			if e.Alert != "" {
				next = append(next, e.Alert)
			}
		}
	}
	slices.SortFunc(all, func(a, b *holdfast.Alert) int { return cmp.Compare(f.order[b.ID], f.order[a.ID]) })
	return all
}

// follow runs the events once more, and traces the evidence of alerts.
func (x *Explain) follow(ctx context.Context, alerts []*holdfast.Alert) (*Trace, error) {
	trace := NewTrace(TraceOptions{MaxEntries: 100_000})
	trace.only = make(map[int64]bool)
	last, held := int64(0), false
	for _, a := range alerts {
		if !slices.Contains(trace.opts.Rules, a.Rule) {
			trace.opts.Rules = append(trace.opts.Rules, a.Rule)
		}
		trace.only[a.Trigger.Offset] = true
		last = max(last, a.Trigger.Offset)
		for _, e := range a.Evidence {
			trace.only[e.Offset] = true
		}
		held = held || x.rule(a.Rule).Without != nil
	}
	engine, err := x.engine()
	if err != nil {
		return nil, err
	}
	engine.Observe(trace)
	return trace, x.run(ctx, engine, io.Discard, func(_ *detector.Output, next int64) error {
		if next > last && !held {
			return errEnough
		}
		return nil
	})
}

func (x *Explain) story(a *holdfast.Alert, f *finding, trace *Trace, below map[string]*AlertStory) *AlertStory {
	r := x.rule(a.Rule)
	s := &AlertStory{
		ID: a.ID, Rule: a.Rule, Title: a.Title, Level: a.Level, Status: a.Status, Time: a.Time, Account: a.Account,
		Occurrences: f.occurrences[a.ID],
	}
	var suppress time.Duration
	for i, of := range trace.evidence(a) {
		e := *of
		if !e.passed() {
			suppress, s.Settings = e.settings.Suppress, settingsOf(r, e.settings)
			if r.Sequence != nil { // in whichever chain it stood at the time
				e.Step, e.Have = stepOf(r, i), float64(i+1)
			}
		}
		s.Evidence = append(s.Evidence, e)
	}
	if suppress > 0 {
		s.Until = a.Time.Add(suppress)
	}
	if x.Plan != nil && a.Status == holdfast.Stable {
		s.Actions = x.Plan(*a)
	}
	for _, e := range a.Evidence {
		if on := below[e.Alert]; on != nil {
			s.On = append(s.On, on)
		}
	}
	return s
}

// stepOf is the step, from 1, that the n-th event of a sequence serves.
func stepOf(r *rules.Rule, n int) int {
	for i, step := range r.Sequence {
		if n -= step.Count; n < 0 {
			return i + 1
		}
	}
	return len(r.Sequence)
}

// WriteText writes the story for people.
func (s *AlertStory) WriteText(w io.Writer) error {
	var text bytes.Buffer
	s.write(&text, map[string]bool{})
	_, err := text.WriteTo(w)
	return err
}

func (s *AlertStory) write(text *bytes.Buffer, told map[string]bool) {
	if told[s.ID] {
		return
	}
	told[s.ID] = true
	status := ""
	if s.Status != holdfast.Stable {
		status = ", in " + string(s.Status)
	}
	write(text, "%s\n%s (%s%s)\naccount %s, %s\n", s.ID, s.Title, s.Level, status, visible(s.Account), moment(s.Time))
	if settings := s.Settings.String(); settings != "" {
		write(text, "settings: %s\n", settings)
	}
	write(text, "\nIt rests on\n")
	entries := make([]*TraceEntry, len(s.Evidence))
	for i := range s.Evidence {
		entries[i] = &s.Evidence[i]
	}
	listEvidence(text, entries)
	if s.Until == 0 {
		write(text, "\nIt suppresses nothing.\n")
	} else {
		write(text, "\nIt suppresses further ones until %s; %s into it.\n", moment(s.Until), fell(s.Occurrences))
	}
	if len(s.Actions) > 0 {
		write(text, "\nWhat follows\n")
		for _, a := range s.Actions {
			write(text, "  %s\n", actionText(a))
		}
	}
	for _, on := range s.On {
		if !told[on.ID] {
			write(text, "\n")
			on.write(text, told)
		}
	}
}

// String lists the settings that there are.
func (s StorySettings) String() string {
	var text bytes.Buffer
	add := func(name, value string) {
		if text.Len() > 0 {
			text.WriteString(", ")
		}
		write(&text, "%s %s", name, value)
	}
	if s.Count > 0 {
		add("count", fmt.Sprint(s.Count))
	}
	if s.Threshold > 0 {
		add("threshold", rounded(s.Threshold))
	}
	for _, of := range [][2]string{{"timespan", s.Timespan}, {"suppress", s.Suppress}} {
		if of[1] != "" {
			add(of[0], of[1])
		}
	}
	if s.Override != "" {
		write(&text, " (by the override for %s)", s.Override)
	}
	return text.String()
}

// fell says how many events a suppression took in.
func fell(n int64) string {
	if n == 0 {
		return "nothing fell"
	}
	return of(n, "event") + " fell"
}

// listEvidence writes an event a line, each followed by the conditions that held.
func listEvidence(text *bytes.Buffer, entries []*TraceEntry) {
	if more := len(entries) - maxListed; more > 0 {
		write(text, "  (%d more before these)\n", more)
		entries = entries[more:]
	}
	for _, e := range entries {
		if e.passed() {
			write(text, "  %s  the deadline passed, and nothing had answered it\n", moment(e.Deadline))
			continue
		}
		did := e.sentence(moment)
		switch {
		case e.Outcome == Fired:
			did = "completed it"
		case e.Outcome == Holding:
			did = "completed it; held until " + moment(e.Deadline)
		case e.Steps > 0:
			did = fmt.Sprintf("step %d of %d", e.Step, e.Steps)
		}
		write(text, "  %s  %s  %s  %s\n", moment(e.Event.Time), e.Event.name(), visible(e.Event.Type), did)
		for _, part := range e.Conditions {
			if part.Holds {
				write(text, "      %s%s\n", oneLine(part.Source), held(part))
			}
		}
	}
}

// actionText says in a line what an action does.
func actionText(a holdfast.Action) string {
	var text bytes.Buffer
	text.WriteString(string(a.Kind))
	for _, of := range [][2]string{{" by ", string(a.Channel)}, {" to ", a.Team}, {" of ", a.Scope}, {", template ", a.Template}} {
		if of[1] != "" {
			text.WriteString(of[0] + of[1])
		}
	}
	if a.Wipe {
		text.WriteString(", with a wipe")
	}
	if a.Delay > 0 {
		write(&text, ", after %s", short(a.Delay))
	}
	if a.UnlessSeen {
		text.WriteString(" unless a message was seen")
	}
	return text.String()
}
