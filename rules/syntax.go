package rules

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxHints say what most often leads to what the YAML parser says.
var syntaxHints = []struct{ says, hint string }{
	{"mapping values are not allowed", "quote a value that contains a colon and a space, and indent the keys of a rule alike"},
	{"did not find expected '-' indicator", "indent the keys of a rule alike"},
	{"did not find expected key", "indent the keys of a rule alike, and close what is opened"},
	{"did not find expected ',' or", "close the bracket or brace; in it, quote a value that contains a comma, a bracket or a brace"},
	{"could not find expected ':'", "a key is followed by a colon and a space"},
	{"found unexpected end of stream", "close the quote"},
	{"found unknown escape character", "write a backslash in double quotes twice, or use single quotes"},
	{"unknown anchor", "quote a value that begins with *"},
}

// syntaxError reports what the YAML parser says, where it went wrong.
func (d *decoder) syntaxError(err error) {
	finding := diag.Diagnostic{File: d.source.Name, Code: codeYAML}
	if !utf8.Valid(d.source.Content) {
		finding.Pos = firstBadByte(d.source.Content)
		finding.Message, finding.Hint = "the file is not UTF-8 text", "save it as UTF-8"
		*d.found = append(*d.found, finding)
		return
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		finding.Line, _ = strconv.Atoi(m[1])
		_, message, _ = strings.Cut(message, ": ")
	}
	defer func() { *d.found = append(*d.found, finding) }()
	lines := strings.Split(string(d.source.Content), "\n")
	if line, column := indentingTab(lines); line > 0 {
		finding.Pos = diag.Pos{Line: line, Column: column}
		finding.Message, finding.Hint = "a tab indents this line", "YAML is indented with spaces"
		return
	}
	if line := firstBadLine(d.source.Content, len(lines)); line > 0 {
		finding.Line = line
	}
	finding.Message = "not valid YAML: " + message
	for _, known := range syntaxHints {
		if strings.Contains(message, known.says) {
			finding.Hint = known.hint
			break
		}
	}
	if finding.Line < 1 || finding.Line > len(lines) {
		return
	}
	column, hint := culprit(lines[finding.Line-1], message)
	finding.Column = column
	if hint != "" {
		finding.Hint = hint
	}
}

// firstBadByte returns the place of the first byte that is no UTF-8.
func firstBadByte(content []byte) diag.Pos {
	pos := diag.Pos{Line: 1, Column: 1}
	for len(content) > 0 {
		r, size := utf8.DecodeRune(content)
		if r == utf8.RuneError && size == 1 {
			break
		}
		content = content[size:]
		if pos.Column++; r == '\n' {
			pos = diag.Pos{Line: pos.Line + 1, Column: 1}
		}
	}
	return pos
}

// indentingTab finds the first tab that stands before the text of a line.
func indentingTab(lines []string) (line, column int) {
	for i, text := range lines {
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(text) != "" {
			return i + 1, tab + 1
		}
	}
	return 0, 0
}

const (
	// maxSearched is the size of a file, in bytes, up to which its first bad line
	// is searched for: each look parses what stands before.
	maxSearched = 128 << 10
	// longestValue is how many lines a value that is written over several of them,
	// and can't be cut, is expected to have at most.
	longestValue = 8
)

// firstBadLine finds the line that the parser stumbles over: what stands before
// it is valid by itself. The parser names the beginning of the list or mapping,
// which may be far above. It returns 0 where it does not find out.
func firstBadLine(content []byte, lines int) int {
	if len(content) > maxSearched {
		return 0
	}
	ends := make([]int, 1, lines+1) // of the first n lines
	for end := 0; end < len(content); {
		n := bytes.IndexByte(content[end:], '\n')
		if n < 0 {
			break
		}
		end += n + 1
		ends = append(ends, end)
	}
	ends = append(ends, len(content))
	good, bad := 0, len(ends)-1
search:
	for bad-good > 1 {
		middle := (good + bad) / 2
		for n := middle; n < min(middle+longestValue, bad); n++ {
			if validYAML(content[:ends[n]]) {
				good = n
				continue search
			}
		}
		bad = middle
	}
	return bad
}

func validYAML(content []byte) bool {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

var valueStart = regexp.MustCompile(`^[ -]*[A-Za-z_]+:[ ]+`)

// culprit finds what in a line the parser stumbles over, and what to do about it
// if that is certain.
func culprit(line, message string) (column int, hint string) {
	start := len(line) - len(strings.TrimLeft(line, " "))
	value := len(valueStart.FindString(line))
	if value == 0 || value == len(line) {
		return start + 1, ""
	}
	key := strings.TrimRight(strings.TrimLeft(line[:value], " -"), " ")
	switch first := line[value]; {
	case strings.Contains(message, "mapping values are not allowed"):
		if colon := strings.Index(line[value:], ": "); colon >= 0 {
			return value + len([]rune(line[value:value+colon])) + 1, "quote the value: " + key + " '…'"
		}
	case strings.IndexByte("!@%`*&", first) >= 0:
		return value + 1, "quote what begins with " + string(first) + ": " + key + " '" + string(first) + "…'"
	case first == '"' && strings.Contains(message, "expected key"):
		return value + 1, "put the whole value into single quotes: " + key + ` '"…" …'`
	case first == '\'' && strings.Contains(message, "expected key"):
		return value + 1, "put the whole value into double quotes: " + key + ` "'…' …"`
	}
	return start + 1, ""
}
