package labels

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// DefaultGrace is how long after an attack's last event an alert is still of it:
// a rule that waits for what does not come fires at its deadline.
const DefaultGrace = 15 * time.Minute

// Options say what counts.
type Options struct {
	// Grace is how long after an attack's last event an alert is still of it.
	// Defaults to DefaultGrace.
	Grace time.Duration
	// Finds says which alerts can find an attack. Defaults to those of level low
	// and above, of rules that are not on trial.
	Finds func(*holdfast.Alert) bool
	// Plan says what follows from an alert. Without it no message is counted.
	Plan func(holdfast.Alert) []holdfast.Action
}

func onLevel(a *holdfast.Alert) bool { return a.Level >= holdfast.Low && a.Status != holdfast.Test }

// Judge holds the alerts of a run against the labels:
//
//   - An alert is true if its account is one of an attack's accounts and its time
//     lies between the attack's first event and Grace after its last, both
//     included; of a campaign whose label has spans, between those of its events
//     that reached the account. Any other alert is false. The account of an alert
//     is that of the event which completed it, whatever the rule groups by.
//   - An attack on an account is found by a true alert that Finds accepts.
//   - A campaign is found by such an alert of a rule that does not group by
//     account: one that speaks of a single account has not seen the campaign.
//   - An attack is found in time if an alert that finds it is not later than the
//     attacker's first session, or at all where no session began.
//   - It is told in time if such an alert also writes to the account's owner or is
//     of level high or above, so that somebody learns of it who can act.
//   - The time to detection runs from the attack's first event to the earliest of
//     the alerts that find it.
//
// An alert that opened before an attack and keeps its rule silent during it finds
// nothing. The memory is bounded by the labels and the accounts with alerts. A
// Judge is not safe for concurrent use.
type Judge struct {
	options Options
	labels  []Label
	found   []finding          // by label
	told    []finding          // by label: by alerts that somebody is told of
	of      map[string][]reach // by account
	rules   map[string]*ruleCount
}

// reach is an attack on an account.
type reach struct {
	label int32
	Span
}

// finding is what found an attack first.
type finding struct {
	found bool
	at    holdfast.Instant
}

func (f *finding) add(at holdfast.Instant) {
	if !f.found || at < f.at {
		*f = finding{true, at}
	}
}

// inTime reports whether it came before or with the attacker's session.
func (f *finding) inTime(l *Label) bool { return f.found && (l.Session == 0 || f.at <= l.Session) }

// ruleCount is what one rule's alerts came to.
type ruleCount struct {
	level    holdfast.Level
	status   holdfast.Status
	alerts   int
	right    int
	accounts map[string]struct{}
	finds    map[int32]struct{} // labels
	messages int
	needless int // messages of level high and above to accounts not under attack
	quiet    int // the like of a lower level
}

// NewJudge returns a judge that has seen no alert yet. It keeps the labels.
func NewJudge(all []Label, opts Options) *Judge {
	opts.Grace = cmp.Or(opts.Grace, DefaultGrace)
	if opts.Finds == nil {
		opts.Finds = onLevel
	}
	j := &Judge{
		options: opts, labels: all, found: make([]finding, len(all)), told: make([]finding, len(all)),
		of: make(map[string][]reach), rules: make(map[string]*ruleCount),
	}
	for i, l := range all {
		for k, account := range l.Accounts {
			span := l.span(k)
			span.To = span.To.Add(opts.Grace)
			j.of[account] = append(j.of[account], reach{int32(i), span})
		}
	}
	return j
}

// Alert takes in the next alert. It keeps nothing of what a points to but texts.
func (j *Judge) Alert(a *holdfast.Alert) {
	r := j.rules[a.Rule]
	if r == nil {
		r = &ruleCount{level: a.Level, status: a.Status, accounts: make(map[string]struct{}), finds: make(map[int32]struct{})}
		j.rules[a.Rule] = r
	}
	r.alerts++
	r.accounts[a.Account] = struct{}{}
	writes := j.options.Plan != nil && WritesToOwner(j.options.Plan(*a))
	right := j.attribute(a, r, writes || a.Level >= holdfast.High)
	if right {
		r.right++
	}
	if !writes {
		return
	}
	r.messages++
	switch {
	case right:
	case a.Level >= holdfast.High:
		r.needless++
	default:
		r.quiet++
	}
}

// attribute notes which attacks an alert finds, and whether somebody is told of it,
// and reports whether it belongs to any.
func (j *Judge) attribute(a *holdfast.Alert, r *ruleCount, told bool) bool {
	right, finds := false, j.options.Finds(a)
	for _, of := range j.of[a.Account] {
		if a.Time < of.From || a.Time > of.To {
			continue
		}
		right = true
		if !finds || j.labels[of.label].Campaign && byAccount(a.Group) {
			continue
		}
		r.finds[of.label] = struct{}{}
		j.found[of.label].add(a.Time)
		if told {
			j.told[of.label].add(a.Time)
		}
	}
	return right
}

// byAccount reports whether a group is of a single account.
func byAccount(g holdfast.Group) bool {
	return slices.ContainsFunc(g, func(v holdfast.GroupValue) bool { return v.Field == "account" })
}

// WritesToOwner reports whether one of the actions is a message to the account's
// owner.
func WritesToOwner(actions []holdfast.Action) bool {
	return slices.ContainsFunc(actions, func(a holdfast.Action) bool { return a.Kind == holdfast.NotifyOwner })
}

// Traffic is what the events came to that the alerts are of.
type Traffic struct {
	Accounts int // that the events speak of
	// AccountDays is how many pairs there are of an account and a day of UTC on
	// which an event speaks of it; 0 if they are not counted.
	AccountDays int
	From, To    holdfast.Instant // of the first event and the last
}

// Days is how many days lie between the first event and the last.
func (t Traffic) Days() float64 { return float64(t.To.Sub(t.From)) / float64(day) }

// day is what a day of an account is counted in.
const day = 24 * time.Hour

// Report says what the alerts so far came to. Attacks that lie wholly outside of
// the traffic's time are left out.
func (j *Judge) Report(t Traffic) *Report {
	report := &Report{Grace: j.options.Grace.Seconds()}
	report.Scenarios = j.scenarios(t)
	report.Attacks = j.Outcome(t, func(l *Label) bool { return !l.Campaign })
	report.Campaigns = j.Outcome(t, func(l *Label) bool { return l.Campaign })
	report.Campaigns.Campaign = true
	report.Attacks.Missed, report.Campaigns.Missed = nil, nil
	for _, id := range slices.Sorted(maps.Keys(j.rules)) {
		rule := j.rule(id)
		report.Rules = append(report.Rules, rule)
		report.Owners.Messages += rule.Messages
		report.Owners.Needless += rule.Needless
		report.Owners.Quiet += rule.Quiet
	}
	slices.SortStableFunc(report.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(b.Alerts, a.Alerts))
	})
	o := &report.Owners
	o.Accounts, o.Days = t.Accounts, t.Days()
	under, touched := j.attacked(t)
	o.BenignDays = max(0, float64(t.Accounts)*t.Days()-under)
	o.Per10000, o.QuietPer10000 = per10000(o.Needless, o.BenignDays), per10000(o.Quiet, o.BenignDays)
	o.ActiveDays = max(0, t.AccountDays-touched)
	o.PerActive10000, o.QuietPerActive10000 = per10000(o.Needless, float64(o.ActiveDays)), per10000(o.Quiet, float64(o.ActiveDays))
	return report
}

// per10000 is nil where there are no days.
func per10000(n int, days float64) *float64 {
	if days <= 0 {
		return nil
	}
	rate := float64(n) / days * 10_000
	return &rate
}

// attacked is for how long accounts were under attack, the grace included, in days
// summed over the accounts, and on how many days of UTC that was. What overlaps
// counts once, and what lies outside of the traffic's time not at all.
func (j *Judge) attacked(t Traffic) (under float64, touched int) {
	var total int64 // milliseconds: their sum may exceed a time.Duration
	for _, of := range j.of {
		attacks := slices.Clone(of)
		slices.SortFunc(attacks, func(a, b reach) int { return cmp.Compare(a.From, b.From) })
		counted, next := t.From, int64(math.MinInt64) // up to here; from this day on
		for _, attack := range attacks {
			from, to := max(t.From, attack.From), min(t.To, attack.To)
			if to < from {
				continue
			}
			if first, last := max(next, dayOf(from)), dayOf(to); last >= first {
				touched += int(last - first + 1)
				next = last + 1
			}
			if from = max(counted, from); to > from {
				total += to.Sub(from).Milliseconds()
				counted = to
			}
		}
	}
	return float64(total) / float64(day.Milliseconds()), touched
}

// dayOf is the number of a day of UTC.
func dayOf(t holdfast.Instant) int64 {
	n := int64(t) / int64(day)
	if int64(t)%int64(day) < 0 {
		n--
	}
	return n
}

// rule is what is reported of one rule.
func (j *Judge) rule(id string) Rule {
	r := j.rules[id]
	byScenario := make(map[string]int)
	for i := range r.finds {
		byScenario[j.labels[i].Scenario]++
	}
	var finds []Find
	for _, name := range slices.Sorted(maps.Keys(byScenario)) {
		finds = append(finds, Find{name, byScenario[name]})
	}
	return Rule{
		Rule: id, Level: r.level, Status: r.status, Alerts: r.alerts, True: r.right, False: r.alerts - r.right,
		Precision: float64(r.right) / float64(r.alerts), Accounts: len(r.accounts), Finds: finds,
		Messages: r.messages, Needless: r.needless, Quiet: r.quiet,
	}
}

// maxExamples is how many missed attacks of a scenario are named as examples.
const maxExamples = 5

// scenarios is what became of the attacks, by kind.
func (j *Judge) scenarios(t Traffic) []Scenario {
	type kind struct {
		campaign bool
		name     string
	}
	kinds := make(map[kind]struct{})
	for i := range j.labels {
		kinds[kind{j.labels[i].Campaign, j.labels[i].Scenario}] = struct{}{}
	}
	var campaigns, all []Scenario
	for _, k := range slices.SortedFunc(maps.Keys(kinds), func(a, b kind) int { return cmp.Compare(a.name, b.name) }) {
		s := j.Outcome(t, func(l *Label) bool { return l.Campaign == k.campaign && l.Scenario == k.name })
		s.Scenario, s.Campaign = k.name, k.campaign
		switch {
		case s.Attacks == 0:
		case k.campaign:
			campaigns = append(campaigns, s)
		default:
			all = append(all, s)
		}
	}
	return append(all, campaigns...)
}

// Outcome says what became of those attacks within the traffic's time that are
// chosen.
func (j *Judge) Outcome(t Traffic, chosen func(*Label) bool) Scenario {
	var s Scenario
	var took []time.Duration
	for i := range j.labels {
		l, f, told := &j.labels[i], &j.found[i], &j.told[i]
		if l.To.Add(j.options.Grace) < t.From || l.From > t.To || !chosen(l) {
			continue
		}
		s.Attacks++
		if f.found {
			s.Found++
			took = append(took, f.at.Sub(l.From))
		}
		if f.inTime(l) {
			s.InTime++
		}
		if told.inTime(l) {
			s.Told++
		} else if len(s.Missed) < maxExamples {
			s.Missed = append(s.Missed, Missed{Account: l.Accounts[0], From: l.From, Found: f.inTime(l), Late: told.found})
		}
	}
	if s.Attacks > 0 {
		s.FoundShare = float64(s.Found) / float64(s.Attacks)
		s.InTimeShare = float64(s.InTime) / float64(s.Attacks)
		s.ToldShare = float64(s.Told) / float64(s.Attacks)
	}
	if len(took) > 0 {
		median := medianOf(took).Seconds()
		s.Median = &median
	}
	return s
}

// medianOf is the middle one, or of an even number the mean of the middle two. It
// orders what it is given.
func medianOf(all []time.Duration) time.Duration {
	slices.Sort(all)
	n := len(all)
	low, high := all[(n-1)/2], all[n/2]
	return low + (high-low)/2
}
