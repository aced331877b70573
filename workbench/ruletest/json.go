package ruletest

import (
	"encoding/json"
	"io"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
)

// The report as JSON: the format of `holdfast test --format json`.
type (
	jsonReport struct {
		Passed   int        `json:"passed"`
		Failed   int        `json:"failed"`
		Tests    []jsonTest `json:"tests"`
		Untested []string   `json:"untested_rules,omitempty"`
		Broken   diag.List  `json:"diagnostics,omitempty"`
	}
	jsonTest struct {
		File    string       `json:"file"`
		Line    int          `json:"line"`
		Name    string       `json:"name"`
		Passed  bool         `json:"passed"`
		Missing []jsonWanted `json:"missing,omitempty"`
		Fired   []jsonFired  `json:"fired"`
		Why     []jsonWhy    `json:"why,omitempty"`
	}
	jsonWanted struct {
		Rule      string            `json:"rule"`
		Line      int               `json:"line"`
		At        string            `json:"at,omitempty"`
		Time      *holdfast.Instant `json:"time,omitempty"`
		Group     holdfast.Group    `json:"group,omitempty"`
		Level     holdfast.Level    `json:"level,omitzero"`
		Account   string            `json:"account,omitempty"`
		Count     int               `json:"count,omitempty"`
		Suspects  *[]string         `json:"suspects,omitempty"`
		Protected *[]string         `json:"protected,omitempty"`
	}
	jsonFired struct {
		Rule      string           `json:"rule"`
		Standing  Standing         `json:"standing"`
		Line      int              `json:"line"`
		At        string           `json:"at"`
		Time      holdfast.Instant `json:"time"`
		Group     holdfast.Group   `json:"group"`
		Level     holdfast.Level   `json:"level"`
		Account   string           `json:"account"`
		Count     int              `json:"count"`
		Suspects  []string         `json:"suspects"`
		Protected []string         `json:"protected"`
	}
	jsonWhy struct {
		Rule string `json:"rule"`
		Text string `json:"text"`
	}
)

// WriteJSON writes the report for programs, as one object.
func (r *Report) WriteJSON(w io.Writer) error {
	out := jsonReport{Failed: r.Failed(), Tests: []jsonTest{}, Untested: r.Untested, Broken: r.Broken}
	out.Passed = len(r.Results) - out.Failed
	for i := range r.Results {
		out.Tests = append(out.Tests, r.Results[i].json())
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

func (r *Result) json() jsonTest {
	out := jsonTest{File: r.File, Line: r.Test.Pos.Line, Name: r.Test.Name, Passed: r.Passed(), Fired: []jsonFired{}}
	for _, x := range r.Missing {
		wanted := jsonWanted{Rule: x.Rule, Line: x.Pos.Line, Time: x.At, Level: x.Level, Account: x.Account, Count: x.Count}
		if x.At != nil {
			wanted.At = r.Test.clock(*x.At)
		}
		for _, g := range x.Group {
			wanted.Group = append(wanted.Group, g.GroupValue)
		}
		if x.Suspects != nil {
			wanted.Suspects = &x.Suspects
		}
		if x.Protected != nil {
			wanted.Protected = &x.Protected
		}
		out.Missing = append(out.Missing, wanted)
	}
	for _, f := range r.Fired {
		out.Fired = append(out.Fired, jsonFired{
			Rule: f.Rule, Standing: f.Standing, Line: f.Line, At: r.Test.clock(f.Time), Time: f.Time, Group: f.Group,
			Level: f.Level, Account: f.Account, Count: f.Count,
			Suspects: idsOf(f.Sessions.Suspect), Protected: idsOf(f.Sessions.Protected),
		})
	}
	for _, why := range r.Why {
		out.Why = append(out.Why, jsonWhy(why))
	}
	return out
}
