package expression

import "time"

// operand is a compiled part of a condition: the closure that computes it. The
// one of its node's type is set.
type operand struct {
	text     func(*Scope) string
	integer  func(*Scope) int64
	float    func(*Scope) float64
	boolean  func(*Scope) bool
	duration func(*Scope) time.Duration

	constant bool // the closure may be called without a scope

	// What would take a call more if it were put together from the closure
	// above; nil where there is no such short cut.
	equals  func(string) func(*Scope) bool
	negated func(*Scope) bool
}

// builder makes closures of nodes.
type builder struct {
	// slots are the places in a scope's memo of the nodes that are to be
	// evaluated once per scope.
	slots map[*node]uint
}

func (b builder) build(n *node) operand {
	args := make([]operand, len(n.args))
	for i, a := range n.args {
		args[i] = b.build(a)
	}
	o := n.assemble(args)
	if slot, ok := b.slots[n]; ok {
		return operand{boolean: remembered(slot, o.boolean)}
	}
	return o
}

// chain makes the closure of a chain of && or ||. It ends with the first part
// that decides it: of && one that fails, of || one that holds.
func chain(isAnd bool) func([]operand) operand {
	return func(args []operand) operand {
		parts := make([]func(*Scope) bool, len(args))
		for i := range args {
			parts[i] = args[i].boolean
		}
		a, b := parts[0], parts[1]
		switch {
		case len(parts) == 2 && isAnd:
			return operand{boolean: func(s *Scope) bool { return a(s) && b(s) }}
		case len(parts) == 2:
			return operand{boolean: func(s *Scope) bool { return a(s) || b(s) }}
		case len(parts) == 3 && isAnd:
			c := parts[2]
			return operand{boolean: func(s *Scope) bool { return a(s) && b(s) && c(s) }}
		}
		return operand{boolean: func(s *Scope) bool {
			for _, holds := range parts {
				if holds(s) != isAnd {
					return !isAnd
				}
			}
			return isAnd
		}}
	}
}
