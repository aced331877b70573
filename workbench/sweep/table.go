package sweep

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/holdfastd/holdfast/workbench/labels"
)

// WriteText writes the result as a table for a terminal. The combination that the
// rule has now is marked.
func (r *Result) WriteText(w io.Writer) error {
	var text bytes.Buffer
	aligned := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(cells []string) {
		_, _ = fmt.Fprintln(aligned, strings.Join(cells, "\t")) // to memory
	}
	heads := r.heads()
	for i, head := range heads {
		heads[i] = strings.ToUpper(head)
	}
	line(heads)
	for i := range r.Points {
		p := &r.Points[i]
		cells := r.cells(p)
		if p.Now {
			cells = append(cells, "<- now")
		}
		line(cells)
	}
	_ = aligned.Flush() // to memory
	_, _ = fmt.Fprintf(&text, "\n%s: %s\n", r.Rule, r.over())
	_, err := text.WriteTo(w)
	return err
}

// heads are the heads of the table's columns.
func (r *Result) heads() []string {
	all := append([]string{}, r.Settings...)
	all = append(all, "alerts", "alerts a day", "accounts", "messages a day")
	if r.Attacks != nil {
		all = append(all, "precision", "recall", "found", "in time", "median time")
	}
	return all
}

// cells are a combination's row, in the order of the heads.
func (r *Result) cells(p *Point) []string {
	all := append([]string{}, p.Values...)
	all = append(all, strconv.Itoa(p.Alerts), rate(p.AlertsPerDay), strconv.Itoa(p.Accounts), rate(p.MessagesPerDay))
	if q := p.Quality; q != nil {
		median := "-"
		if q.Median != nil {
			median = labels.Took(*q.Median)
		}
		all = append(all, labels.Percent(q.True, p.Alerts), labels.Percent(q.Found, *r.Attacks),
			strconv.Itoa(q.Found), strconv.Itoa(q.InTime), median)
	}
	return all
}

// over says what the result is of.
func (r *Result) over() string {
	text := fmt.Sprintf("%d events of %d accounts over %.2f days", r.Events, r.Accounts, r.Days)
	if r.BadLines > 0 {
		text += fmt.Sprintf(", %d bad lines", r.BadLines)
	}
	if r.Attacks != nil {
		text += fmt.Sprintf("; recall is of the %s: %d", r.Sought, *r.Attacks)
	}
	return text
}

// rate is a number a day.
func rate(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', 2, 64)
}
