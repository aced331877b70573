package expression

import (
	"strconv"
	"time"
)

// The operators that are treated apart from the others.
const (
	opConstant = "constant"
	opField    = "field"
	opAnd      = "&&"
	opOr       = "||"
	opNot      = "!"
	opEqual    = "=="
	opIn       = "in"
)

// node is a checked part of a condition. It is never changed once it is made, so
// that the forms of a condition share their common parts.
//
// What a node means is decided by its operator, its literal, its type and its
// arguments: two nodes that are alike in these are one condition, whoever wrote
// them.
type node struct {
	op      string
	literal string // what the operator holds beside its arguments: a name, a value, a pattern
	typ     Type
	args    []*node
	items   []*node // of in: the constants of its list, which literal names too

	effort int // of the operator alone; 1 is about the time of a call, 2 ns
	cost   int // of the whole
	// assemble makes the closure of the node from those of its arguments.
	assemble func(args []operand) operand
}

// newNode makes an operator over its arguments.
func newNode(op string, typ Type, effort int, assemble func([]operand) operand, args ...*node) *node {
	n := &node{op: op, typ: typ, effort: effort, assemble: assemble}
	return n.over(args)
}

// holding returns the node with what its operator holds beside its arguments.
func (n *node) holding(literal string) *node {
	n.literal = literal
	return n
}

// over returns the same operator over other arguments.
func (n *node) over(args []*node) *node {
	over := *n
	over.args, over.cost = args, n.effort
	for _, a := range args {
		over.cost += a.cost
	}
	return &over
}

func (n *node) constant() bool { return n.op == opConstant }

// The values of constants.

func (n *node) textValue() string   { return n.build().text(nil) }
func (n *node) integerValue() int64 { return n.build().integer(nil) }
func (n *node) floatValue() float64 { return n.asFloat().build().float(nil) }
func (n *node) holds() bool         { return n.build().boolean(nil) }

// build makes the closure of a node and of all below it.
func (n *node) build() operand { return builder{}.build(n) }

func fieldNode(f Field) *node {
	return &node{
		op: opField, literal: f.Name, typ: f.Type, cost: 1 + f.effort,
		assemble: func([]operand) operand {
			return operand{
				text: f.text, integer: f.integer, float: f.float, boolean: f.boolean, duration: f.duration,
				equals: f.equals, negated: f.negated,
			}
		},
	}
}

func constantNode(typ Type, literal string, o operand) *node {
	o.constant = true
	return &node{op: opConstant, literal: literal, typ: typ, assemble: func([]operand) operand { return o }}
}

func textNode(v string) *node {
	return constantNode(Text, v, operand{text: func(*Scope) string { return v }})
}

func integerNode(v int64) *node {
	return constantNode(Int, strconv.FormatInt(v, 10), operand{integer: func(*Scope) int64 { return v }})
}

func floatNode(v float64) *node {
	return constantNode(Float, strconv.FormatFloat(v, 'g', -1, 64), operand{float: func(*Scope) float64 { return v }})
}

func boolNode(v bool) *node {
	return constantNode(Bool, strconv.FormatBool(v), operand{boolean: func(*Scope) bool { return v }})
}

func durationNode(v time.Duration) *node {
	return constantNode(Duration, v.String(), operand{duration: func(*Scope) time.Duration { return v }})
}

// not negates a condition.
func not(n *node) *node {
	if n.op == opNot {
		return n.args[0]
	}
	return newNode(opNot, Bool, 0, func(args []operand) operand {
		a := args[0]
		if a.negated != nil {
			return operand{boolean: a.negated, negated: a.boolean}
		}
		return operand{boolean: func(s *Scope) bool { return !a.boolean(s) }, negated: a.boolean}
	}, n)
}

// asFloat converts a whole number.
func (n *node) asFloat() *node {
	switch {
	case n.typ == Float:
		return n
	case n.constant():
		return floatNode(float64(n.integerValue()))
	}
	return newNode("float", Float, 0, func(args []operand) operand {
		i := args[0].integer
		return operand{float: func(s *Scope) float64 { return float64(i(s)) }}
	}, n)
}

// asDuration converts a whole number of nanoseconds, as a factor of a duration.
func (n *node) asDuration() *node {
	return newNode("duration", Duration, 0, func(args []operand) operand {
		i := args[0].integer
		return operand{duration: func(s *Scope) time.Duration { return time.Duration(i(s)) }}
	}, n)
}

func (n *node) numeric() bool { return n.typ == Int || n.typ == Float }
