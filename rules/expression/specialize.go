package expression

import (
	"cmp"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
)

// simplify returns a condition that holds for the same events and costs no more:
// what depends on nothing is computed, chains are flat, and their cheap parts
// stand first. Conditions can't fail and change nothing, so that the order in
// which they are asked is ours to choose.
func (n *node) simplify() *node { return rewriting{}.rewrite(n) }

// given is simplify for the events of one type. It keeps a copy of the type's
// name, which may stand in memory that the next event is read into.
func (n *node) given(eventType string) *node {
	return rewriting{eventType: textNode(strings.Clone(eventType))}.rewrite(n)
}

type rewriting struct {
	eventType *node // nil if it may be any
}

func (r rewriting) rewrite(n *node) *node {
	switch {
	case n.op == opField && n.literal == "type" && r.eventType != nil:
		return r.eventType
	case len(n.args) == 0:
		return n
	}
	args := make([]*node, len(n.args))
	constant := true
	for i, a := range n.args {
		args[i] = r.rewrite(a)
		constant = constant && args[i].constant()
	}
	switch {
	case constant:
		return evaluated(n.over(args))
	case n.op == opAnd || n.op == opOr:
		return simplerChain(n, args)
	case n.op == opNot:
		return not(args[0])
	case n.op == opEqual && args[1].constant() && args[0].typ == Bool:
		if args[1].holds() {
			return args[0]
		}
		return not(args[0])
	case n.op == opEqual && args[0].constant():
		slices.Reverse(args)
	}
	return n.over(args)
}

// evaluated is the value of what depends on no event.
func evaluated(n *node) *node {
	s := &Scope{Event: &holdfast.Event{}}
	switch o := n.build(); n.typ {
	case Text:
		return textNode(o.text(s))
	case Int:
		return integerNode(o.integer(s))
	case Float:
		return floatNode(o.float(s))
	case Duration:
		return durationNode(o.duration(s))
	default:
		return boolNode(o.boolean(s))
	}
}

// simplerChain leaves out the parts that decide nothing, takes in the parts of
// chains of its own kind, and puts the cheap parts first.
func simplerChain(n *node, parts []*node) *node {
	var open []*node
	for _, part := range parts {
		switch {
		case part.constant() && part.holds() == (n.op == opOr):
			return part // true || …, false && …
		case part.constant():
		case part.op == n.op:
			open = append(open, part.args...)
		default:
			open = append(open, part)
		}
	}
	if len(open) == 1 {
		return open[0]
	}
	slices.SortStableFunc(open, func(a, b *node) int { return cmp.Compare(a.cost, b.cost) })
	return n.over(open)
}
