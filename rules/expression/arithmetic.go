package expression

import (
	"time"

	"github.com/expr-lang/expr/ast"
)

// arithmetic compiles + - * over numbers, + and - over durations, a number times
// a duration, and + over texts.
func (c *compiler) arithmetic(n *ast.BinaryNode) *node {
	l, r := c.compile(n.Left), c.compile(n.Right)
	if l.typ == Invalid || r.typ == Invalid {
		return &node{}
	}
	op := n.Operator
	switch {
	case l.typ == Text && r.typ == Text && op == "+":
		return newNode(op, Text, 20, func(args []operand) operand {
			a, b := args[0].text, args[1].text
			return operand{text: func(s *Scope) string { return a(s) + b(s) }}
		}, l, r)
	case l.typ == Int && r.typ == Int:
		return newNode(op, Int, 1, func(args []operand) operand {
			return operand{integer: calculate(op, args[0].integer, args[1].integer)}
		}, l, r)
	case l.numeric() && r.numeric():
		return newNode(op, Float, 1, func(args []operand) operand {
			return operand{float: calculate(op, args[0].float, args[1].float)}
		}, l.asFloat(), r.asFloat())
	case l.typ == Duration && r.typ == Duration && op != "*":
		return durations(op, l, r)
	case l.typ == Int && r.typ == Duration && op == "*":
		return durations(op, l.asDuration(), r)
	case l.typ == Duration && r.typ == Int && op == "*":
		return durations(op, l, r.asDuration())
	}
	return c.problem(n, "", "%s can't join %s and %s", op, l.typ, r.typ)
}

func durations(op string, l, r *node) *node {
	return newNode(op, Duration, 1, func(args []operand) operand {
		return operand{duration: calculate(op, args[0].duration, args[1].duration)}
	}, l, r)
}

func calculate[T int64 | float64 | time.Duration](op string, a, b func(*Scope) T) func(*Scope) T {
	switch op {
	case "+":
		return func(s *Scope) T { return a(s) + b(s) }
	case "-":
		return func(s *Scope) T { return a(s) - b(s) }
	}
	return func(s *Scope) T { return a(s) * b(s) }
}

// negative is minus a number. That of a constant is a constant.
func negative(n *node) *node {
	minus := newNode("-", n.typ, 1, func(args []operand) operand {
		i, f := args[0].integer, args[0].float
		return operand{
			integer: func(s *Scope) int64 { return -i(s) },
			float:   func(s *Scope) float64 { return -f(s) },
		}
	}, n)
	if n.constant() {
		return evaluated(minus)
	}
	return minus
}
