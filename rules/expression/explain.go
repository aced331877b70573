package expression

import (
	"math"
	"slices"
	"strconv"
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
	// terminal. Of a long text it is the first 64 characters, of a phone number all
	// but the last four.
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
	condition *node
}

// takeApart takes a condition apart at its &&. The source is cut by its tokens,
// since the parser forgets where an expression ends; they and the nodes are in the
// same order. Where they are not as many, as of !!(a && b), the condition is one
// part.
func takeApart(source string, root *node) []part {
	nodes := conjuncts(nil, root)
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil || len(tokens) < 2 {
		return []part{{source, root}}
	}
	clauses := split(nil, tokens[:len(tokens)-1]) // the last one is the end
	if len(clauses) != len(nodes) {
		clauses, nodes = [][]lexer.Token{tokens[:len(tokens)-1]}, []*node{root}
	}
	runes := []rune(source)
	parts := make([]part, len(nodes))
	for i, tokens := range clauses {
		parts[i] = part{string(runes[tokens[0].From:tokens[len(tokens)-1].To]), nodes[i]}
	}
	return parts
}

// conjuncts appends the conditions that must all hold.
func conjuncts(to []*node, n *node) []*node {
	if n.op != opAnd {
		return append(to, n)
	}
	for _, a := range n.args {
		to = conjuncts(to, a)
	}
	return to
}

// split appends the clauses that the tokens of an expression join by &&.
func split(to [][]lexer.Token, tokens []lexer.Token) [][]lexer.Token {
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
		case t.Is(lexer.Operator, "||", "or"): // which binds less than &&
			return append(to, tokens)
		case t.Is(lexer.Operator, "&&", "and"):
			joints = append(joints, i)
		}
	}
	if len(joints) == 0 {
		return append(to, tokens)
	}
	from := 0
	for _, joint := range append(joints, len(inner)) {
		to = split(to, inner[from:joint])
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
			values = append(values, Value{f.literal, f.literalOf(s)})
		}
	})
	return values
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

func textLiteral(field, text string) string {
	runes := []rune(text)
	if field == "phone" && len(runes) > 0 {
		const line = 4 // digits that tell one subscriber from the next
		return strconv.Quote(string(runes[:max(0, min(maxValue, len(runes)-line))])) + "…"
	}
	if len(runes) > maxValue {
		return strconv.Quote(string(runes[:maxValue])) + "…"
	}
	return strconv.Quote(text)
}
