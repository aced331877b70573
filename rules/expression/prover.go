package expression

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfastd/holdfast"
)

// OwnTypes stands for the events of every type of the user's own, in place of
// the name of a type.
const OwnTypes = holdfast.TypeOwnPrefix

// maxSteps bounds what a single question may take. What people write takes a few
// dozen.
const maxSteps = 20_000

// Prover finds out whether conditions can hold at all. What it rules out is
// certain; where it does not see why not, or where that would take too long, a
// condition can hold. It knows which values the fields of an event can have, and
// that a chain of texts and numbers may contradict itself; it does not look into
// patterns, and takes two comparisons of several fields to be independent.
//
// It is not safe for concurrent use.
type Prover struct {
	left  int // steps
	roots map[*Program]map[string]*node
	keys  map[*node]string
}

// NewProver returns a prover that gives up after so many steps in all: from then
// on everything can hold. A million of them take less than a second.
func NewProver(steps int) *Prover {
	return &Prover{left: steps, roots: make(map[*Program]map[string]*node), keys: make(map[*node]string)}
}

// Question asks for an event for which every one of Holds does and none of Fails
// does. A nil program is none.
type Question struct {
	Holds []*Program
	Fails []*Program
}

// Possible reports whether there can be such an event of the type, which is one
// of holdfast.EventTypes, or [OwnTypes]. If there can't, why names what
// contradicts what, if that is short.
func (p *Prover) Possible(eventType string, q Question) (possible bool, why string) {
	s := p.search(eventType)
	possible = s.run(q)
	return possible, s.why()
}

// Types returns the types of which there can be such an event, of
// holdfast.EventTypes and [OwnTypes]. If there is none, why says what Possible
// says.
func (p *Prover) Types(q Question) (types []string, why string) {
	for _, eventType := range allTypes() {
		switch possible, reason := p.Possible(eventType, q); {
		case possible:
			types = append(types, eventType)
		case why == "" && eventType != OwnTypes: // of which any other type is said never to hold
			why = reason
		}
	}
	if len(types) > 0 {
		return types, ""
	}
	if why == "" { // perhaps the types contradict each other
		_, why = p.Possible("", q)
	}
	return nil, why
}

// Values returns the different values other than empty ones that a field can have
// in such events of the type, and whether there are no others.
func (p *Prover) Values(eventType string, q Question, f Field) (values []string, bounded bool) {
	s := p.search(eventType)
	s.every = true
	term, unbounded := fieldNode(f), false
	none := map[Type]string{Int: "0", Float: "0", Bool: "false", Duration: "0s"}[f.Type]
	s.open = func() {
		found, ok := s.candidates(term)
		if !ok {
			unbounded = true
		}
		for _, n := range found {
			if n.literal != none && !slices.Contains(values, n.literal) {
				values = append(values, n.literal)
			}
		}
	}
	s.run(q)
	return values, !unbounded && !s.exhausted
}

// Moot is a part of a condition that decides nothing.
type Moot struct {
	Source string // as it was written, or would be
	From   int    // offset in characters of the condition's source
	// Holds tells a demand that is always met from an alternative that never is.
	Holds bool
}

// Moot returns the first part of the condition that decides nothing. A whole
// condition that is written as true is meant.
func (p *Prover) Moot(program *Program) (m Moot, found bool) {
	root := program.root
	switch {
	case root.constant():
		return Moot{Source: program.Source, Holds: true}, root.holds() && strings.TrimSpace(program.Source) != "true"
	case p.settled(program, root, true):
		return Moot{Source: strings.TrimSpace(program.Source), Holds: true}, true
	case root.op == opOr:
		for _, n := range root.args {
			if p.settled(program, n, false) {
				return Moot{Source: render(n, true)}, true
			}
		}
		return Moot{}, false
	}
	for _, part := range program.parts {
		if n := part.condition.simplify(); n.constant() && n.holds() || p.settled(program, n, true) {
			before, _, _ := strings.Cut(program.Source, part.source)
			return Moot{Source: part.source, From: utf8.RuneCountInString(before), Holds: true}, true
		}
	}
	return Moot{}, false
}

// settled reports whether a part of the condition holds, or fails, for every
// event that the condition is shown.
func (p *Prover) settled(program *Program, n *node, holds bool) bool {
	if p.left <= 0 {
		return false
	}
	for _, eventType := range allTypes() {
		s := p.search(eventType)
		if !s.blind(program) && s.solve(&goal{n: p.given(n, eventType), want: !holds}, nil) {
			return false
		}
	}
	return true
}

// allTypes are the types that an event can have.
func allTypes() []string { return append(slices.Clone(holdfast.EventTypes), OwnTypes) }

// root is what is left of a condition for the events of a type.
func (p *Prover) root(program *Program, eventType string) *node {
	byType := p.roots[program]
	if byType == nil {
		byType = make(map[string]*node)
		p.roots[program] = byType
	}
	n, ok := byType[eventType]
	if !ok {
		n = p.given(program.root, eventType)
		byType[eventType] = n
	}
	return n
}

func (p *Prover) given(n *node, eventType string) *node {
	if eventType == OwnTypes || eventType == "" {
		return n
	}
	p.left -= sizeOf(n)
	return n.given(eventType)
}

// sizeOf counts the parts of a condition.
func sizeOf(n *node) int {
	size := 1
	for _, a := range n.args {
		size += sizeOf(a)
	}
	return size
}

// key is the same for nodes that mean the same.
func (p *Prover) key(n *node) string {
	key, ok := p.keys[n]
	if !ok {
		key = keyOf(n)
		p.keys[n] = key
	}
	return key
}

// keyOf writes what a node means: two conditions of one key are one condition,
// in whatever order their parts were written.
func keyOf(n *node) string {
	if len(n.args) == 0 {
		return n.op + quoted(n.literal) + n.typ.String()
	}
	parts := make([]string, len(n.args))
	for i, a := range n.args {
		parts[i] = keyOf(a)
	}
	if n.op == opAnd || n.op == opOr {
		slices.Sort(parts)
	}
	return n.op + quoted(n.literal) + "(" + strings.Join(parts, ",") + ")"
}

// Key is the same for conditions that mean the same: spaces, parentheses and the
// order of their parts make no difference.
func (p *Program) Key() string {
	key := keyOf(p.root)
	if p.SeesAlerts {
		key += fmt.Sprintf(" of alerts %q", p.mentioned())
	}
	return key
}

// mentioned are the names of the rules whose alerts the condition names.
func (p *Program) mentioned() []string {
	var names []string
	for _, m := range p.AlertRules {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
