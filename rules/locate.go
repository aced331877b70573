package rules

import (
	"bytes"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// mentions are the other rules that a condition names, which are located when
// there is something to say about one: there can be hundreds.
type mentions struct {
	in    *decoder
	node  *yaml.Node
	names []expression.Mention
}

// mention is where the rule first names another one; false if it does not.
func (r *Rule) mention(id string) (diag.Pos, bool) {
	for _, m := range r.mentions {
		for _, other := range m.names {
			if other.Name == id {
				return m.in.locate(m.node, other.From), true
			}
		}
	}
	return diag.Pos{}, false
}

// linesOf returns where the lines of a file begin, in bytes.
func linesOf(content []byte) []int {
	lines := []int{0}
	for at, b := range content {
		if b == '\n' {
			lines = append(lines, at+1)
		}
	}
	return lines
}

// locate finds the place in the file of a character of a scalar's value. Value
// and source differ by quotes, escapes and folded lines, so the two are walked
// side by side: where they differ, the source is ahead by what YAML took out.
func (d *decoder) locate(n *yaml.Node, offset int) diag.Pos {
	pos := posOf(n)
	if d.lines == nil {
		d.lines = linesOf(d.source.Content)
	}
	if pos.Line < 1 || pos.Line > len(d.lines) {
		return pos
	}
	rest := d.source.Content[d.lines[pos.Line-1]:]
	for range pos.Column - 1 {
		_, size := utf8.DecodeRune(rest)
		rest = rest[size:]
	}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		_, rest, _ = bytes.Cut(rest, []byte("\n")) // the indicator's line
		pos = diag.Pos{Line: pos.Line + 1, Column: 1}
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && len(rest) > 0:
		rest = rest[1:]
		pos.Column++
	}
	start := pos
	value := []rune(n.Value)
	for i := 0; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		blank := r == ' ' || r == '\n' || r == '\t' || r == '\r'
		valueBlank := i < len(value) && (value[i] == ' ' || value[i] == '\n')
		matches := i < len(value) && (value[i] == r || blank && valueBlank)
		if matches && i == offset {
			return pos
		}
		rest = rest[size:]
		if r == '\n' {
			pos = diag.Pos{Line: pos.Line + 1, Column: 1}
		} else {
			pos.Column++
		}
		if matches {
			i++
		} else if i >= len(value) {
			return pos
		}
	}
	return start
}
