package rules

import (
	"bytes"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// locate finds the place in the file of a character of a scalar's value. Value
// and source differ by quotes, escapes and folded lines, so the two are walked
// side by side: where they differ, the source is ahead by what YAML took out.
func (d *decoder) locate(n *yaml.Node, offset int) diag.Pos {
	pos := posOf(n)
	rest := d.source.Content
	for line := 1; line < pos.Line; line++ {
		_, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return pos
		}
		rest = after
	}
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
