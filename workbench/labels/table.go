package labels

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var text bytes.Buffer
	for _, t := range r.tables(visible) {
		aligned := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{upper(t.head)}, t.rows...) {
			_, _ = fmt.Fprintln(aligned, strings.Join(row, "\t")) // to memory
		}
		_ = aligned.Flush() // to memory
		text.WriteByte('\n')
	}
	text.WriteString(r.notes() + "\n")
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// WriteMarkdown writes the report as tables of a Markdown page.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var text bytes.Buffer
	for _, t := range r.tables(code) {
		rule := make([]string, len(t.head))
		for i := range rule {
			rule[i] = "---"
			if t.number[i] {
				rule[i] = "--:"
			}
		}
		for _, row := range append([][]string{t.head, rule}, t.rows...) {
			text.WriteString("| " + strings.Join(row, " | ") + " |\n")
		}
		text.WriteByte('\n')
	}
	text.WriteString(r.notes() + "\n")
	_, err := text.WriteTo(w)
	return err
}

// table is some rows of cells below their heads.
type table struct {
	head   []string
	number []bool // by column
	rows   [][]string
}

// tables are the report's scenarios and rules. name writes what the labels or the
// events name.
func (r *Report) tables(name func(string) string) []table {
	scenarios := table{
		head:   []string{"Scenario", "Attacks", "Found", "In time", "Share", "Told in time", "Share", "Median time"},
		number: []bool{false, true, true, true, true, true, true, true},
	}
	missed := table{head: []string{"Not told in time", "For example"}, number: []bool{false, false}}
	add := func(title string, s *Scenario) {
		median := "-"
		if s.Median != nil {
			median = Took(*s.Median)
		}
		scenarios.rows = append(scenarios.rows, []string{
			title, strconv.Itoa(s.Attacks), strconv.Itoa(s.Found), strconv.Itoa(s.InTime),
			Percent(s.InTime, s.Attacks), strconv.Itoa(s.Told), Percent(s.Told, s.Attacks), median,
		})
		if len(s.Missed) > 0 {
			missed.rows = append(missed.rows, []string{title, examples(s, name)})
		}
	}
	for i := range r.Scenarios {
		add(name(r.Scenarios[i].Scenario), &r.Scenarios[i])
	}
	if r.Attacks.Attacks > 0 {
		add("all attacks on an account", &r.Attacks)
	}
	if r.Campaigns.Attacks > 0 {
		add("all campaigns", &r.Campaigns)
	}

	rules := table{
		head:   []string{"Rule", "Level", "Alerts", "True", "False", "Precision", "Accounts", "Finds"},
		number: []bool{false, false, true, true, true, true, true, false},
	}
	for i := range r.Rules {
		one := &r.Rules[i]
		title := name(one.Rule)
		if one.Status == holdfast.Test {
			title += " (test)"
		}
		rules.rows = append(rules.rows, []string{
			title, one.Level.String(), strconv.Itoa(one.Alerts), strconv.Itoa(one.True), strconv.Itoa(one.False),
			Percent(one.True, one.Alerts), strconv.Itoa(one.Accounts), finds(one, name),
		})
	}
	return slices.DeleteFunc([]table{scenarios, missed, rules, r.owners()}, func(t table) bool { return len(t.rows) == 0 })
}

func examples(s *Scenario, name func(string) string) string {
	var all []string
	for _, m := range s.Missed {
		one := name(m.Account)
		switch {
		case m.Late:
			one += " (late)"
		case m.Found:
			one += " (found)"
		}
		all = append(all, one)
	}
	if more := s.Attacks - s.Told - len(s.Missed); more > 0 && len(all) > 0 {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

func finds(r *Rule, name func(string) string) string {
	all := make([]string, len(r.Finds))
	for i, f := range r.Finds {
		all[i] = fmt.Sprintf("%s %d", name(f.Scenario), f.Attacks)
	}
	return strings.Join(all, ", ")
}

// owners says how often owners are written to.
func (r *Report) owners() table {
	o := &r.Owners
	rate := func(r *float64) string {
		if r == nil {
			return "-"
		}
		return strconv.FormatFloat(*r, 'f', 2, 64)
	}
	return table{
		head:   []string{"Messages to owners", "Number", "Per 10,000 benign account-days", "Per 10,000 with events"},
		number: []bool{false, true, true, true},
		rows: [][]string{
			{"needless, level high and above", strconv.Itoa(o.Needless), rate(o.Per10000), rate(o.PerActive10000)},
			{"needless, below high", strconv.Itoa(o.Quiet), rate(o.QuietPer10000), rate(o.QuietPerActive10000)},
			{"all", strconv.Itoa(o.Messages), "", ""},
		},
	}
}

// notes say what the tables' words mean.
func (r *Report) notes() string {
	o := &r.Owners
	text := `In time: before or at the attacker's session. Told in time: so by an alert that writes to the owner or
is of level high or above. Found in time by other alerts only: (found). Told after the session: (late).
Needless: while the account was not under attack.`
	if o.BenignDays > 0 {
		text += fmt.Sprintf(" %d accounts over %.2f days have %.0f account-days without those\nunder attack",
			o.Accounts, o.Days, o.BenignDays)
		if o.ActiveDays > 0 {
			text += fmt.Sprintf("; on %d of them there are events", o.ActiveDays)
		}
		text += "."
	}
	return text
}

// Percent is a share in percent. It is never rounded up: only all is 100%.
func Percent(n, of int) string {
	switch {
	case of == 0:
		return "-"
	case n == of:
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", math.Floor(float64(n)*1000/float64(of))/10)
}

// Took is a number of seconds as people say it, to three digits or so.
func Took(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		return expression.FormatDuration(d.Round(time.Second))
	}
	return expression.FormatDuration(d.Round(time.Minute))
}

func upper(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = strings.ToUpper(s)
	}
	return out
}

// longestName bounds what is shown of a name, in characters.
const longestName = 64

// visible is a name that can't harm a terminal: without control characters, and
// not too long.
func visible(s string) string {
	if runes := []rune(s); len(runes) > longestName {
		s = string(runes[:longestName]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// code is a name as code of a Markdown table.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(visible(s)) + "`"
}
