package expression

import (
	"cmp"
	"time"

	"github.com/expr-lang/expr/ast"
)

// comparison compiles == != < <= > >= over two values of one type. A whole and
// a fractional number compare as fractional ones.
func (c *compiler) comparison(n *ast.BinaryNode) operand {
	l, r := c.compile(n.Left), c.compile(n.Right)
	switch {
	case l.typ == Invalid || r.typ == Invalid:
		return operand{}
	case l.numeric() && r.numeric() && l.typ != r.typ:
		return compare(n.Operator, l.asFloat(), r.asFloat())
	case l.typ != r.typ:
		return c.problem(n, "", "%s can't be compared with %s", l.typ, r.typ)
	}
	switch l.typ {
	case Text:
		if r.constant && n.Operator == "==" {
			a, v := l.text, r.value
			return operand{typ: Bool, boolean: func(s *Scope) bool { return a(s) == v }}
		}
		return compare(n.Operator, l.text, r.text)
	case Int:
		return compare(n.Operator, l.integer, r.integer)
	case Float:
		return compare(n.Operator, l.float, r.float)
	case Duration:
		return compare(n.Operator, l.duration, r.duration)
	}
	a, b := l.boolean, r.boolean
	switch n.Operator {
	case "==":
		return operand{typ: Bool, boolean: func(s *Scope) bool { return a(s) == b(s) }}
	case "!=":
		return operand{typ: Bool, boolean: func(s *Scope) bool { return a(s) != b(s) }}
	}
	return c.problem(n, "", "true and false have no order")
}

func compare[T cmp.Ordered](operator string, a, b func(*Scope) T) operand {
	o := operand{typ: Bool}
	switch operator {
	case "==":
		o.boolean = func(s *Scope) bool { return a(s) == b(s) }
	case "!=":
		o.boolean = func(s *Scope) bool { return a(s) != b(s) }
	case "<":
		o.boolean = func(s *Scope) bool { return a(s) < b(s) }
	case "<=":
		o.boolean = func(s *Scope) bool { return a(s) <= b(s) }
	case ">":
		o.boolean = func(s *Scope) bool { return a(s) > b(s) }
	case ">=":
		o.boolean = func(s *Scope) bool { return a(s) >= b(s) }
	}
	return o
}

// arithmetic compiles + - * over numbers, + and - over durations, a number times
// a duration, and + over texts.
func (c *compiler) arithmetic(n *ast.BinaryNode) operand {
	l, r := c.compile(n.Left), c.compile(n.Right)
	if l.typ == Invalid || r.typ == Invalid {
		return operand{}
	}
	switch {
	case l.typ == Text && r.typ == Text && n.Operator == "+":
		a, b := l.text, r.text
		return operand{typ: Text, text: func(s *Scope) string { return a(s) + b(s) }}
	case l.typ == Int && r.typ == Int:
		return operand{typ: Int, integer: calculate(n.Operator, l.integer, r.integer)}
	case l.numeric() && r.numeric():
		return operand{typ: Float, float: calculate(n.Operator, l.asFloat(), r.asFloat())}
	case l.typ == Duration && r.typ == Duration && n.Operator != "*":
		return operand{typ: Duration, duration: calculate(n.Operator, l.duration, r.duration)}
	case l.typ == Int && r.typ == Duration && n.Operator == "*":
		return operand{typ: Duration, duration: calculate("*", l.asDuration(), r.duration)}
	case l.typ == Duration && r.typ == Int && n.Operator == "*":
		return operand{typ: Duration, duration: calculate("*", l.duration, r.asDuration())}
	}
	return c.problem(n, "", "%s can't join %s and %s", n.Operator, l.typ, r.typ)
}

func calculate[T int64 | float64 | time.Duration](operator string, a, b func(*Scope) T) func(*Scope) T {
	switch operator {
	case "+":
		return func(s *Scope) T { return a(s) + b(s) }
	case "-":
		return func(s *Scope) T { return a(s) - b(s) }
	}
	return func(s *Scope) T { return a(s) * b(s) }
}

func (o operand) numeric() bool { return o.typ == Int || o.typ == Float }

func (o operand) asFloat() func(*Scope) float64 {
	if o.typ == Float {
		return o.float
	}
	i := o.integer
	return func(s *Scope) float64 { return float64(i(s)) }
}

func (o operand) asDuration() func(*Scope) time.Duration {
	i := o.integer
	return func(s *Scope) time.Duration { return time.Duration(i(s)) }
}
