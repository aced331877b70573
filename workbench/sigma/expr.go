package sigma

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/holdfastd/holdfast/rules/expression"
)

// expr is a condition of the rule language while it is put together. One that is
// too long to be a condition keeps nothing of its text, so that what a few lines
// can repeat without end costs nothing.
type expr struct {
	text string
	op   string // of its outermost chain: "&&", "||", or "" for what needs no brackets
	long bool
}

// atom is what needs no brackets beside any operator.
func atom(text string) expr { return expr{text: text, long: len(text) > expression.MaxLength} }

// all holds if each holds, anyOf if one does.
func all(parts ...expr) expr   { return chain("&&", parts) }
func anyOf(parts ...expr) expr { return chain("||", parts) }

func chain(op string, parts []expr) expr {
	if len(parts) == 1 {
		return parts[0]
	}
	length := 0
	for _, p := range parts {
		length += len(p.text)
		if p.long || length > expression.MaxLength {
			return expr{op: op, long: true}
		}
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.beside(op)
	}
	e := expr{text: strings.Join(texts, " "+op+" "), op: op}
	e.long = len(e.text) > expression.MaxLength
	return e
}

// beside is the text as an operand of op.
func (e expr) beside(op string) string {
	if e.op == "" || e.op == op {
		return e.text
	}
	return "(" + e.text + ")"
}

// call matches a call of a function, or a field by itself.
var call = regexp.MustCompile(`^[a-z_.]+(?:\([^()"]*(?:"[^()"]*")?\))?$`)

func not(e expr) expr {
	if e.long {
		return e
	}
	if call.MatchString(e.text) {
		return atom("!" + e.text)
	}
	return atom("!(" + e.text + ")")
}

// quoted writes a text as a constant of the rule language.
func quoted(text string) string { return strconv.Quote(text) }
