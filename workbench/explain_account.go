package workbench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// AccountStory is how far rules have got with an account.
type AccountStory struct {
	Account string           `json:"account"`
	Events  int64            `json:"events"`
	First   holdfast.Instant `json:"first"`
	Last    holdfast.Instant `json:"last"`
	// AsOf is the time at which the rules stand as they are shown.
	AsOf  holdfast.Instant `json:"as_of"`
	Rules []RuleStory      `json:"rules"`
	// Untouched are the rules that took in none of the account's events.
	Untouched []string `json:"untouched,omitempty"`
	// Entries are what the rule did event by event, where one rule was asked for.
	Entries []TraceEntry `json:"entries,omitempty"`

	rule  string // the only one that was asked for; "" for all
	trace *Trace
}

// RuleStory is how far one rule has got with an account.
type RuleStory struct {
	Rule  string         `json:"rule"`
	Title string         `json:"title"`
	Level holdfast.Level `json:"level"`
	// Alerts is how many fired, Alert the last of them.
	Alerts int         `json:"alerts"`
	Alert  string      `json:"alert,omitempty"`
	At     *TraceEvent `json:"at,omitempty"` // the event that completed it
	// Standing is how the rule stands with the groups that the account's events
	// belonged to, the last ones of them, the latest first.
	Standing []Standing `json:"standing"`
	// Nearest is the event at which the rule came nearest without firing.
	Nearest *TraceEntry `json:"nearest,omitempty"`
}

// maxStanding is how many groups of a rule are shown.
const maxStanding = 3

// following traces an account, and remembers the groups that its events belonged to.
type following struct {
	*Trace
	account     string
	events      int64
	first, last holdfast.Instant
	groups      map[string][]membership // by rule, the latest last
}

// membership is a group, and an event that belonged to it.
type membership struct {
	group holdfast.Group
	event holdfast.Event
	at    int64 // offset
}

// Before is called by the engine.
func (f *following) Before(v *detector.View) {
	f.Trace.Before(v)
	e := v.Event()
	if e.Account != f.account {
		return
	}
	if v.Alert() == "" {
		if f.events == 0 {
			f.first, f.last = e.Time, e.Time
		}
		f.events++
		f.first, f.last = min(f.first, e.Time), max(f.last, e.Time)
	}
	for i := range f.before {
		if b := &f.before[i]; b.ruling.matched && b.ruling.exception == "" && len(b.progress.Empty) == 0 {
			f.joins(b, v)
		}
	}
}

// joins notes that the event belongs to a group.
func (f *following) joins(b *state, v *detector.View) {
	all := f.groups[b.rule.ID]
	all = slices.DeleteFunc(all, func(m membership) bool { return slices.Equal(m.group, b.progress.Group) })
	if len(all) == maxStanding {
		all = slices.Delete(all, 0, 1)
	}
	f.groups[b.rule.ID] = append(all, membership{b.progress.Group, copied(v.Event()), v.Position().Offset})
}

// copied is an event with texts of its own.
func copied(e *holdfast.Event) holdfast.Event {
	c := *e
	for _, text := range []*string{
		&c.ID, &c.Type, &c.Account, &c.Channel, &c.Purpose, &c.Attempt, &c.Session, &c.Phone, &c.Rule,
		&c.Device.ID, &c.Device.Platform, &c.Device.Name, &c.Client.IP, &c.Client.Country, &c.Client.UserAgent,
	} {
		*text = strings.Clone(*text)
	}
	c.Attrs = slices.Clone(e.Attrs)
	for i := range c.Attrs {
		c.Attrs[i] = holdfast.Attr{Name: strings.Clone(c.Attrs[i].Name), Value: strings.Clone(c.Attrs[i].Value)}
	}
	return c
}

// Account says how far the rule named rule has got with an account, or every rule if
// that is "".
func (x *Explain) Account(ctx context.Context, account, rule string) (*AccountStory, error) {
	opts := TraceOptions{Accounts: []string{account}}
	if rule != "" {
		r := x.rule(rule)
		switch {
		case r == nil:
			return nil, fmt.Errorf("rule %s: %w", visible(rule), ErrNoRule)
		case r.Status == holdfast.Deprecated:
			return nil, fmt.Errorf("rule %s is deprecated: %w", rule, ErrNoRule)
		}
		opts.Rules = []string{rule}
	}
	engine, err := x.engine()
	if err != nil {
		return nil, err
	}
	f := &following{Trace: NewTrace(opts), account: account, groups: make(map[string][]membership)}
	engine.Observe(f)
	if err := x.run(ctx, engine, x.Diagnostics, func(*detector.Output, int64) error { return nil }); err != nil {
		return nil, err
	}
	if f.events == 0 {
		return nil, fmt.Errorf("account %s: %w", visible(account), ErrNoAccount)
	}
	return x.accountStory(engine, f, rule), nil
}

func (x *Explain) accountStory(engine *detector.Engine, f *following, rule string) *AccountStory {
	s := &AccountStory{Account: f.account, Events: f.events, First: f.first, Last: f.last, AsOf: x.At, rule: rule, trace: f.Trace}
	if s.AsOf == 0 {
		watermark, _ := engine.Watermark()
		s.AsOf = watermark.Add(x.Engine.WithDefaults().Lateness)
	}
	for _, r := range x.Rules.Rules {
		switch {
		case r.Status == holdfast.Deprecated || rule != "" && r.ID != rule:
			continue
		case f.groups[r.ID] == nil:
			s.Untouched = append(s.Untouched, r.ID)
			continue
		}
		of := RuleStory{Rule: r.ID, Title: r.Title, Level: r.Level, Standing: []Standing{}}
		if t := f.tallies[r.ID]; t != nil {
			of.Alerts, of.Nearest = t.fired, t.best
			if t.fired > 0 {
				of.Alert, of.At, of.Nearest = t.last.Alert, &t.last.Event, nil
			}
		}
		for _, m := range slices.Backward(f.groups[r.ID]) {
			m.event.Time = s.AsOf
			if p, ok := engine.Look(detector.Input{Event: &m.event, Offset: m.at}).Progress(r.ID, detector.MaxShown); ok {
				of.Standing = append(of.Standing, standing(&p, s.AsOf))
			}
		}
		s.Rules = append(s.Rules, of)
	}
	if rule != "" {
		s.Entries = f.Entries()
	}
	slices.SortStableFunc(s.Rules, func(a, b RuleStory) int {
		return cmp.Or(cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(b.nearness(), a.nearness()))
	})
	return s
}

// nearness is how near the rule came to firing, from 0 to 1.
func (r *RuleStory) nearness() float64 {
	if r.Nearest == nil {
		return 0
	}
	return r.Nearest.share()
}

// WriteText writes the story for people.
func (s *AccountStory) WriteText(w io.Writer) error {
	var text bytes.Buffer
	write(&text, "account %s: %s from %s to %s\nas of %s\n", visible(s.Account), of(s.Events, "event"), moment(s.First), moment(s.Last), moment(s.AsOf))
	s.headline(&text)
	var idle []string
	for i := range s.Rules {
		if s.rule == "" && s.Rules[i].idle() {
			idle = append(idle, s.Rules[i].Rule)
			continue
		}
		write(&text, "\n")
		s.Rules[i].write(&text)
	}
	if len(idle) > 0 {
		write(&text, "\nNothing counts any more, or not yet, for %s.\n", strings.Join(idle, ", "))
	}
	if len(s.Untouched) > 0 {
		write(&text, "\nNo event of the account was for %s.\n", strings.Join(s.Untouched, ", "))
	}
	if s.rule != "" {
		write(&text, "\n")
		if err := s.trace.WriteWhyNot(&text, s.rule, s.Account); err != nil {
			return err
		}
	}
	_, err := text.WriteTo(w)
	return err
}

// headline names the nearest miss, if nothing fired.
func (s *AccountStory) headline(text *bytes.Buffer) {
	if slices.ContainsFunc(s.Rules, func(r RuleStory) bool { return r.Alerts > 0 }) {
		return
	}
	text.WriteString("nothing fired")
	if len(s.Rules) > 0 && s.Rules[0].Nearest != nil {
		near := s.Rules[0].Nearest
		write(text, "; nearest was %s at event %s: %s", near.Rule, near.Event.name(), near.sentence(moment))
	}
	text.WriteByte('\n')
}

// idle reports whether there is nothing to say of the rule.
func (r *RuleStory) idle() bool {
	return r.Alerts == 0 && r.Nearest == nil && !slices.ContainsFunc(r.Standing, func(s Standing) bool { return !s.idle() })
}

func (r *RuleStory) write(text *bytes.Buffer) {
	write(text, "%s (%s)", r.Rule, r.Level)
	if r.Alerts == 0 {
		write(text, " did not fire\n")
	} else {
		write(text, " fired %s: %s at event %s, %s\n", times(r.Alerts), r.Alert, r.At.name(), moment(r.At.Time))
	}
	for i := range r.Standing {
		r.Standing[i].write(text, len(r.Standing) > 1)
	}
	now := slices.ContainsFunc(r.Standing, func(s Standing) bool { return r.Nearest != nil && s.Have >= r.Nearest.Have })
	if r.Nearest != nil && !now {
		write(text, "  nearest at event %s, %s: %s\n", r.Nearest.Event.name(), moment(r.Nearest.Event.Time), r.Nearest.sentence(moment))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%s times, last", number(n))
}
