package workbench

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// Diff runs two sets of rules over the same events and says what becomes of the
// alerts: what the reviewer of a change to the rules has to know.
//
// An alert of each set is the same attack if both are of the same rule and the same
// group and their spans overlap: from the first evidence to the alert. Of the
// alerts of a group, the spans are gone through in order of time, and each alert is
// matched once at most. Where the two sets group a rule in different ways, its
// alerts are taken by account.
type Diff struct {
	// Old and New are the rules. Required.
	Old, New *rules.Set
	// Engine configures both engines.
	Engine detector.Options
	// Plan says what follows from an alert. Without it messages and sessions are not
	// compared.
	Plan Plan
}

// Difference is what a Diff finds.
type Difference struct {
	// Equal says that all alerts, and what follows from them, are the same; the rules
	// need not be.
	Equal bool `json:"equal"`

	Events   int64            `json:"events"`
	Accounts int              `json:"accounts"`
	First    holdfast.Instant `json:"first"`
	Last     holdfast.Instant `json:"last"`
	BadLines int64            `json:"bad_lines"`

	// What the sets hold that the other does not: ids, in order.
	Added   []string     `json:"rules_added,omitempty"`
	Removed []string     `json:"rules_removed,omitempty"`
	Changed []RuleChange `json:"rules_changed,omitempty"`

	// Rules are those whose alerts differ, the gravest first; Same is how many have
	// alerts and no difference. All are the alerts of all rules.
	Rules []RuleDifference `json:"rules"`
	Same  int              `json:"rules_without_difference"`
	All   Totals           `json:"all"`
}

// Totals are numbers of both sets.
type Totals struct {
	Old Numbers `json:"old"`
	New Numbers `json:"new"`
}

// Numbers are what the alerts of one set come to.
type Numbers struct {
	Alerts   int `json:"alerts"`
	Accounts int `json:"accounts"`
	Consequences
}

// RuleDifference is how the alerts of a rule differ.
type RuleDifference struct {
	Rule  string         `json:"rule"`
	Level holdfast.Level `json:"level"` // in the new set, if it is there
	Totals
	// By says whom Gained and Lost are of: the accounts, or for a rule that does not
	// group by account the groups.
	By string `json:"by"`
	// Regrouped is how the rule's group_by has changed, nil if it has not: the
	// alerts are then compared by account.
	Regrouped *KeyChange `json:"group_by_changed,omitempty"`
	// Gained and Lost have alerts of the new, or the old, rule alone.
	Gained Cases `json:"gained"`
	Lost   Cases `json:"lost"`
	// More and Fewer are the alerts without a match in the other set.
	More  Cases `json:"alerts_more"`
	Fewer Cases `json:"alerts_fewer"`
	// Earlier and Later are the matched alerts whose times differ.
	Earlier Shift `json:"earlier"`
	Later   Shift `json:"later"`
	// Regraded are the matched alerts of another level or status.
	Regraded Cases `json:"regraded"`
	// What would follow: the accounts for which it is more, and fewer.
	InApp Change `json:"in_app"`
	SMS   Change `json:"sms"`
	Ended Change `json:"sessions_ended"`
}

// Cases are a number of accounts or alerts, with the first as an example.
type Cases struct {
	Count   int      `json:"count"`
	Example *Example `json:"example,omitempty"`
}

// Example is one account or group, and when.
type Example struct {
	Who  string           `json:"who"`
	Time holdfast.Instant `json:"time"`
}

// Shift is a number of alerts whose time is another one.
type Shift struct {
	Cases
	Median float64 `json:"median_seconds,omitempty"`
	// By is how much it is for the example, in seconds.
	By float64 `json:"example_seconds,omitempty"`
}

// Change is for how many accounts there is more of something, and for how many
// less.
type Change struct {
	More Cases `json:"more"`
	Less Cases `json:"less"`
}

// Run goes through the events once.
func (d *Diff) Run(ctx context.Context, events Events) (*Difference, error) {
	events.CountAccounts = true
	out := new(Difference)
	out.compareRules(d.Old, d.New)
	regroupings, regrouped := out.regroupings(), make(map[string]bool)
	for id := range regroupings {
		regrouped[id] = true
	}
	seed := maphash.MakeSeed()
	before, after := newFindings(d.Plan, seed, regrouped), newFindings(d.Plan, seed, regrouped)
	summaries, err := RunAll(ctx, events,
		Contender{Rules: d.Old, Engine: d.Engine, Reporter: before},
		Contender{Rules: d.New, Engine: d.Engine, Reporter: after})
	if err != nil {
		return nil, err
	}
	s := summaries[0]
	out.Events, out.Accounts, out.First, out.Last, out.BadLines = s.Counted, s.Accounts, s.First, s.Last, s.BadLines
	out.All = Totals{before.numbers(), after.numbers()}
	level := make(map[string]holdfast.Level)
	for _, set := range []*rules.Set{d.Old, d.New} {
		for _, r := range set.Rules {
			level[r.ID] = r.Level
		}
	}
	ids := make(map[string]bool)
	for _, f := range []*findings{before, after} {
		for id := range f.rules {
			ids[id] = true
		}
	}
	for id := range ids {
		one := compareFindings(before.rules[id], after.rules[id])
		one.Rule, one.Level, one.Regrouped = id, level[id], regroupings[id]
		if one.differs() {
			out.Rules = append(out.Rules, one)
		} else {
			out.Same++
		}
	}
	slices.SortFunc(out.Rules, func(a, b RuleDifference) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Rule, b.Rule))
	})
	out.Equal = len(out.Rules) == 0
	return out, nil
}

// differs reports whether anything is not the same.
func (r *RuleDifference) differs() bool {
	count := 0
	for _, c := range []Cases{
		r.Gained, r.Lost, r.More, r.Fewer, r.Earlier.Cases, r.Later.Cases, r.Regraded,
		r.InApp.More, r.InApp.Less, r.SMS.More, r.SMS.Less, r.Ended.More, r.Ended.Less,
	} {
		count += c.Count
	}
	return count > 0 || r.Old != r.New
}

// add counts a case; the earliest is the example.
func (c *Cases) add(who string, at holdfast.Instant) {
	c.Count++
	if e := c.Example; e == nil || at < e.Time || at == e.Time && who < e.Who {
		c.Example = &Example{who, at}
	}
}

// shifts count the alerts that are earlier, or later, each by some time.
type shifts struct {
	Shift
	all []time.Duration
}

func (s *shifts) add(who string, at holdfast.Instant, by time.Duration) {
	s.Cases.add(who, at)
	if *s.Example == (Example{who, at}) {
		s.By = by.Seconds()
	}
	s.all = append(s.all, by)
}

// sum is what the shifts come to.
func (s *shifts) sum() Shift {
	if n := len(s.all); n > 0 {
		slices.Sort(s.all)
		low, high := s.all[(n-1)/2], s.all[n/2]
		s.Median = (low + (high-low)/2).Seconds()
	}
	return s.Shift
}
