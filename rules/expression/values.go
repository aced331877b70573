package expression

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// candidates returns the only values that a term can have, all that is known
// about it being true; false if it may have others.
func (s *search) candidates(term *node) ([]*node, bool) {
	facts := s.about(s.key(term))
	if term.typ == Bool {
		for _, f := range s.facts {
			if f.key == s.key(term) {
				return []*node{boolNode(f.want)}, true
			}
		}
		return []*node{boolNode(true), boolNode(false)}, true
	}
	all, ok := s.listed(term, facts)
	if !ok {
		return nil, false
	}
	var left []*node
	for _, v := range all {
		if s.admits(term, facts, v) {
			left = append(left, v)
		}
	}
	return left, !s.exhausted
}

// listed returns the shortest list of values that a fact allows.
func (s *search) listed(term *node, facts []fact) (shortest []*node, ok bool) {
	if term.op == opField && term.literal == "type" && s.eventType != OwnTypes && s.eventType != "" {
		return []*node{textNode(s.eventType)}, true
	}
	if values := s.domain(term).values; values != nil {
		shortest, ok = values, true
	}
	for _, f := range facts {
		var values []*node
		switch {
		case !f.want:
			continue
		case f.atom.op == opEqual && f.atom.args[1].constant():
			values = f.atom.args[1:]
		case f.atom.op == opIn:
			values = f.atom.items
		default:
			continue
		}
		if !ok || len(values) < len(shortest) {
			shortest, ok = values, true
		}
	}
	return shortest, ok
}

// admits reports whether a term can have a value.
func (s *search) admits(term *node, facts []fact, v *node) bool {
	d := s.domain(term)
	switch {
	case d.values != nil && !slices.ContainsFunc(d.values, func(n *node) bool { return compare(n, v) == 0 }):
		return false
	case term.typ == Text && d.valid != nil && !d.valid(v.literal):
		return false
	case term.op == "float" && v.floatValue() != math.Trunc(v.floatValue()):
		return false // a whole number as a fractional one
	case d.atLeast != nil && compare(v, d.atLeast) < 0:
		return false
	}
	for _, f := range facts {
		if !s.spend(1) {
			return true
		}
		if !f.allows(v) {
			return false
		}
	}
	return true
}

// allows reports whether a fact is true of a value of its term.
func (f *fact) allows(v *node) bool {
	args := make([]*node, len(f.atom.args))
	for i, a := range f.atom.args {
		if args[i] = a; a == f.term {
			args[i] = v
		}
	}
	return evaluated(f.atom.over(args)).holds() == f.want
}

// consistent reports whether a term can have a value of which all facts are
// true, as far as is seen: it may say so where there is none.
func (s *search) consistent(term *node, facts []fact) bool {
	if term.typ == Bool {
		return true // what is true or false is a fact itself
	}
	if values, ok := s.listed(term, facts); ok {
		for _, v := range values {
			if s.admits(term, facts, v) {
				return true
			}
		}
		return s.exhausted
	}
	if term.typ == Text && !s.consistentText(term, facts) {
		return false
	}
	return s.consistentOrder(term, facts)
}

// consistentText looks for beginnings, ends and parts of a text that contradict
// each other.
func (s *search) consistentText(term *node, facts []fact) bool {
	d := s.domain(term)
	known := facts
	if d.prefix != "" && (!d.orEmpty || !s.admits(term, facts, textNode(""))) {
		begins := newNode("startsWith", Bool, 1, textTest(strings.HasPrefix), term, textNode(d.prefix))
		known = append([]fact{{atom: begins, want: true, term: term}}, facts...)
	}
	if !s.spend(len(known) * len(known)) {
		return true
	}
	for _, f := range known {
		text, ok := f.part()
		if !f.want || !ok {
			continue
		}
		for _, g := range known {
			if other, ok := g.part(); ok && !together(f.atom.op, text, g.atom.op, other, g.want) {
				return false
			}
		}
	}
	return true
}

// part is the text that the fact says a text begins with, ends with or contains.
func (f *fact) part() (string, bool) {
	switch f.atom.op {
	case "startsWith", "endsWith", "contains":
		return f.atom.args[1].literal, f.atom.args[1].constant()
	}
	return "", false
}

// together reports whether a text with a part can have another part, or lack it.
func together(op, part, otherOp, other string, has bool) bool {
	switch {
	case has && op == otherOp && op == "startsWith":
		return strings.HasPrefix(part, other) || strings.HasPrefix(other, part)
	case has && op == otherOp && op == "endsWith":
		return strings.HasSuffix(part, other) || strings.HasSuffix(other, part)
	case has:
		return true
	case op == otherOp && op == "startsWith":
		return !strings.HasPrefix(part, other)
	case op == otherOp && op == "endsWith":
		return !strings.HasSuffix(part, other)
	case otherOp == "contains":
		return !strings.Contains(part, other)
	}
	return true
}

// consistentOrder looks for limits that leave nothing between them.
func (s *search) consistentOrder(term *node, facts []fact) bool {
	var within limits
	if least := s.domain(term).atLeast; least != nil {
		within.from(least, false)
	}
	for _, f := range facts {
		if !s.spend(1) {
			return true
		}
		if len(f.atom.args) != 2 || !f.atom.args[1].constant() || !f.want && mayBeNaN(term, facts) {
			continue
		}
		op, v := f.atom.op, f.atom.args[1]
		if v.typ == Float && math.IsNaN(v.floatValue()) {
			continue
		}
		if !f.want {
			op = opposite(op)
		}
		switch op {
		case "<":
			within.to(v, true)
		case "<=":
			within.to(v, false)
		case ">":
			within.from(v, true)
		case ">=":
			within.from(v, false)
		}
	}
	return !within.empty()
}

// mayBeNaN reports whether a number may be none: of such a one, neither < nor >=
// is true. No field holds one, and where a comparison is true, none is
// compared.
func mayBeNaN(term *node, facts []fact) bool {
	if term.typ != Float || term.op == opField || term.op == "float" {
		return false
	}
	for _, f := range facts {
		if f.want {
			return false
		}
	}
	return true
}

// opposite is the operator that is true where the other is not.
func opposite(op string) string {
	switch op {
	case "<":
		return ">="
	case "<=":
		return ">"
	case ">":
		return "<="
	case ">=":
		return "<"
	}
	return ""
}

// limits are the least and the greatest value that are left, themselves left out
// where they are open. Nil is no limit.
type limits struct {
	low, high         *node
	lowOpen, highOpen bool
}

func (l *limits) from(v *node, open bool) {
	if l.low == nil || compare(v, l.low) > 0 || compare(v, l.low) == 0 && open {
		l.low, l.lowOpen = v, open
	}
}

func (l *limits) to(v *node, open bool) {
	if l.high == nil || compare(v, l.high) < 0 || compare(v, l.high) == 0 && open {
		l.high, l.highOpen = v, open
	}
}

func (l *limits) empty() bool {
	if l.low == nil || l.high == nil {
		return false
	}
	order := compare(l.low, l.high)
	if order > 0 || order == 0 && (l.lowOpen || l.highOpen) {
		return true
	}
	if !l.lowOpen || !l.highOpen {
		return false
	}
	switch l.low.typ { // of whole numbers, nothing lies between neighbors
	case Int:
		return l.low.integerValue() == l.high.integerValue()-1
	case Duration:
		return l.low.build().duration(nil) == l.high.build().duration(nil)-1
	}
	return false
}

// compare orders two constants of one type.
func compare(a, b *node) int {
	switch a.typ {
	case Int:
		return cmp.Compare(a.integerValue(), b.integerValue())
	case Float:
		return cmp.Compare(a.floatValue(), b.floatValue())
	case Duration:
		return cmp.Compare(a.build().duration(nil), b.build().duration(nil))
	}
	return strings.Compare(a.literal, b.literal)
}
