package expression

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxShared is how many conditions a scope can remember: one bit each. What
// does not fit is evaluated as often as it is asked.
const maxShared = 64

// worthSharing is the cost from which looking a condition up is cheaper than
// evaluating it again, as BenchmarkShared measures: a comparison of one field
// with a constant is not, two of them are.
const worthSharing = 3

// memo is what was found of an event so far: one bit for each shared condition.
type memo struct{ known, holds uint64 }

// remembered evaluates a condition once per scope.
func remembered(slot uint, holds func(*Scope) bool) func(*Scope) bool {
	bit := uint64(1) << slot
	return func(s *Scope) bool {
		if s.memo.known&bit != 0 {
			return s.memo.holds&bit != 0
		}
		s.memo.known |= bit
		found := holds(s)
		if found {
			s.memo.holds |= bit
		}
		return found
	}
}

// Sharing makes the conditions of a whole set of rules: what several of them
// ask, or several parts of one, is evaluated at most once per [Scope]. The
// answers are kept in the scope itself, which must therefore be asked conditions
// of one sharing and one type of event alone. It is safe for concurrent use.
type Sharing struct {
	programs []*Program

	mu   sync.Mutex
	last *plan // asked for one program after the other, type by type
}

// Share prepares the conditions of a set of rules to be evaluated together.
func Share(programs []*Program) *Sharing {
	return &Sharing{programs: slices.Clone(programs)}
}

// For returns a program's condition for the events of a type, as [Program.For]
// does; that of nil never holds. It is meant to be asked for all programs of one
// type before the next type.
func (s *Sharing) For(p *Program, eventType string) Condition {
	if p == nil {
		return Condition{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.last.eventType != eventType {
		s.last = newPlan(s.programs, eventType)
	}
	root, ok := s.last.roots[p]
	if !ok {
		return p.For(eventType) // of another set: it shares nothing
	}
	return newCondition(root, builder{slots: s.last.slots})
}

// plan says for one type of event which parts of the conditions are shared.
type plan struct {
	eventType string
	roots     map[*Program]*node
	slots     map[*node]uint

	nodes map[string]*node // by what they mean
	ids   map[*node]int
	uses  map[*node]int // how many nodes and programs evaluate it
}

func newPlan(programs []*Program, eventType string) *plan {
	p := &plan{
		eventType: strings.Clone(eventType), roots: make(map[*Program]*node), slots: make(map[*node]uint),
		nodes: make(map[string]*node), ids: make(map[*node]int), uses: make(map[*node]int),
	}
	for _, program := range programs {
		if program == nil {
			continue
		}
		root := p.unify(program.root.given(eventType))
		p.roots[program] = root
		p.uses[root]++
	}
	p.assign()
	return p
}

// unify returns the one node that stands for all that mean the same.
func (p *plan) unify(n *node) *node {
	args, key := make([]*node, len(n.args)), make([]int, len(n.args))
	for i, a := range n.args {
		args[i] = p.unify(a)
		key[i] = p.ids[args[i]]
	}
	if n.op == opAnd || n.op == opOr {
		slices.Sort(key) // in whatever order they were written
	}
	text := strconv.AppendInt(nil, int64(n.typ), 10)
	text = strconv.AppendQuote(append(text, n.op...), n.literal)
	for _, id := range key {
		text = strconv.AppendInt(append(text, ' '), int64(id), 10)
	}
	if same, ok := p.nodes[string(text)]; ok {
		return same
	}
	one := n
	if len(args) > 0 {
		one = n.over(args)
	}
	p.nodes[string(text)], p.ids[one] = one, len(p.ids)
	for _, a := range args {
		p.uses[a]++
	}
	return one
}

// assign gives a place to each node that is worth it, and if there are too many,
// to those that save the most.
func (p *plan) assign() {
	var shared []*node
	for n, uses := range p.uses {
		if uses > 1 && n.typ == Bool && n.cost >= worthSharing {
			shared = append(shared, n)
		}
	}
	saves := func(n *node) int { return n.cost * (p.uses[n] - 1) }
	slices.SortFunc(shared, func(a, b *node) int {
		return cmp.Or(cmp.Compare(saves(b), saves(a)), cmp.Compare(p.ids[a], p.ids[b]))
	})
	for slot, n := range shared[:min(len(shared), maxShared)] {
		p.slots[n] = uint(slot)
	}
}
