package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/holdfastd/holdfast"
)

// maxShown bounds the lines of a difference that are shown.
const maxShown = 30

// difference shows, in the order of time, what was expected and did not fire (-),
// what fired and was not expected (+), and what else fired; and below it why.
func (r *Result) difference() string {
	type row struct {
		at    holdfast.Instant
		cells string
	}
	var rows []row
	for _, x := range r.Missing {
		at := r.Test.Start
		if x.At != nil {
			at = *x.At
		}
		rows = append(rows, row{at, fmt.Sprintf("- %s\texpected in line %d, did not fire", r.wanted(&x), x.Pos.Line)})
	}
	for i := range r.Fired {
		f := &r.Fired[i]
		mark, said := " ", "as expected"
		switch f.Standing {
		case Unexpected:
			mark, said = "+", fmt.Sprintf("fired at the event of line %d, not expected", f.Line)
		case NotJudged:
			said = "fired too; the test does not name the rule"
		case Expected:
		}
		rows = append(rows, row{f.Time, fmt.Sprintf("%s %s\t%s", mark, r.fired(f), said)})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for i, row := range rows {
		if i == maxShown {
			_, _ = fmt.Fprintf(table, "… and %d more\n", len(rows)-i)
			break
		}
		_, _ = fmt.Fprintln(table, row.cells)
	}
	_ = table.Flush() // to memory, which does not fail
	for _, why := range r.Why {
		text.WriteString(why.Text)
	}
	return text.String()
}

// wanted is an expected alert as it is shown: what is left open is left out.
func (r *Result) wanted(x *Expectation) string {
	when := ""
	if x.At != nil {
		when = "at " + r.Test.clock(*x.At)
	}
	group := make(holdfast.Group, len(x.Group))
	for i, g := range x.Group {
		group[i] = g.GroupValue
	}
	details := details{groupOf(group)}
	if x.Account != "" {
		details.add("account " + plain(x.Account))
	}
	if x.Level != 0 {
		details.add("level " + x.Level.String())
	}
	if x.Count != 0 {
		details.add("count " + strconv.Itoa(x.Count))
	}
	if x.Suspects != nil {
		details.add("suspects " + idList(x.Suspects))
	}
	if x.Protected != nil {
		details.add("protected " + idList(x.Protected))
	}
	return x.Rule + "\t" + when + "\t" + details.String()
}

// fired is an alert as it is shown: with what expectations of its rule, that it
// may have been meant to meet, ask for.
func (r *Result) fired(f *Fired) string {
	details := details{groupOf(f.Group)}
	asks := func(of func(x *Expectation) bool) bool {
		return slices.ContainsFunc(r.Missing, func(x Expectation) bool { return x.Rule == f.Rule && of(&x) })
	}
	if asks(func(x *Expectation) bool { return x.Account != "" }) {
		details.add("account " + plain(f.Account))
	}
	if asks(func(x *Expectation) bool { return x.Level != 0 }) {
		details.add("level " + f.Level.String())
	}
	if asks(func(x *Expectation) bool { return x.Count != 0 }) {
		details.add("count " + strconv.Itoa(f.Count))
	}
	if asks(func(x *Expectation) bool { return x.Suspects != nil }) {
		details.add("suspects " + idList(idsOf(f.Sessions.Suspect)))
	}
	if asks(func(x *Expectation) bool { return x.Protected != nil }) {
		details.add("protected " + idList(idsOf(f.Sessions.Protected)))
	}
	return f.Rule + "\tat " + r.Test.clock(f.Time) + "\t" + details.String()
}

// details are what is shown of an alert beside its rule and time.
type details []string

func (d *details) add(s string) { *d = append(*d, s) }

func (d details) String() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(d), func(s string) bool { return s == "" }), ", ")
}

func groupOf(group holdfast.Group) string {
	parts := make([]string, len(group))
	for i, g := range group {
		parts[i] = g.Field + "=" + plain(g.Value)
	}
	return strings.Join(parts, " ")
}

func idList(ids []string) string {
	shown := make([]string, len(ids))
	for i, id := range ids {
		shown[i] = plain(id)
	}
	return "[" + strings.Join(shown, " ") + "]"
}

// plain is a value as it is shown on a terminal: quoted, unless it is a word.
func plain(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(" ,=[]\"", r) }) {
		return strconv.QuoteToGraphic(shown(s))
	}
	return shown(s)
}
