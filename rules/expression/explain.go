package expression

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// Part is one of the conditions that a condition joins by &&.
type Part struct {
	// Source is the part as it was written.
	Source string `json:"source"`
	// Holds says whether it holds.
	Holds bool `json:"holds"`
	// Values are what the fields held that the part reads, each once, in their order;
	// of more than four, the first.
	Values []Value `json:"values,omitempty"`
}

// Value is a field and what it held.
type Value struct {
	Field string `json:"field"`
	// Value is written as in a condition, a text in quotes: it can be shown on a
	// terminal. Of a long text it is the first 64 characters, of a phone number what
	// [Mask] leaves. An attribute may hold anything, a code or a token even: what one
	// held is "…", unless it is a constant that stands in the part, or empty.
	Value string `json:"value"`
}

// The bounds of what a part says of the fields that it reads.
const (
	maxValues = 4
	maxValue  = 64 // characters
)

// Explain takes the condition apart at its top && and says of each part whether it
// holds for the scope: the condition holds if all of them do. Parentheses around
// further && are seen through; a || is one part. It is for people: [Program.Match]
// is faster, and does not look further once it knows.
func (p *Program) Explain(s *Scope) []Part {
	parts := make([]Part, len(p.parts))
	for i, part := range p.parts {
		parts[i] = Part{Source: part.source, Holds: part.condition.build().boolean(s), Values: part.condition.values(s)}
	}
	return parts
}

// part is a part of a condition, and where it stands in the source.
type part struct {
	source    string
	from      int // offset in characters
	condition *node
}

// takeApart takes a condition apart at its && or ||. The source is cut by its
// tokens, since the parser forgets where an expression ends; they and the nodes are
// in the same order. Where they are not as many, as of !!(a && b), the condition is
// one part.
func takeApart(source string, root *node, op string) []part {
	nodes := joined(nil, root, op)
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil || len(tokens) < 2 {
		return []part{{source, 0, root}}
	}
	clauses := split(nil, tokens[:len(tokens)-1], op) // the last one is the end
	if len(clauses) != len(nodes) {
		clauses, nodes = [][]lexer.Token{tokens[:len(tokens)-1]}, []*node{root}
	}
	runes := []rune(source)
	parts := make([]part, len(nodes))
	for i, tokens := range clauses {
		parts[i] = part{string(runes[tokens[0].From:tokens[len(tokens)-1].To]), tokens[0].From, nodes[i]}
	}
	return parts
}

// joined appends the conditions that an operator joins.
func joined(to []*node, n *node, op string) []*node {
	if n.op != op {
		return append(to, n)
	}
	for _, a := range n.args {
		to = joined(to, a, op)
	}
	return to
}

// split appends the clauses that the tokens of an expression join by && or ||.
func split(to [][]lexer.Token, tokens []lexer.Token, op string) [][]lexer.Token {
	inner := tokens
	for enclosed(inner) {
		inner = inner[1 : len(inner)-1]
	}
	var joints []int
	depth := 0
	for i, t := range inner {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket):
			depth--
		case depth > 0 || i > 0 && inner[i-1].Is(lexer.Operator, "."): // attrs.and
		case t.Is(lexer.Operator, "||", "or"):
			if op == opAnd { // which binds more
				return append(to, tokens)
			}
			joints = append(joints, i)
		case t.Is(lexer.Operator, "&&", "and") && op == opAnd:
			joints = append(joints, i)
		}
	}
	if len(joints) == 0 {
		return append(to, tokens)
	}
	from := 0
	for _, joint := range append(joints, len(inner)) {
		to = split(to, inner[from:joint], op)
		from = joint + 1
	}
	return to
}

// enclosed reports whether parentheses stand around the whole.
func enclosed(tokens []lexer.Token) bool {
	if len(tokens) < 3 || !tokens[0].Is(lexer.Bracket, "(") {
		return false
	}
	depth := 0
	for i, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket):
			depth--
		}
		if depth == 0 {
			return i == len(tokens)-1
		}
	}
	return false
}

// values are what the fields hold that a condition reads.
func (n *node) values(s *Scope) []Value {
	var values []Value
	n.eachField(func(f *node) {
		if len(values) < maxValues && !slices.ContainsFunc(values, func(v Value) bool { return v.Field == f.literal }) {
			values = append(values, Value{f.literal, n.literalIn(f, s)})
		}
	})
	return values
}

// literalIn writes what a field holds that a condition reads, as far as it is to
// be shown.
func (n *node) literalIn(f *node, s *Scope) string {
	if strings.HasPrefix(f.literal, attrPrefix) {
		if text := f.build().text(s); text != "" && !n.names(text) {
			return masked
		}
	}
	return f.literalOf(s)
}

// names reports whether a text stands in a condition as a constant.
func (n *node) names(text string) bool {
	if n.constant() && n.typ == Text {
		return n.textValue() == text
	}
	is := func(of *node) bool { return of.names(text) }
	return slices.ContainsFunc(n.args, is) || slices.ContainsFunc(n.items, is)
}

func (n *node) eachField(f func(*node)) {
	if n.op == opField {
		f(n)
	}
	for _, a := range n.args {
		a.eachField(f)
	}
}

// literalOf writes what a node comes to as a literal.
func (n *node) literalOf(s *Scope) string {
	switch o := n.build(); n.typ {
	case Text:
		return textLiteral(n.literal, o.text(s))
	case Int:
		return strconv.FormatInt(o.integer(s), 10)
	case Float:
		return strconv.FormatFloat(o.float(s), 'g', 6, 64)
	case Duration:
		if d := o.duration(s); d != math.MaxInt64 {
			return d.Round(time.Millisecond).String()
		}
		return "never" // changed
	default:
		return strconv.FormatBool(o.boolean(s))
	}
}

// masked stands for what is not shown of a text.
const masked = "…"

// Mask returns what people who tune rules may be shown of the text of a field, and
// whether that is less than all of it: of a phone number all but its last four
// digits, which tell one subscriber from the next.
func Mask(field, text string) (shown string, less bool) {
	if field != "phone" || text == "" {
		return text, false
	}
	const line = 4 // digits
	runes := []rune(text)
	return string(runes[:max(0, len(runes)-line)]), true
}

func textLiteral(field, text string) string {
	text, less := Mask(field, text)
	if runes := []rune(text); len(runes) > maxValue {
		text, less = string(runes[:maxValue]), true
	}
	if less {
		return strconv.Quote(text) + masked
	}
	return strconv.Quote(text)
}
