package expression

import (
	"cmp"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// comparison compiles == != < <= > >= over two values of one type. A whole and
// a fractional number compare as fractional ones.
func (c *compiler) comparison(n *ast.BinaryNode) *node {
	l, r := c.compile(n.Left), c.compile(n.Right)
	switch {
	case l.typ == Invalid || r.typ == Invalid:
		return &node{}
	case l.numeric() && r.numeric() && l.typ != r.typ:
		l, r = l.asFloat(), r.asFloat()
	case l.typ != r.typ:
		return c.problem(n, likelyMeant(l, r), "%s can't be compared with %s", l.typ, r.typ)
	}
	op := n.Operator
	if l.constant() {
		l, r, op = r, l, mirrored(op)
	}
	switch {
	case op == "!=":
		return not(equality(l, r))
	case op == opEqual:
		return equality(l, r)
	case l.typ == Bool:
		return c.problem(n, "", "true and false have no order")
	}
	return newNode(op, Bool, 1, orderOf(op, l.typ), l, r)
}

// likelyMeant says how a value that is compared with one of another type is likely
// to be meant; "" if that is not clear.
func likelyMeant(l, r *node) string {
	if l.constant() {
		l, r = r, l
	}
	if !r.constant() {
		return ""
	}
	_, err := strconv.ParseFloat(r.literal, 64)
	switch {
	case l.numeric() && r.typ == Text && err == nil:
		return "write " + r.literal + " without quotes"
	case l.typ == Text && r.numeric():
		return `write "` + r.literal + `" with quotes`
	case l.typ == Bool && l.op == opField:
		return "write " + l.literal + " or !" + l.literal
	case l.typ == Duration && r.typ == Text:
		return `write duration("` + r.literal + `")`
	case l.typ == Duration:
		return `write duration("3h")`
	}
	return ""
}

// mirrored is the operator for the operands the other way round.
func mirrored(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

func equality(l, r *node) *node {
	assemble := func(args []operand) operand { return equal(args[0].boolean, args[1].boolean, false) }
	switch l.typ {
	case Text:
		assemble = func(args []operand) operand {
			if args[1].constant && args[0].equals != nil {
				return operand{boolean: args[0].equals(args[1].text(nil))}
			}
			return equal(args[0].text, args[1].text, args[1].constant)
		}
	case Int:
		assemble = func(args []operand) operand { return equal(args[0].integer, args[1].integer, args[1].constant) }
	case Float:
		assemble = func(args []operand) operand { return equal(args[0].float, args[1].float, args[1].constant) }
	case Duration:
		assemble = func(args []operand) operand { return equal(args[0].duration, args[1].duration, args[1].constant) }
	}
	return newNode(opEqual, Bool, 1, assemble, l, r)
}

func equal[T comparable](a, b func(*Scope) T, constant bool) operand {
	if constant {
		v := b(nil)
		return operand{
			boolean: func(s *Scope) bool { return a(s) == v },
			negated: func(s *Scope) bool { return a(s) != v },
		}
	}
	return operand{
		boolean: func(s *Scope) bool { return a(s) == b(s) },
		negated: func(s *Scope) bool { return a(s) != b(s) },
	}
}

func orderOf(op string, typ Type) func([]operand) operand {
	return func(args []operand) operand {
		a, b := args[0], args[1]
		switch typ {
		case Text:
			return order(op, a.text, b.text)
		case Int:
			return order(op, a.integer, b.integer)
		case Float:
			return order(op, a.float, b.float)
		default:
			return order(op, a.duration, b.duration)
		}
	}
}

func order[T cmp.Ordered](op string, a, b func(*Scope) T) operand {
	switch op {
	case "<":
		return operand{boolean: func(s *Scope) bool { return a(s) < b(s) }}
	case "<=":
		return operand{boolean: func(s *Scope) bool { return a(s) <= b(s) }}
	case ">":
		return operand{boolean: func(s *Scope) bool { return a(s) > b(s) }}
	}
	return operand{boolean: func(s *Scope) bool { return a(s) >= b(s) }}
}
