package sweep

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html page.css page.js uplot/uPlot.iife.min.js uplot/uPlot.min.css uplot/LICENSE
var assets embed.FS

// page is what the template is filled with.
type page struct {
	*Result
	Heads        []string
	Rows         []pageRow
	Over         string
	Chart        chartData
	Style        []template.CSS
	Library, Own template.JS
}

type pageRow struct {
	Cells []string
	Now   bool
}

// chartData is what the page's script draws: curves over the same places.
type chartData struct {
	Axis   string     `json:"axis"`
	At     []float64  `json:"at"`     // the places, ascending
	Places []string   `json:"places"` // what they are called
	Now    *int       `json:"now"`    // the place of the values that the rule has
	Lines  []lineName `json:"lines"`
	Charts []chart    `json:"charts"`
}

// lineName is the combination of the further settings that a curve is of.
type lineName struct {
	Name string `json:"name"`
	Now  bool   `json:"now"` // the one that the rule has
}

// chart is one chart: by line and place, its values, null where there is none.
type chart struct {
	Title  string       `json:"title"`
	Unit   string       `json:"unit"` // number, share or seconds
	Curves [][]*float64 `json:"curves"`
}

// WriteHTML writes the result as a page that needs nothing besides itself: a table
// and, where scripts run, curves.
func (r *Result) WriteHTML(w io.Writer) error {
	text := make(map[string]string)
	for _, name := range []string{"page.html", "page.css", "page.js", "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css", "uplot/LICENSE"} {
		content, err := assets.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading an embedded file: %w", err)
		}
		text[name] = string(content)
	}
	t, err := template.New("page").Parse(text["page.html"])
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	library := "/*\n" + text["uplot/LICENSE"] + "*/\n" + text["uplot/uPlot.iife.min.js"] // a page is a copy: the license goes with it
	p := page{
		Result: r, Heads: r.heads(), Over: r.over(), Chart: r.chart(),
		Style:   []template.CSS{template.CSS(text["uplot/uPlot.min.css"]), template.CSS(text["page.css"])}, //nolint:gosec // our own files
		Library: template.JS(library), Own: template.JS(text["page.js"]),                                   //nolint:gosec // our own files
	}
	for i := range r.Points {
		p.Rows = append(p.Rows, pageRow{r.cells(&r.Points[i]), r.Points[i].Now})
	}
	return t.Execute(w, p)
}

// chart arranges the points as curves over the axis, one for each combination of
// the further settings.
func (r *Result) chart() chartData {
	d := chartData{Axis: r.Settings[r.Axis], Lines: []lineName{}}
	for _, p := range r.Points {
		if i, there := slices.BinarySearch(d.At, p.at[r.Axis]); !there {
			d.At = slices.Insert(d.At, i, p.at[r.Axis])
			d.Places = slices.Insert(d.Places, i, p.Values[r.Axis])
		}
	}
	order := make([]int, len(r.Points)) // lines ascend by the further settings
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return slices.Compare(r.further(&r.Points[a]), r.further(&r.Points[b]))
	})
	of := make([]int, len(r.Points)) // by point: its line
	for _, i := range order {
		p := &r.Points[i]
		name := r.line(p)
		of[i] = slices.IndexFunc(d.Lines, func(l lineName) bool { return l.Name == name })
		if of[i] < 0 {
			of[i] = len(d.Lines)
			d.Lines = append(d.Lines, lineName{Name: name})
		}
		if p.Now {
			place, _ := slices.BinarySearch(d.At, p.at[r.Axis])
			d.Now, d.Lines[of[i]].Now = &place, true
		}
	}
	for _, c := range r.curves() {
		drawn := c.chart
		drawn.Curves = make([][]*float64, len(d.Lines))
		for i := range drawn.Curves {
			drawn.Curves[i] = make([]*float64, len(d.At))
		}
		for i := range r.Points {
			place, _ := slices.BinarySearch(d.At, r.Points[i].at[r.Axis])
			drawn.Curves[of[i]][place] = c.of(&r.Points[i])
		}
		d.Charts = append(d.Charts, drawn)
	}
	return d
}

// further are a point's values besides that of the axis.
func (r *Result) further(p *Point) []float64 {
	return slices.Delete(slices.Clone(p.at), r.Axis, r.Axis+1)
}

// line names the curve that a point belongs to.
func (r *Result) line(p *Point) string {
	var all []string
	for i, v := range p.Values {
		if i != r.Axis {
			all = append(all, r.Settings[i]+" "+v)
		}
	}
	return strings.Join(all, ", ")
}

// curve is a chart, and what it shows of a point.
type curve struct {
	chart
	of func(*Point) *float64
}

func (r *Result) curves() []curve {
	all := []curve{
		{chart{Title: "Alerts a day", Unit: "number"}, func(p *Point) *float64 { return p.AlertsPerDay }},
		{chart{Title: "Owner messages a day", Unit: "number"}, func(p *Point) *float64 { return p.MessagesPerDay }},
	}
	if r.Days <= 0 {
		all = []curve{{chart{Title: "Alerts", Unit: "number"}, func(p *Point) *float64 { return share(p.Alerts, 1) }}}
	} else if !slices.ContainsFunc(r.Points, func(p Point) bool { return p.Messages > 0 }) {
		all = all[:1]
	}
	if r.Attacks == nil {
		return all
	}
	return append(all,
		curve{chart{Title: "Precision", Unit: "share"}, func(p *Point) *float64 { return p.Quality.Precision }},
		curve{chart{Title: "Recall", Unit: "share"}, func(p *Point) *float64 { return p.Quality.Recall }},
		curve{chart{Title: "Median time to detection", Unit: "seconds"}, func(p *Point) *float64 { return p.Quality.Median }},
	)
}
