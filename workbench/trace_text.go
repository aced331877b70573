package workbench

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

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules/expression"
)

// WriteWhyNot writes, for people, why a rule did not fire: how far it got, what kept
// it from going on, and what it did at each event. Account, unless it is "", is the
// account in question. Where the rule did fire, it says what came after.
func (t *Trace) WriteWhyNot(w io.Writer, rule, account string) error {
	var entries []*TraceEntry
	for i := range t.entries {
		if e := &t.entries[i]; e.Rule == rule && (account == "" || e.Event.Account == account) {
			entries = append(entries, e)
		}
	}
	var text bytes.Buffer
	write(&text, "why %s did not fire%s\n", rule, t.reason(entries))
	var telling []*TraceEntry
	for _, e := range entries {
		if !e.strange {
			telling = append(telling, e)
		}
	}
	if len(telling) > 1 {
		t.list(&text, telling)
	}
	_, err := text.WriteTo(w)
	return err
}

// WriteWhy writes, for people, why an alert fired: what each event of its evidence
// did, and the conditions that held. Alerts among the evidence are named, not
// explained.
func (t *Trace) WriteWhy(w io.Writer, a *holdfast.Alert) error {
	var text bytes.Buffer
	write(&text, "why %s fired\n", a.ID)
	entries := t.evidence(a)
	if len(entries) == 0 {
		write(&text, "  its events were not noted\n")
	}
	t.list(&text, entries)
	_, err := text.WriteTo(w)
	return err
}

// evidence are the entries of an alert's evidence, and of its deadline if it was
// held.
func (t *Trace) evidence(a *holdfast.Alert) []*TraceEntry {
	var entries []*TraceEntry
	for i := range t.entries {
		e := &t.entries[i]
		switch {
		case e.Rule != a.Rule:
		case e.passed() && e.Alert == a.ID && e.Outcome == Fired:
			entries = append(entries, e)
		case e.passed(), !e.builds():
		case slices.ContainsFunc(a.Evidence, func(of holdfast.Evidence) bool { return of.Offset == e.Event.Offset && of.Alert == e.Event.Alert }):
			entries = append(entries, e)
		}
	}
	return entries
}

// builds reports whether the event is one that an alert may rest on.
func (e *TraceEntry) builds() bool {
	return slices.Contains([]Outcome{Counted, Advanced, Holding, Fired}, e.Outcome) && !e.passed()
}

// reason says in one line why a rule did not fire, or not again.
func (t *Trace) reason(entries []*TraceEntry) string {
	again := ""
	if i := lastIndex(entries, func(e *TraceEntry) bool { return e.Outcome == Fired }); i >= 0 {
		again = fmt.Sprintf(" again after %s", entries[i].Event.name())
		entries = entries[i+1:]
	}
	var parts []string
	best := -1
	for i, e := range entries {
		if (e.Outcome == Counted || e.Outcome == Advanced) && (best < 0 || e.share() >= entries[best].share()) {
			best = i
		}
	}
	if best >= 0 {
		parts = append(parts, entries[best].sentence(t.opts.Clock))
	}
	hindered := func(e *TraceEntry) bool { return !e.strange && e.Outcome != Counted && e.Outcome != Advanced }
	hindrance := lastIndex(entries, hindered)
	if hindrance < 0 && best < 0 && len(entries) > 0 {
		hindrance = 0 // nothing is of the kind that the rule asks for
	}
	if hindrance >= 0 {
		parts = append(parts, "event "+entries[hindrance].Event.name()+" "+entries[hindrance].sentence(t.opts.Clock))
	}
	switch {
	case len(parts) > 0:
		return again + ": " + strings.Join(parts, "; ")
	case again != "":
		return again + ": nothing came after that"
	}
	return ": no event was shown to it"
}

func lastIndex(entries []*TraceEntry, is func(*TraceEntry) bool) int {
	for i, e := range slices.Backward(entries) {
		if is(e) {
			return i
		}
	}
	return -1
}

// share is how much of what is needed was there.
func (e *TraceEntry) share() float64 {
	share := 1.0
	if e.Need > 0 {
		share = e.Have / e.Need
	}
	for _, d := range e.Distinct {
		share = min(share, float64(d.Have)/float64(d.Need))
	}
	return share
}

// maxListed is how many events a text lists.
const maxListed = 50

// list writes a line for each entry, of many the last.
func (t *Trace) list(text *bytes.Buffer, entries []*TraceEntry) {
	if more := len(entries) - maxListed; more > 0 {
		write(text, "  (%d more before these)\n", more)
		entries = entries[more:]
	}
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		at, kind := e.Event.Time, visible(e.Event.Type)
		if e.passed() {
			at, kind = e.Deadline, "(deadline)"
		}
		write(w, "  %s\t%s\t%s\t%s\n", e.Event.name(), t.opts.Clock(at), kind, e.sentence(t.opts.Clock))
	}
	_ = w.Flush() // to memory
}

// name names the event on the command line.
func (e *TraceEvent) name() string {
	name := "#" + strconv.FormatInt(e.Offset, 10)
	switch {
	case e.Alert != "":
		name += " " + e.Alert
	case e.ID != "":
		name += " " + visible(e.ID)
	}
	return name
}

// sentence says what the rule did, with the event as its subject.
func (e *TraceEntry) sentence(clock func(holdfast.Instant) string) string {
	switch e.Outcome {
	case NotMatched:
		did := "did not match"
		if e.Steps > 1 {
			did = fmt.Sprintf("was not step %d of %d", e.Step, e.Steps)
		}
		return did + ": " + falseParts(e.Conditions)
	case Excepted:
		return "is excepted by `" + e.Exception + "`"
	case NoGroup:
		return "belongs to no group: " + strings.Join(e.Empty, " and ") + " " + plural(len(e.Empty), "is", "are") + " empty"
	case Suppressed:
		return "is one more occurrence of " + e.Alert + ", open until " + clock(e.Until)
	case TooOld:
		return "is too old beside what is there" + e.within()
	case OutOfTurn:
		return fmt.Sprintf("came out of turn: step %d of %d was due, and %s", e.Step, e.Steps, falseParts(e.Conditions))
	case Counted:
		return e.counted()
	case Advanced:
		return fmt.Sprintf("served step %d of %d: %g of %g events%s", e.Step, e.Steps, e.Have, e.Need, e.within())
	case Canceled:
		return fmt.Sprintf("took back %g of %g events by `cancel`", e.Have, e.Need)
	case Ended:
		return fmt.Sprintf("ended the sequence by `until`, at %g of %g events", e.Have, e.Need)
	case Answered:
		return fmt.Sprintf("answered %g of %g held alerts by `without`", e.Have, e.Need)
	case Holding:
		return "completed " + e.Alert + ", which is held until " + clock(e.Deadline)
	case Folded:
		return "was not answered, but " + e.Alert + " was open until " + clock(e.Until)
	case Fired:
		if e.passed() {
			return "was not answered: fired " + e.Alert
		}
		return "fired " + e.Alert
	}
	return string(e.Outcome)
}

// counted says how many are there of how many.
func (e *TraceEntry) counted() string {
	switch {
	case e.points:
		return fmt.Sprintf("scored %s of %s points at a half-life of %s", rounded(e.Have), rounded(e.Need), short(e.Within))
	case e.Surge != nil:
		past := fmt.Sprintf("mean %s, deviation %s", rounded(e.Surge.Mean), rounded(e.Surge.Deviation))
		if e.Surge.Closed < e.warmup {
			past = fmt.Sprintf("warming up: %d of %d buckets are closed", e.Surge.Closed, e.warmup)
		}
		return fmt.Sprintf("counted %d in the bucket, which fires at %g (%s)", e.Surge.Count, e.Need, past)
	}
	text := fmt.Sprintf("counted %g", e.Have)
	if e.Need > 0 {
		text += fmt.Sprintf(" of %g", e.Need)
	}
	if len(e.Distinct) > 0 {
		text += " with " + values(e.Distinct)
	}
	return text + e.within()
}

func values(distinct []detector.Distinct) string {
	var all []string
	for _, d := range distinct {
		all = append(all, fmt.Sprintf("%d of %d different %s", d.Have, d.Need, d.Field))
	}
	return strings.Join(all, ", ")
}

func (e *TraceEntry) within() string {
	if e.Within == 0 {
		return ""
	}
	return " within " + short(e.Within)
}

// falseParts says which parts of a condition were false, and what their fields
// held.
func falseParts(parts []expression.Part) string {
	var all []string
	for _, part := range parts {
		if !part.Holds {
			all = append(all, oneLine(part.Source)+" was false"+held(part))
		}
	}
	if len(all) == 0 {
		return "it is an alert that the condition does not ask for"
	}
	return strings.Join(all, ", ")
}

// held says what the fields held that a part reads, unless its text says so.
func held(part expression.Part) string {
	var all []string
	for _, v := range part.Values {
		if !strings.Contains(part.Source, v.Field+" == "+v.Value) { // which says it already
			all = append(all, v.Field+" = "+v.Value)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// oneLine is a condition, which may have been written over several lines.
func oneLine(source string) string { return strings.Join(strings.Fields(source), " ") }

// moment is a time as people read it, in UTC.
func moment(t holdfast.Instant) string {
	if t%holdfast.Instant(time.Second) == 0 {
		return t.Std().Format(time.DateTime)
	}
	return t.Std().Format("2006-01-02 15:04:05.000")
}

// short writes a duration without the units that are 0, and days as such.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func rounded(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
