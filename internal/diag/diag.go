// Package diag says what is wrong with a file a person wrote, at its place: a
// list of diagnostics with line and column, drawn like a compiler's with the
// source line and a caret. It knows nothing of what the file means, and must
// never print a file's content beyond the line it points at.
package diag

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pos is a place in a file. Line and Column count from 1, the column in
// characters; a Line of 0 is the file as a whole.
type Pos struct{ Line, Column int }

// Severity tells what breaks from what only looks wrong.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Code names a kind of finding, for machines. It stays the same when the
// message is put better.
type Code string

// Diagnostic is one finding.
type Diagnostic struct {
	File string
	Pos
	Severity Severity
	Code     Code   // may be empty
	Message  string // a sentence without a full stop
	Hint     string // what to do about it; may be empty
	Secret   bool   // the source line may hold a secret and is not shown
}

// String is the finding on one line, as file:line:column: message.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.File)
	if d.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", d.Line, d.Column)
	}
	b.WriteString(": ")
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		b.WriteString("; ")
		b.WriteString(d.Hint)
	}
	return strings.Map(visible, b.String())
}

// List is all that was found, of one file or of many. As an error it reads as
// its findings, one a line.
type List []Diagnostic

// Add appends an error at a place.
func (l *List) Add(file string, pos Pos, format string, args ...any) {
	*l = append(*l, Diagnostic{File: file, Pos: pos, Message: fmt.Sprintf(format, args...)})
}

// Error returns the findings, one a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Sort puts the findings into reading order: by file, then by place. Findings
// at the same place keep their order.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Errors counts the findings that are errors.
func (l List) Errors() int {
	n := 0
	for _, d := range l {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Err returns the list as an error if it holds at least one, nil otherwise.
func (l List) Err() error {
	if l.Errors() == 0 {
		return nil
	}
	return l
}

// maxDrawn is how many findings are drawn: what comes after so many is most
// likely the same mistake again.
const maxDrawn = 100

// Render draws the findings, each with its source line and a caret below it, and
// counts those beyond the first hundred. The source of a file is asked of
// sources; where it returns nil, the line is left out.
func (l List) Render(w io.Writer, sources func(file string) []byte) error {
	lines := map[string][]string{}
	for i, d := range l {
		if i == maxDrawn {
			_, err := fmt.Fprintf(w, "… and %d more\n", len(l)-i)
			return err
		}
		if _, err := fmt.Fprintln(w, d.String()); err != nil {
			return err
		}
		if d.Line == 0 || d.Secret {
			continue
		}
		if _, ok := lines[d.File]; !ok {
			lines[d.File] = strings.Split(string(sources(d.File)), "\n")
		}
		line, ok := shown(lines[d.File], d.Line)
		if !ok {
			continue
		}
		number := fmt.Sprintf("%5d", d.Line)
		if _, err := fmt.Fprintf(w, "%s | %s\n%s | %s^\n",
			number, line, strings.Repeat(" ", len(number)), indent(line, d.Column-1)); err != nil {
			return err
		}
	}
	return nil
}

// longestLine bounds what is shown of a source line, in bytes.
const longestLine = 400

// shown returns a source line as it may be shown, and whether it is worth it.
func shown(lines []string, number int) (string, bool) {
	if number > len(lines) {
		return "", false
	}
	line := strings.TrimRight(lines[number-1], "\r")
	return strings.Map(visible, line), line != "" && len(line) <= longestLine
}

// visible keeps control and direction characters from reaching the terminal, and
// a finding on its line.
func visible(r rune) rune {
	if r == utf8.RuneError || !unicode.IsPrint(r) && r != '\t' {
		return '?'
	}
	return r
}

// indent is white space as wide as the first n characters of line; tabs stay
// tabs, so that the caret stands right at any tab width.
func indent(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
