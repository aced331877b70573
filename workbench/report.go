package workbench

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
)

// TableReporter writes a page for people once all events are read: how much would
// have been noticed and done, by which rules, when, and to whom. Its own
// memory is bounded: by the rules, the days, and some millions of accounts and
// sessions with alerts, beyond which their numbers are estimates. The run that it
// reports on keeps some 20 bytes more for each alert that others fell into, and with
// [Window.Since] for each that came before.
type TableReporter struct {
	W io.Writer
	// Plan says what follows from an alert. Without it the page does not speak of
	// messages and sessions.
	Plan Plan

	seed     maphash.Seed
	rules    map[string]*ruleReport
	days     days
	alerts   int
	accounts *distinct
	all      *consequences
}

// ruleReport is what the page says of a rule.
type ruleReport struct {
	rule        string
	level       holdfast.Level
	status      holdfast.Status
	alerts      int
	accounts    *distinct
	first, last holdfast.Instant
	busiest     busiest
	follows     *consequences
}

// NeedsIDs says that a page names no events.
func (r *TableReporter) NeedsIDs() bool { return false }

// Alert counts the alert.
func (r *TableReporter) Alert(a *holdfast.Alert, _ *IDs) error {
	if r.rules == nil {
		r.rules, r.days = make(map[string]*ruleReport), make(days)
		r.seed = maphash.MakeSeed()
		r.accounts, r.all = newDistinct(r.seed, exactly), newConsequences(r.seed)
	}
	rule := r.rules[a.Rule]
	if rule == nil {
		rule = &ruleReport{
			rule: a.Rule, level: a.Level, status: a.Status, first: a.Time, last: a.Time,
			accounts: newDistinct(r.seed, exactly), follows: newConsequences(r.seed),
		}
		r.rules[a.Rule] = rule
	}
	r.alerts++
	rule.alerts++
	rule.level = max(rule.level, a.Level) // overrides may have changed it
	rule.first, rule.last = min(rule.first, a.Time), max(rule.last, a.Time)
	rule.busiest.add(a.Group)
	r.days.add(a.Time, a.Level)
	r.accounts.add(a.Account)
	rule.accounts.add(a.Account)
	if r.Plan != nil {
		actions := r.Plan(*a)
		rule.follows.add(a, actions)
		r.all.add(a, actions)
	}
	return nil
}

// Finish writes the page: first what it comes to, last what it was read from.
func (r *TableReporter) Finish(s Summary) error {
	rules := slices.SortedFunc(maps.Values(r.rules), func(a, b *ruleReport) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(b.alerts, a.alerts), cmp.Compare(a.rule, b.rule))
	})
	var page bytes.Buffer
	if r.alerts == 0 {
		page.WriteString("No alerts.\n")
	} else {
		r.writeSum(&page, s)
		page.WriteByte('\n')
		r.writeRules(&page, rules, s)
		r.days.write(&page, dayOf(s.First), dayOf(s.Last))
		writeBusiest(&page, rules)
	}
	page.WriteByte('\n')
	writeInput(&page, s)
	_, err := page.WriteTo(r.W)
	return err
}

// writeSum says in a few lines what it all comes to.
func (r *TableReporter) writeSum(w *bytes.Buffer, s Summary) {
	accounts := r.accounts.count()
	write(w, "%s on ", of(r.alerts, "alert"))
	switch {
	case s.AccountsEstimated:
		all := max(s.Accounts, accounts) // an estimate may be too low
		write(w, "%s of about %s (%s)", number(accounts), of(all, "account"), share(accounts, all))
	case s.Accounts > 0:
		write(w, "%s of %s (%s)", number(accounts), of(s.Accounts, "account"), share(accounts, s.Accounts))
	default:
		w.WriteString(of(accounts, "account"))
	}
	write(w, " in %s\n", lasting(s.Last.Sub(s.First)))
	if r.Plan == nil {
		return
	}
	sum := r.all.sum()
	write(w, "%s would get %s in the app", of(r.all.owners.count(), "owner"), of(sum.InApp, "message"))
	switch {
	case sum.SMS == 0:
		w.WriteString(", and none by SMS\n")
	case sum.UnlessSeen == 0:
		write(w, " and %s by SMS\n", number(sum.SMS))
	default:
		write(w, " and %s by SMS, %s of them only if the one in the app stays unseen\n", number(sum.SMS), number(sum.UnlessSeen))
	}
	write(w, "%s would be ended at once", of(sum.Ended, "session"))
	var waiting []string
	if sum.OwnerDenies > 0 {
		waiting = append(waiting, number(sum.OwnerDenies)+" if the owner says it was someone else")
	}
	if sum.TeamApproves > 0 {
		waiting = append(waiting, number(sum.TeamApproves)+" if the team approves")
	}
	if len(waiting) > 0 {
		write(w, ", %s", strings.Join(waiting, ", "))
	}
	w.WriteByte('\n')
}

// writeRules writes the alerts by rule, the gravest first.
func (r *TableReporter) writeRules(w *bytes.Buffer, rules []*ruleReport, s Summary) {
	table := columns{heads: []string{"RULE", "LEVEL", ">ALERTS", ">OCCURRENCES", ">ACCOUNTS"}}
	if r.Plan != nil {
		table.heads = append(table.heads, ">IN-APP", ">SMS", ">ENDED")
	}
	table.heads = append(table.heads, "FIRST", "LAST")
	for _, rule := range rules {
		name := rule.rule
		if rule.status == holdfast.Test {
			name += " (test)"
		}
		cells := []string{name, rule.level.String(), number(rule.alerts), cell(s.Occurrences[rule.rule]), number(rule.accounts.count())}
		if r.Plan != nil {
			sum := rule.follows.sum()
			cells = append(cells, cell(sum.InApp), cell(sum.SMS), cell(sum.Ended))
		}
		table.add(append(cells, seconds(rule.first), seconds(rule.last))...)
	}
	table.write(w)
}

// writeBusiest names, for each rule, the groups that have several alerts.
func writeBusiest(w *bytes.Buffer, rules []*ruleReport) {
	table := columns{heads: []string{"RULE", "BUSIEST GROUPS (ALERTS)"}}
	for _, rule := range rules {
		if groups := rule.busiest.String(); groups != "" {
			table.add(rule.rule, groups)
		}
	}
	if len(table.rows) > 0 {
		w.WriteByte('\n')
		table.write(w)
	}
}

// writeInput says what the page was made from.
func writeInput(w *bytes.Buffer, s Summary) {
	w.WriteString(of(s.Counted, "event"))
	if s.Counted > 0 {
		write(w, " from %s to %s UTC", seconds(s.First), seconds(s.Last))
	}
	if s.WarmUp > 0 {
		write(w, ", %s before that to warm up", number(s.WarmUp))
	}
	if s.Outside > 0 {
		write(w, ", %s left out", number(s.Outside))
	}
	write(w, ", %s, %s, %s late\n", of(s.BadLines, "bad line"), of(s.Duplicates, "duplicate"), number(s.Late))
}
