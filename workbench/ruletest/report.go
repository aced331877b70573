package ruletest

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/holdfastd/holdfast/internal/diag"
)

// Report is what came of a run, for whoever reads it.
type Report struct {
	Results []Result
	// Untested are the rules that no test names, of Rules in all. Rules is 0 where
	// only some tests were run, which says nothing of the others.
	Untested []string
	Rules    int
	// Broken is what is wrong with the files. Where there is an error in it, no test
	// was run. The text for people leaves it out, since it is drawn elsewhere.
	Broken diag.List
}

// Failed counts the tests that failed.
func (r *Report) Failed() int {
	n := 0
	for i := range r.Results {
		if !r.Results[i].Passed() {
			n++
		}
	}
	return n
}

// files divides the results by file, in their order.
func (r *Report) files() [][]Result {
	var all [][]Result
	for i, begin := 0, 0; i < len(r.Results); i++ {
		if i+1 == len(r.Results) || r.Results[i+1].File != r.Results[i].File {
			all = append(all, r.Results[begin:i+1])
			begin = i + 1
		}
	}
	return all
}

// elapsed is how long the tests took, one after another.
func elapsed(results []Result) time.Duration {
	var sum time.Duration
	for _, r := range results {
		sum += r.Elapsed
	}
	return sum
}

// WriteText writes the report for people: what failed and why, and a summary; if
// verbose, also what passed.
func (r *Report) WriteText(w io.Writer, verbose bool) error {
	var text strings.Builder
	for i := range r.Results {
		switch result := &r.Results[i]; {
		case !result.Passed():
			fmt.Fprintf(&text, "FAIL %s:%d: %s\n%s\n", result.File, result.Test.Pos.Line, result.Test.Name, indented(result.difference(), "  "))
		case verbose:
			fmt.Fprintf(&text, "ok   %s:%d: %s\n", result.File, result.Test.Pos.Line, result.Test.Name)
		}
	}
	tests, files := len(r.Results), len(r.files())
	if failed := r.Failed(); failed > 0 {
		fmt.Fprintf(&text, "%d of %s failed in %s\n", failed, several(tests, "test"), several(files, "file"))
	} else {
		fmt.Fprintf(&text, "%s passed in %s\n", several(tests, "test"), several(files, "file"))
	}
	const named = 10
	switch untested := len(r.Untested); {
	case untested > named:
		fmt.Fprintf(&text, "%d of %s are named in no test: %s and %d more\n", untested, several(r.Rules, "rule"), strings.Join(r.Untested[:named], ", "), untested-named)
	case untested > 0:
		fmt.Fprintf(&text, "%d of %s %s named in no test: %s\n", untested, several(r.Rules, "rule"), isOrAre(untested), strings.Join(r.Untested, ", "))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// indented indents every line that is not empty.
func indented(text, by string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "" {
			lines[i] = by + line
		}
	}
	return strings.Join(lines, "")
}
