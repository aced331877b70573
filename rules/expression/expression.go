// Package expression compiles the conditions of rules: a small, loop-free part
// of the expr language over the fields of an event and of its account's
// profile. A condition becomes a tree of closures over [Scope]; its cost is
// bounded by its length, it allocates nothing but what it concatenates or
// lowers, and it can neither fail nor see a clock.
//
// [Program.For] makes a condition for the events of one type, of which only what
// the type leaves open is asked; [Share] does so for the conditions of a whole
// set of rules, of which what several ask is evaluated once per event.
//
// expr-lang/expr parses; types are checked here, so that every mistake of a
// condition is reported at its place, in the rule author's words. expr's own
// virtual machine is the oracle of the tests.
package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
)

// The bounds of a condition.
const (
	MaxLength = 4096 // bytes of source
	MaxDepth  = 64   // operators within operators
)

// Program is a compiled condition.
type Program struct {
	// Source is the condition as it was written.
	Source string

	// SeesAlerts says that the condition contains type == "alert": no other
	// condition is ever shown an alert.
	SeesAlerts bool
	// AlertRules are the rules whose alerts the condition names by rule == "…"
	// or rule in […]. If it sees alerts and names none, it means all others.
	AlertRules []Mention
	// Lists are the names of the lists that the condition looks texts up in.
	Lists []string

	root     *node
	eval     func(*Scope) bool
	parts    []part // that are joined by &&
	compared []comparison
	// asks are the places, in characters, of what decides which alerts the condition
	// is shown.
	asks []int
}

// Mention is a name that a condition contains as a constant, with its place.
type Mention struct {
	Name string
	From int // offset in characters of the source
}

// Match reports whether the condition holds.
func (p *Program) Match(s *Scope) bool { return p.eval(s) }

// Problem is a mistake in a condition.
type Problem struct {
	From    int // offset in characters of the source
	Message string
	Hint    string
}

// Compile parses and checks a condition. It returns every mistake it finds; the
// program is nil if there is one.
func Compile(source string, lists Lists) (*Program, []Problem) {
	if len(source) > MaxLength {
		return nil, []Problem{{Message: fmt.Sprintf("the condition is longer than %d bytes", MaxLength), Hint: "split the rule, or use a named list"}}
	}
	if !utf8.ValidString(source) {
		return nil, []Problem{{Message: "the condition is not valid UTF-8"}}
	}
	if strings.TrimSpace(source) == "" {
		return nil, []Problem{{Message: "the condition is empty"}}
	}
	tree, err := parser.ParseWithConfig(source, conf.CreateNew())
	if err != nil {
		return nil, []Problem{parseProblem(source, err)}
	}
	c := compiler{program: &Program{Source: source}, lists: lists}
	c.condition(tree.Node)
	c.alerts(tree.Node, false)
	if len(c.problems) > 0 {
		for _, doubt := range c.program.Doubts() {
			if doubt.Impossible { // while we are at it
				c.problems = append(c.problems, doubt.Problem)
			}
		}
		return nil, c.problems
	}
	return c.program, nil
}

// alerts notes whether the condition speaks of alerts, and of which rules'. A
// negated mention names what is not meant and so narrows nothing.
func (c *compiler) alerts(n ast.Node, negated bool) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		c.alerts(n.Node, negated != (n.Operator == "not" || n.Operator == "!"))
	case *ast.BinaryNode:
		c.compared(n)
		switch field, constants := c.fieldAndConstants(n); {
		case field == "type" && n.Operator == "==" && len(constants) == 1 && constants[0].Name == "alert":
			c.program.SeesAlerts = true
			c.program.asks = append(c.program.asks, constants[0].From)
		case field == "rule" && !negated && (n.Operator == "==" || n.Operator == "in"):
			c.program.AlertRules = append(c.program.AlertRules, constants...)
			for _, m := range constants {
				c.program.asks = append(c.program.asks, m.From)
			}
		}
		c.alerts(n.Left, negated)
		c.alerts(n.Right, negated)
	case *ast.BuiltinNode:
		for _, a := range n.Arguments {
			c.alerts(a, negated)
		}
	}
}

// fieldAndConstants takes apart a comparison of a plain field with constant
// texts, in either order.
func (c *compiler) fieldAndConstants(n *ast.BinaryNode) (string, []Mention) {
	left, right := n.Left, n.Right
	if _, ok := left.(*ast.StringNode); ok {
		left, right = right, left
	}
	field, ok := fieldName(left)
	if !ok {
		return "", nil
	}
	var constants []Mention
	switch right := right.(type) {
	case *ast.StringNode:
		constants = append(constants, Mention{right.Value, right.Location().From})
	case *ast.ArrayNode:
		for _, item := range right.Nodes {
			if s, ok := item.(*ast.StringNode); ok {
				constants = append(constants, Mention{s.Value, s.Location().From})
			}
		}
	}
	return field, constants
}
