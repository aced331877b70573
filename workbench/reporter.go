package workbench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/holdfastd/holdfast"
)

// JSONReporter writes one JSON object a line for each alert, in firing order.
type JSONReporter struct{ W io.Writer }

// jsonAlert is the form of an alert on the command line.
type jsonAlert struct {
	ID       string           `json:"id"`
	Rule     string           `json:"rule"`
	Level    holdfast.Level   `json:"level"`
	Status   holdfast.Status  `json:"status"`
	Time     holdfast.Instant `json:"time"`
	Account  string           `json:"account"`
	Group    holdfast.Group   `json:"group"`
	Trigger  jsonEvidence     `json:"trigger"`
	Evidence []jsonEvidence   `json:"evidence"`
	Count    int              `json:"count"`
	First    holdfast.Instant `json:"first"`
	Last     holdfast.Instant `json:"last"`
}

// jsonEvidence is an event, by its offset and id, or an alert.
type jsonEvidence struct {
	Offset *int64 `json:"offset,omitempty"`
	ID     string `json:"id,omitempty"`
	Alert  string `json:"alert,omitempty"`
}

// NeedsIDs says that events are named by their ids.
func (r JSONReporter) NeedsIDs() bool { return true }

// Alert writes the alert.
func (r JSONReporter) Alert(a *holdfast.Alert, ids *IDs) error {
	event := func(p holdfast.Position) jsonEvidence {
		return jsonEvidence{Offset: &p.Offset, ID: ids.At(p.Offset)}
	}
	out := jsonAlert{
		ID: a.ID, Rule: a.Rule, Level: a.Level, Status: a.Status, Time: a.Time, Account: a.Account,
		Group: a.Group, Trigger: event(a.Trigger), Count: a.Count, First: a.First, Last: a.Last,
		Evidence: make([]jsonEvidence, len(a.Evidence)),
	}
	for i, e := range a.Evidence {
		if e.Alert != "" {
			out.Evidence[i] = jsonEvidence{Alert: e.Alert}
		} else {
			out.Evidence[i] = event(e.Position)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("writing alert: %w", err)
	}
	_, err = r.W.Write(append(b, '\n'))
	return err
}

// Finish writes nothing.
func (r JSONReporter) Finish(Summary) error { return nil }

// TableReporter writes a table of the alerts by rule once all events are read.
type TableReporter struct {
	W     io.Writer
	rules map[string]*tableRow
}

type tableRow struct {
	rule, level string
	status      holdfast.Status
	grave       holdfast.Level
	alerts      int
	accounts    map[string]struct{}
	first, last holdfast.Instant
	ids         []string
}

// NeedsIDs says that a table names no events.
func (r *TableReporter) NeedsIDs() bool { return false }

// Alert counts the alert.
func (r *TableReporter) Alert(a *holdfast.Alert, _ *IDs) error {
	if r.rules == nil {
		r.rules = make(map[string]*tableRow)
	}
	row := r.rules[a.Rule]
	if row == nil {
		row = &tableRow{
			rule: a.Rule, level: a.Level.String(), status: a.Status, grave: a.Level,
			accounts: make(map[string]struct{}), first: a.Time, last: a.Time,
		}
		r.rules[a.Rule] = row
	}
	row.alerts++
	row.accounts[a.Account] = struct{}{}
	row.first, row.last = min(row.first, a.Time), max(row.last, a.Time)
	row.ids = append(row.ids, a.ID)
	return nil
}

// Finish writes the table, the gravest rules first.
func (r *TableReporter) Finish(s Summary) error {
	rows := slices.SortedFunc(maps.Values(r.rules), func(a, b *tableRow) int {
		return cmp.Or(cmp.Compare(b.grave, a.grave), cmp.Compare(b.alerts, a.alerts), cmp.Compare(a.rule, b.rule))
	})
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for i, row := range rows {
		if i == 0 {
			write(w, "RULE\tLEVEL\tALERTS\tOCCURRENCES\tACCOUNTS\tFIRST\tLAST\n")
		}
		var occurrences int64
		for _, id := range row.ids {
			occurrences += s.Occurrences[id]
		}
		name := row.rule
		if row.status == holdfast.Test {
			name += " (test)"
		}
		write(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", name, row.level, row.alerts, occurrences, len(row.accounts), row.first, row.last)
	}
	_ = w.Flush() // to memory
	if len(rows) == 0 {
		text.WriteString("No alerts. ")
	} else {
		text.WriteByte('\n')
	}
	write(&text, "%d events, %d bad lines, %d duplicates, %d late\n", s.Events, s.BadLines, s.Duplicates, s.Late)
	_, err := text.WriteTo(r.W)
	return err
}

// write formats into memory, which does not fail.
func write(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
