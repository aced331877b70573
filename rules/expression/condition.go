package expression

// Condition is what is left of a [Program] for the events of one type. Its zero
// value never holds. It answers only for events of that type, and gives the
// answer of the program.
type Condition struct {
	eval   func(*Scope) bool // nil if the type decides
	always bool
}

// For returns the condition for the events of a type: what depends on nothing
// else is decided. Of type == "code.requested" && !device.trusted, for
// code.requested !device.trusted is left, and for any other type never.
func (p *Program) For(eventType string) Condition {
	return newCondition(p.root.given(eventType), builder{})
}

func newCondition(n *node, b builder) Condition {
	if n.constant() {
		return Condition{always: n.holds()}
	}
	return Condition{eval: b.build(n).boolean}
}

// Match reports whether the condition holds.
func (c *Condition) Match(s *Scope) bool {
	if c.eval == nil {
		return c.always
	}
	return c.eval(s)
}

// Never reports whether the condition holds for no event of its type.
func (c *Condition) Never() bool { return c.eval == nil && !c.always }
