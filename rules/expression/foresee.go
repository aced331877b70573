package expression

import "github.com/holdfastd/holdfast"

// truth is what is known of a condition when only the event's type is known.
type truth uint8

const (
	open truth = iota // it depends on something else
	never
	always
)

func truthOf(holds bool) truth {
	if holds {
		return always
	}
	return never
}

func (t truth) not() truth {
	switch t {
	case never:
		return always
	case always:
		return never
	}
	return open
}

// CanMatch reports whether the condition can hold for an event of a type,
// whatever else the event says. A rule need not be shown events that none of its
// conditions can match.
func (p *Program) CanMatch(eventType string) bool {
	return p.foresee(&Scope{Event: &holdfast.Event{Type: eventType}}) != never
}

// foreseen returns what can be said of a compiled condition from the type alone:
// all, where it reads nothing else, and otherwise what its parts say.
func (o operand) foreseen() func(*Scope) truth {
	switch {
	case o.typeOnly:
		holds := o.boolean
		return func(s *Scope) truth { return truthOf(holds(s)) }
	case o.foresee != nil:
		return o.foresee
	}
	return func(*Scope) truth { return open }
}

// foreseeChain says of a chain of && or || what its parts decide.
func foreseeChain(parts []operand, isAnd bool) func(*Scope) truth {
	foresee := make([]func(*Scope) truth, len(parts))
	for i, o := range parts {
		foresee[i] = o.foreseen()
	}
	decisive := truthOf(!isAnd) // one part that is so decides the chain
	return func(s *Scope) truth {
		all := true
		for _, f := range foresee {
			t := f(s)
			if t == decisive {
				return decisive
			}
			all = all && t != open
		}
		if all {
			return decisive.not()
		}
		return open
	}
}
