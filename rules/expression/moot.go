package expression

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Moot is a part of a condition that decides nothing: with true or false in its
// place, the condition holds for the same events.
type Moot struct {
	Source string // as it was written
	From   int    // offset in characters of the condition's source
	// Holds tells a demand that is always met from an alternative that never is.
	Holds bool
	// Joined says that the part is made by the operator that may make it so by
	// mistake: a demand that is always met by ||, an alternative that never is by &&.
	Joined bool
}

// Moot returns the first part of the condition that decides nothing. A whole
// condition that is written as true is meant. What asks for alerts, or names the
// rules of these, decides which the condition is shown.
func (p *Prover) Moot(program *Program) (m Moot, found bool) {
	whole := program.whole()
	switch {
	case whole.source == "true":
		return Moot{}, false
	case p.settled(program, whole, true):
		m = whole.moot(true)
		m.Joined = slices.ContainsFunc(program.parts, func(part part) bool { return part.condition.contains(opOr) })
		return m, true
	}
	parts, holds := program.parts, true
	if len(parts) == 1 {
		parts, holds = takeApart(program.Source, parts[0].condition, opOr), false
	}
	if len(parts) == 1 {
		return Moot{}, false // the whole
	}
	for _, part := range parts {
		if p.settled(program, part, holds) {
			return part.moot(holds), true
		}
	}
	return Moot{}, false
}

// whole is the condition as a part of itself.
func (p *Program) whole() part {
	before := p.Source[:len(p.Source)-len(strings.TrimLeft(p.Source, " \t\r\n"))]
	return part{strings.TrimSpace(p.Source), utf8.RuneCountInString(before), p.root}
}

func (part part) moot(holds bool) Moot {
	m := Moot{Source: part.source, From: part.from, Holds: holds}
	op := opAnd
	if holds {
		op = opOr
	}
	m.Joined = part.condition.contains(op)
	return m
}

// contains reports whether the node or one below it is of the operator.
func (n *node) contains(op string) bool {
	return n.op == op || slices.ContainsFunc(n.args, func(a *node) bool { return a.contains(op) })
}

// settled reports whether a part of the condition holds, or fails, for every event
// that the condition is shown.
func (p *Prover) settled(program *Program, part part, holds bool) bool {
	end := part.from + utf8.RuneCountInString(part.source)
	if slices.ContainsFunc(program.asks, func(at int) bool { return part.from <= at && at < end }) {
		return false
	}
	n := part.condition.simplify()
	if n.constant() {
		return n.holds() == holds
	}
	if p.left <= 0 {
		return false
	}
	unlike := n
	if holds {
		unlike = not(n)
	}
	for _, eventType := range allTypes() {
		s := p.search(eventType)
		if s.solve(&goal{n: p.shown(program, p.given(unlike, eventType), eventType), want: true}, nil) {
			return false
		}
	}
	return true
}
