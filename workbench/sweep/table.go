package sweep

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
)

// WriteText writes the result as a table for a terminal. The combination that the
// rule has now is marked.
func (r *Result) WriteText(w io.Writer) error {
	heads := r.heads()
	for i, head := range heads {
		if heads[i] = strings.ToUpper(head); i >= len(r.Settings) {
			heads[i] = ">" + heads[i]
		}
	}
	table := workbench.NewTable(append(heads, "")...)
	for i := range r.Points {
		p := &r.Points[i]
		cells := r.cells(p)
		if p.Now {
			cells = append(cells, "<- now")
		}
		table.Add(cells...)
	}
	var text bytes.Buffer
	table.Write(&text)
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
	all = append(all, workbench.Number(p.Alerts), rate(p.AlertsPerDay), workbench.Number(p.Accounts), rate(p.MessagesPerDay))
	if q := p.Quality; q != nil {
		median := "-"
		if q.Median != nil {
			median = labels.Took(*q.Median)
		}
		all = append(all, labels.Percent(q.True, p.Alerts), labels.Percent(q.Found, *r.Attacks),
			workbench.Number(q.Found), workbench.Number(q.InTime), median)
	}
	return all
}

// over says what the result is of.
func (r *Result) over() string {
	lasting := workbench.Lasting(time.Duration(r.Days * 24 * float64(time.Hour)))
	text := fmt.Sprintf("%s of %s in %s", workbench.Of(r.Events, "event"), workbench.Of(r.Accounts, "account"), lasting)
	if r.BadLines > 0 {
		text += ", " + workbench.Of(r.BadLines, "bad line") + " left out"
	}
	if r.Attacks != nil {
		text += fmt.Sprintf("; recall is of the %s: %s", r.Sought, workbench.Number(*r.Attacks))
	}
	return text
}

// rate is a number a day.
func rate(v *float64) string {
	if v == nil {
		return "-"
	}
	if *v >= 1000 {
		return workbench.Number(int64(math.Round(*v)))
	}
	return strconv.FormatFloat(*v, 'f', 2, 64)
}
