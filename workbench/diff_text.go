package workbench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// WriteJSON writes the difference as one JSON object.
func (d *Difference) WriteJSON(w io.Writer) error {
	if d.Rules == nil {
		d.Rules = []RuleDifference{}
	}
	encoded, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the difference: %w", err)
	}
	_, err = w.Write(append(encoded, '\n'))
	return err
}

// WriteText writes the difference for a reviewer: what it comes to, then rule by
// rule, with an example of everything.
func (d *Difference) WriteText(w io.Writer) error {
	var page bytes.Buffer
	if d.Equal {
		write(&page, "no difference over %s\n", d.over())
		d.writeRuleChanges(&page)
		if d.BadLines > 0 {
			write(&page, "\n%s left out\n", of(d.BadLines, "bad line"))
		}
		_, err := page.WriteTo(w)
		return err
	}
	differ := "differ"
	if len(d.Rules) == 1 {
		differ = "differs"
	}
	write(&page, "%s %s over %s\n", of(len(d.Rules), "rule"), differ, d.over())
	d.writeRuleChanges(&page)
	page.WriteByte('\n')
	d.writeSum(&page)
	for i := range d.Rules {
		page.WriteByte('\n')
		d.Rules[i].write(&page)
	}
	if d.Same > 0 {
		write(&page, "\n%s without a difference\n", of(d.Same, "other rule"))
	}
	if d.BadLines > 0 {
		write(&page, "\n%s left out\n", of(d.BadLines, "bad line"))
	}
	_, err := page.WriteTo(w)
	return err
}

// over says what the rules were compared over.
func (d *Difference) over() string {
	return fmt.Sprintf("%s of %s in %s", of(d.Events, "event"), of(d.Accounts, "account"), lasting(d.Last.Sub(d.First)))
}

func (d *Difference) writeRuleChanges(w *bytes.Buffer) {
	if len(d.Added)+len(d.Removed)+len(d.Changed) > 0 {
		w.WriteByte('\n')
	}
	for _, id := range d.Added {
		write(w, "added    %s\n", id)
	}
	for _, id := range d.Removed {
		write(w, "removed  %s\n", id)
	}
	for _, c := range d.Changed {
		c.write(w)
	}
}

// longestChange is how much of a key's old and new value stands beside others, in
// columns.
const longestChange = 32

// write writes what is changed in a rule: short values on one line, long ones on
// lines of their own.
func (c *RuleChange) write(w *bytes.Buffer) {
	var brief []string
	var long bytes.Buffer
	for _, k := range c.What {
		if k.Old == "" && k.New == "" {
			brief = append(brief, k.Key)
			continue
		}
		before, after := printable(cmp.Or(k.Old, "none")), printable(cmp.Or(k.New, "none"))
		if columnsOf(before)+columnsOf(after) <= longestChange {
			brief = append(brief, k.Key+" "+before+" → "+after)
			continue
		}
		brief = append(brief, k.Key)
		write(&long, "         - %s: %s\n         + %s: %s\n", k.Key, before, k.Key, after)
	}
	write(w, "changed  %s: %s\n%s", c.Rule, strings.Join(brief, ", "), &long)
}

// printable is a text of a rule as a terminal may show it. It is not cut off: what
// has changed may be its end.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

// writeSum writes the numbers of both sets side by side.
func (d *Difference) writeSum(w *bytes.Buffer) {
	table := columns{heads: []string{"", ">OLD", ">NEW", ">CHANGE"}}
	for _, line := range []struct {
		name     string
		old, new int
	}{
		{"alerts", d.All.Old.Alerts, d.All.New.Alerts},
		{"accounts with alerts", d.All.Old.Accounts, d.All.New.Accounts},
		{"messages in the app", d.All.Old.InApp, d.All.New.InApp},
		{"messages by SMS", d.All.Old.SMS, d.All.New.SMS},
		{"sessions ended at once", d.All.Old.Ended, d.All.New.Ended},
		{"sessions if the owner denies", d.All.Old.OwnerDenies, d.All.New.OwnerDenies},
		{"sessions if the team approves", d.All.Old.TeamApproves, d.All.New.TeamApproves},
	} {
		if line.old != 0 || line.new != 0 {
			table.add(line.name, cell(line.old), cell(line.new), change(line.new-line.old))
		}
	}
	table.write(w)
}

// change is a difference of numbers, with its sign.
func change(n int) string {
	switch {
	case n > 0:
		return "+" + number(n)
	case n == 0:
		return "-"
	}
	return number(n)
}

// write writes what has become of one rule.
func (r *RuleDifference) write(w *bytes.Buffer) {
	write(w, "%s (%s): %s to %s\n", r.Rule, r.Level, number(r.Old.Alerts), of(r.New.Alerts, "alert"))
	if r.Regrouped != nil {
		write(w, "  %s %s → %s: compared by account\n", r.Regrouped.Key, r.Regrouped.Old, r.Regrouped.New)
	}
	subject := ofAccount
	if r.By != subject {
		subject = "group"
	}
	table := columns{heads: []string{"", ">", "", ""}}
	add := func(c Cases, thing, what, more string) {
		if c.Count == 0 {
			return
		}
		example := visible(c.Example.Who) + " at " + seconds(c.Example.Time) + more
		if c.Count > 1 {
			thing += "s"
			example = "such as " + example
		}
		table.add("", number(c.Count), thing+" "+what, example)
	}
	add(r.Gained, subject, "gained", "")
	add(r.Lost, subject, "lost", "")
	add(r.More, "alert", "more", "")
	add(r.Fewer, "alert", "fewer", "")
	for _, s := range []struct {
		Shift
		word string
	}{{r.Earlier, "earlier"}, {r.Later, "later"}} {
		what := s.word
		if s.Count > 1 {
			what += ", by " + short(inSeconds(s.Median)) + " in the median"
		}
		add(s.Cases, "alert", what, ", by "+short(inSeconds(s.By)))
	}
	add(r.Regraded, "alert", "of another level or status", "")
	for _, c := range []struct {
		Change
		old, new int
		what     string
	}{
		{r.InApp, r.Old.InApp, r.New.InApp, "messages in the app"},
		{r.SMS, r.Old.SMS, r.New.SMS, "SMS"},
		{r.Ended, r.Old.Ended, r.New.Ended, "sessions ended"},
	} {
		all := fmt.Sprintf(" (%s to %s in all)", number(c.old), number(c.new))
		add(c.More, subject, "with more "+c.what+all, "")
		add(c.Less, subject, "with fewer "+c.what+all, "")
	}
	table.write(w)
}

// inSeconds is a number of seconds, without digits that say nothing.
func inSeconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d >= 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
