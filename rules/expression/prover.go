package expression

import (
	"fmt"
	"slices"
	"strings"

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
	// named are, for conditions that name rules, the alerts that they are shown.
	named   map[*Program]*node
	narrows map[*node]bool // those of named
}

// NewProver returns a prover that gives up after so many steps in all: from then
// on everything can hold. A million of them take less than a second.
func NewProver(steps int) *Prover {
	return &Prover{
		left: steps, roots: make(map[*Program]map[string]*node), keys: make(map[*node]string),
		named: make(map[*Program]*node), narrows: make(map[*node]bool),
	}
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

// allTypes are the types that an event can have.
func allTypes() []string { return append(slices.Clone(holdfast.EventTypes), OwnTypes) }

// root is what is left of a condition for the events of a type. Where it is not
// shown such an event, it fails.
func (p *Prover) root(program *Program, eventType string) *node {
	byType := p.roots[program]
	if byType == nil {
		byType = make(map[string]*node)
		p.roots[program] = byType
	}
	n, ok := byType[eventType]
	if !ok {
		n = p.shown(program, p.given(program.root, eventType), eventType)
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

// shown adds to what a condition, or a part of it, asks of the events of a type that
// the condition is shown them: an alert only if it asks for alerts, and only those
// of the rules that it names, if it names any. The prover does not know whose
// condition it is; a rule is not shown its own alerts either.
func (p *Prover) shown(program *Program, n *node, eventType string) *node {
	switch {
	case eventType != alertType:
		return n
	case !program.SeesAlerts:
		return boolNode(false)
	case len(program.AlertRules) == 0:
		return n
	}
	named, ok := p.named[program]
	if !ok {
		rule, _ := FieldNamed("rule")
		named = member(fieldNode(rule), program.mentioned(), textNode, func(o operand) func(*Scope) string { return o.text })
		p.named[program], p.narrows[named] = named, true
	}
	parts := []*node{named, n}
	return simplerChain(newNode(opAnd, Bool, 0, chain(true), parts...), parts)
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
