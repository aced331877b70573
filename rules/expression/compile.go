package expression

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// compiler checks one condition and turns it into nodes, noting every mistake it
// meets. Where there is one it returns a node of the type Invalid, over which it
// is silent from then on.
type compiler struct {
	program  *Program
	problems []Problem
	depth    int
	lists    Lists
	tooDeep  bool // which has been reported
}

func (c *compiler) problem(n ast.Node, hint, format string, args ...any) *node {
	c.problems = append(c.problems, Problem{From: n.Location().From, Message: fmt.Sprintf(format, args...), Hint: hint})
	return &node{}
}

// condition compiles the root: what is true or false.
func (c *compiler) condition(n ast.Node) {
	root := c.compile(n)
	if root.typ != Bool && root.typ != Invalid {
		c.problem(n, "compare it with something", "a condition must be true or false, and this is %s", root.typ)
	}
	if len(c.problems) == 0 {
		c.program.parts = takeApart(c.program.Source, root, opAnd)
		c.program.root = root.simplify()
		c.program.eval = c.program.root.build().boolean
	}
}

func (c *compiler) compile(n ast.Node) *node {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > MaxDepth {
		if !c.tooDeep {
			c.tooDeep = true
			c.problem(n, "split the rule", "the condition is nested more than %d deep", MaxDepth)
		}
		return &node{}
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return textNode(n.Value)
	case *ast.IntegerNode:
		return integerNode(int64(n.Value))
	case *ast.FloatNode:
		return floatNode(n.Value)
	case *ast.BoolNode:
		return boolNode(n.Value)
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.field(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, name.Value, n.Arguments)
		}
		return c.problem(n, "", "only functions can be called")
	case *ast.NilNode:
		return c.problem(n, `what is absent reads as "", 0 or false`, "there is no nil here")
	case *ast.ArrayNode:
		return c.problem(n, "a list can only stand to the right of `in`", "a list has no value")
	case *ast.ConditionalNode:
		return c.problem(n, "use && and ||", "there is no choice (if, ?:) in a condition")
	case *ast.PredicateNode, *ast.PointerNode:
		return c.problem(n, "", "there are no loops in a condition")
	default:
		return c.problem(n, "", "this is not part of the rule language")
	}
}

func (c *compiler) field(n ast.Node) *node {
	name, ok := fieldName(n)
	if !ok {
		return c.problem(n, "", "only the fields of an event can be read")
	}
	switch name {
	case "now":
		return c.problem(n, "ages and timespans compare event times", "there is no `now`: rules see event time only")
	case "time":
		return c.problem(n, "use timespan, or an age such as device.age", "`time` can't be read in a condition")
	}
	f, problem := FieldNamed(name)
	if problem != nil {
		return c.problem(n, problem.Hint, "%s", problem.Message)
	}
	return fieldNode(f)
}

// fieldName joins a chain of members, such as client.ip or attrs["plan"].
func fieldName(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		if !ok || n.Method || n.Optional {
			return "", false
		}
		parent, ok := fieldName(n.Node)
		return parent + "." + property.Value, ok
	}
	return "", false
}

func (c *compiler) unary(n *ast.UnaryNode) *node {
	a := c.compile(n.Node)
	switch {
	case a.typ == Invalid:
		return a
	case n.Operator == "!" || n.Operator == "not":
		if a.typ != Bool {
			return c.problem(n, "compare it with something", "%s takes true or false, not %s", n.Operator, a.typ)
		}
		return not(a)
	case n.Operator == "-" && a.numeric():
		return negative(a)
	case n.Operator == "+" && a.numeric():
		return a
	}
	return c.problem(n, "", "%s can't stand before %s", n.Operator, a.typ)
}

func (c *compiler) binary(n *ast.BinaryNode) *node {
	switch n.Operator {
	case "in":
		return c.in(n)
	case "&&", "and", "||", "or":
		return c.logic(n)
	case "==", "!=", "<", "<=", ">", ">=":
		return c.comparison(n)
	case "startsWith", "endsWith", "contains", "matches":
		return c.textual(n)
	case "+", "-", "*":
		return c.arithmetic(n)
	}
	return c.problem(n, "", "there is no operator %s in a condition", n.Operator)
}

// logic compiles a chain of one operator, such as a && b && c, which is as deep
// as its parts and not as long.
func (c *compiler) logic(n *ast.BinaryNode) *node {
	op := chainOf(n)
	var parts []ast.Node
	rest := ast.Node(n)
	for chainOf(rest) == op {
		link := rest.(*ast.BinaryNode)
		parts = append(parts, link.Right)
		rest = link.Left
	}
	parts = append(parts, rest)
	slices.Reverse(parts)
	args, valid := make([]*node, len(parts)), true
	for i, part := range parts {
		a := c.compile(part)
		if a.typ != Bool && a.typ != Invalid {
			c.problem(part, "compare it with something", "%s joins what is true or false, not %s", n.Operator, a.typ)
		}
		args[i], valid = a, valid && a.typ == Bool
	}
	if !valid {
		return &node{}
	}
	return newNode(op, Bool, 0, chain(op == opAnd), args...)
}

// chainOf returns which chain the node is a link of; "" if of none.
func chainOf(n ast.Node) string {
	if link, ok := n.(*ast.BinaryNode); ok {
		switch link.Operator {
		case "&&", "and":
			return opAnd
		case "||", "or":
			return opOr
		}
	}
	return ""
}
