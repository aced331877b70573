package workbench

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastd/holdfast"
)

// ofAccount says that a rule speaks of accounts.
const ofAccount = "account"

// findings keep what a set of rules found, for comparison with another's. Their
// memory grows with the alerts.
type findings struct {
	plan Plan
	seed maphash.Seed
	// regrouped are the rules that the two sets group in different ways: they are
	// compared by account, which they have in common.
	regrouped map[string]bool
	rules     map[string]*ruleFindings
	accounts  *distinct
	alerts    int
	follows   *consequences
}

// ruleFindings are those of one rule.
type ruleFindings struct {
	by        string // whom it speaks of: "account", or the fields of the group
	regrouped bool   // the account stands for the group
	alerts    int
	accounts  *distinct
	follows   *consequences
	groups    map[string][]found // in firing order
	subjects  map[string]*subject
}

// found is one alert, as far as it is compared.
type found struct {
	who      string
	from, to holdfast.Instant // from the first evidence to the last, or to the alert
	time     holdfast.Instant
	level    holdfast.Level
	status   holdfast.Status
}

// subject is whom a rule speaks of: an account, or a group that is none.
type subject struct {
	who        string
	first      holdfast.Instant // alert
	inApp, sms int
	ended      map[string]bool // sessions
}

// newFindings needs the seed that the other set's findings have.
func newFindings(plan Plan, seed maphash.Seed, regrouped map[string]bool) *findings {
	return &findings{
		plan: plan, seed: seed, regrouped: regrouped, rules: make(map[string]*ruleFindings),
		accounts: newDistinct(seed, exactly), follows: newConsequences(seed),
	}
}

// NeedsIDs says that no events are named.
func (f *findings) NeedsIDs() bool { return false }

// Alert notes an alert.
func (f *findings) Alert(a *holdfast.Alert, _ *IDs) error {
	r := f.rules[a.Rule]
	if r == nil {
		r = &ruleFindings{
			by: speaksOf(a.Group), regrouped: f.regrouped[a.Rule],
			accounts: newDistinct(f.seed, exactly), follows: newConsequences(f.seed),
			groups: make(map[string][]found), subjects: make(map[string]*subject),
		}
		if r.regrouped {
			r.by = ofAccount
		}
		f.rules[a.Rule] = r
	}
	var actions []holdfast.Action
	if f.plan != nil {
		actions = f.plan(*a)
		f.follows.add(a, actions)
	}
	f.alerts++
	f.accounts.add(a.Account)
	r.add(a, actions)
	return nil
}

// Finish has nothing to do.
func (f *findings) Finish(Summary) error { return nil }

func (f *findings) numbers() Numbers {
	return Numbers{f.alerts, f.accounts.count(), f.follows.sum()}
}

// speaksOf says whom the alerts of such groups are about.
func speaksOf(g holdfast.Group) string {
	var fields []string
	for _, v := range g {
		if v.Field == ofAccount {
			return v.Field
		}
		fields = append(fields, v.Field)
	}
	if len(fields) == 0 {
		return "all"
	}
	return strings.Join(fields, ", ")
}

// groupKey tells groups of a rule apart.
func groupKey(g holdfast.Group) string {
	var b strings.Builder
	for _, v := range g {
		b.WriteString(v.Field + strconv.Quote(v.Value))
	}
	return b.String()
}

func (r *ruleFindings) add(a *holdfast.Alert, actions []holdfast.Action) {
	r.alerts++
	r.accounts.add(a.Account)
	r.follows.add(a, actions)
	group := a.Account
	if !r.regrouped {
		group = groupKey(a.Group)
	}
	s := r.subject(a, group)
	r.groups[group] = append(r.groups[group], found{
		who: s.who, from: a.First, to: max(a.Last, a.Time), time: a.Time, level: a.Level, status: a.Status,
	})
	for _, action := range actions {
		switch {
		case action.Kind == holdfast.NotifyOwner && action.Channel == holdfast.SMS:
			s.sms++
		case action.Kind == holdfast.NotifyOwner:
			s.inApp++
		case action.Kind == holdfast.TerminateSessions:
			for _, session := range a.Sessions.Suspect {
				if s.ended == nil {
					s.ended = make(map[string]bool)
				}
				s.ended[session.ID] = true
			}
		}
	}
}

// subject is whom an alert speaks of.
func (r *ruleFindings) subject(a *holdfast.Alert, group string) *subject {
	key, who := a.Account, a.Account
	if r.by != ofAccount {
		key, who = group, groupName(a.Group)
	}
	s := r.subjects[key]
	if s == nil {
		s = &subject{who: who, first: a.Time}
		r.subjects[key] = s
	}
	s.first = min(s.first, a.Time)
	return s
}

// compareFindings compares what a rule found in both sets; nil is nothing.
func compareFindings(before, after *ruleFindings) RuleDifference {
	d := RuleDifference{}
	for _, side := range []struct {
		r *ruleFindings
		n *Numbers
	}{{before, &d.Old}, {after, &d.New}} {
		if side.r != nil {
			d.By = side.r.by
			*side.n = Numbers{side.r.alerts, side.r.accounts.count(), side.r.follows.sum()}
		}
	}
	nothing := new(ruleFindings)
	if before == nil {
		before = nothing
	}
	if after == nil {
		after = nothing
	}
	compareSubjects(&d, before, after)
	var earlier, later shifts
	for group, was := range before.groups {
		compareGroup(&d, was, after.groups[group], &earlier, &later)
	}
	for group, is := range after.groups {
		if before.groups[group] == nil {
			compareGroup(&d, nil, is, &earlier, &later)
		}
	}
	d.Earlier, d.Later = earlier.sum(), later.sum()
	return d
}

// compareSubjects says who is gained and lost, and for whom more or less follows.
func compareSubjects(d *RuleDifference, before, after *ruleFindings) {
	for key, was := range before.subjects {
		is := after.subjects[key]
		if is == nil {
			d.Lost.add(was.who, was.first)
			is = &subject{who: was.who, first: was.first}
		}
		compareSubject(d, was, is)
	}
	for key, is := range after.subjects {
		if before.subjects[key] == nil {
			d.Gained.add(is.who, is.first)
			compareSubject(d, &subject{who: is.who, first: is.first}, is)
		}
	}
}

func compareSubject(d *RuleDifference, was, is *subject) {
	for _, c := range []struct {
		change  *Change
		was, is int
	}{{&d.InApp, was.inApp, is.inApp}, {&d.SMS, was.sms, is.sms}, {&d.Ended, len(was.ended), len(is.ended)}} {
		switch {
		case c.is > c.was:
			c.change.More.add(is.who, is.first)
		case c.is < c.was:
			c.change.Less.add(was.who, was.first)
		}
	}
}

// compareGroup matches the alerts of a group: those whose spans overlap, each once
// at most, in order of time.
func compareGroup(d *RuleDifference, was, is []found, earlier, later *shifts) {
	byTime := func(x, y found) int {
		return cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.to, y.to), cmp.Compare(x.from, y.from))
	}
	slices.SortStableFunc(was, byTime)
	slices.SortStableFunc(is, byTime)
	for len(was) > 0 && len(is) > 0 {
		x, y := was[0], is[0]
		switch {
		case x.to < y.from:
			d.Fewer.add(x.who, x.time)
			was = was[1:]
			continue
		case y.to < x.from:
			d.More.add(y.who, y.time)
			is = is[1:]
			continue
		case y.time < x.time:
			earlier.add(y.who, y.time, x.time.Sub(y.time))
		case y.time > x.time:
			later.add(y.who, y.time, y.time.Sub(x.time))
		}
		if x.level != y.level || x.status != y.status {
			d.Regraded.add(y.who, y.time)
		}
		was, is = was[1:], is[1:]
	}
	for _, x := range was {
		d.Fewer.add(x.who, x.time)
	}
	for _, y := range is {
		d.More.add(y.who, y.time)
	}
}
