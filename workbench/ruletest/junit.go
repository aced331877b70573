package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"github.com/holdfastd/holdfast/internal/diag"
)

// The report as JUnit XML, in the parts that CI systems agree on: a suite for each
// file, a case for each test. Of a file that is broken, each mistake is a case that
// ended in an error: what CI systems show as "could not be run".
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"` // seconds
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"` // which keeps its lines as they are
	}
)

// WriteJUnit writes the report as JUnit XML.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junitReport{Name: "holdfast test", Tests: len(r.Results), Failures: r.Failed(), Time: seconds(elapsed(r.Results))}
	for _, results := range r.files() {
		suite := junitSuite{Name: results[0].File, Tests: len(results), Time: seconds(elapsed(results))}
		for i := range results {
			c := results[i].junit()
			if c.Failure != nil {
				suite.Failures++
			}
			suite.Cases = append(suite.Cases, c)
		}
		out.Suites = append(out.Suites, suite)
	}
	for _, suite := range r.brokenSuites() {
		out.Tests += suite.Tests
		out.Errors += suite.Errors
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// brokenSuites are a suite for each file with errors, in the order of the files.
func (r *Report) brokenSuites() []junitSuite {
	var all []junitSuite
	for _, d := range r.Broken {
		if d.Severity != diag.Error {
			continue
		}
		if n := len(all); n == 0 || all[n-1].Name != d.File {
			all = append(all, junitSuite{Name: d.File, Time: seconds(0)})
		}
		suite := &all[len(all)-1]
		suite.Tests++
		suite.Errors++
		name := "the file"
		if d.Line > 0 {
			name = fmt.Sprintf("line %d, column %d", d.Line, d.Column)
		}
		suite.Cases = append(suite.Cases, junitCase{
			Name: name, Class: d.File, File: d.File, Line: d.Line, Time: seconds(0),
			Error: &junitProblem{Message: d.Message, Type: "broken", Text: d.String()},
		})
	}
	return all
}

func (r *Result) junit() junitCase {
	c := junitCase{Name: r.Test.Name, Class: r.File, File: r.File, Line: r.Test.Pos.Line, Time: seconds(r.Elapsed)}
	if !r.Passed() {
		unexpected := 0
		for _, f := range r.Fired {
			if f.Standing == Unexpected {
				unexpected++
			}
		}
		c.Failure = &junitProblem{
			Message: fmt.Sprintf("%d expected alerts did not fire, %d fired that were not expected", len(r.Missing), unexpected),
			Type:    "alerts", Text: r.difference(),
		}
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
