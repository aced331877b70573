package expression

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/holdfastd/holdfast/internal/diag"
)

// Lists are the named lists that a condition can look a text up in: texts, and
// address ranges such as 10.0.0.0/8.
type Lists map[string][]string

// listFunction is the name of the function that stands for a named list.
const listFunction = "list"

// in compiles membership in a list of constants or in a named list.
func (c *compiler) in(n *ast.BinaryNode) *node {
	l := c.compile(n.Left)
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return c.namedList(n, l)
	}
	items := make([]*node, 0, len(list.Nodes))
	valid := l.typ != Invalid
	for _, item := range list.Nodes {
		i := c.compile(item)
		switch {
		case i.typ == Invalid || l.typ == Invalid:
			valid = false
		case !i.constant():
			c.problem(item, "", "the items of a list must be constants")
		case l.typ == i.typ || l.numeric() && i.numeric():
			items = append(items, i)
		default:
			c.problem(item, "", "%s can't be in a list that holds %s", l.typ, i.typ)
		}
	}
	if !valid || len(items) < len(list.Nodes) {
		return &node{}
	}
	switch l.typ {
	case Text:
		return member(l, values(items, (*node).textValue), textNode, func(o operand) func(*Scope) string { return o.text })
	case Int:
		if !slices.ContainsFunc(items, func(i *node) bool { return i.typ == Float }) {
			return member(l, values(items, (*node).integerValue), integerNode, func(o operand) func(*Scope) int64 { return o.integer })
		}
		fallthrough // a whole number is compared with a fractional one as such
	case Float:
		return member(l.asFloat(), values(items, (*node).floatValue), floatNode, func(o operand) func(*Scope) float64 { return o.float })
	}
	return c.problem(n, "", "%s can't be looked up in a list", l.typ)
}

// values are those of constants, each once.
func values[T string | int64 | float64](items []*node, value func(*node) T) []T {
	all := make([]T, len(items))
	for i, item := range items {
		all[i] = value(item)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fewItems is how many items are found sooner by looking at each than by
// hashing, as BenchmarkMatch measures.
const fewItems = 5

// member compiles membership in a few or many constants.
func member[T string | int64 | float64](l *node, items []T, constant func(T) *node, value func(operand) func(*Scope) T) *node {
	assemble := func(args []operand) operand {
		of := value(args[0])
		return operand{boolean: func(s *Scope) bool { return slices.Contains(items, of(s)) }}
	}
	if len(items) > fewItems {
		set := make(map[T]struct{}, len(items))
		for _, item := range items {
			set[item] = struct{}{}
		}
		assemble = func(args []operand) operand {
			of := value(args[0])
			return operand{boolean: func(s *Scope) bool {
				_, ok := set[of(s)]
				return ok
			}}
		}
	}
	n := newNode(opIn, Bool, 1+min(len(items), fewItems)/2, assemble, l).holding(fmt.Sprintf("%#v", items))
	for _, item := range items {
		n.items = append(n.items, constant(item))
	}
	return n
}

// namedList compiles `field in list("name")`: the text is one of the list's, or
// an address in one of its ranges.
func (c *compiler) namedList(n *ast.BinaryNode, l *node) *node {
	var argument ast.Node
	if call, ok := n.Right.(*ast.CallNode); ok && len(call.Arguments) == 1 {
		if callee, ok := call.Callee.(*ast.IdentifierNode); ok && callee.Value == listFunction {
			argument = call.Arguments[0]
		}
	}
	name, ok := argument.(*ast.StringNode)
	if !ok {
		return c.problem(n.Right, `write in ["a", "b"], or in list("name")`, "`in` needs a list")
	}
	if l.typ != Text && l.typ != Invalid {
		return c.problem(n, "", "a named list holds texts, not %s", l.typ)
	}
	items, ok := c.lists[name.Value]
	if !ok {
		hint := diag.Suggest(name.Value, slices.Sorted(maps.Keys(c.lists)))
		if hint == "" {
			hint = "named lists stand in the configuration, under `lists`"
		}
		return c.problem(name, hint, "unknown list `%s`", name.Value)
	}
	if l.typ == Invalid {
		return l
	}
	if !slices.Contains(c.program.Lists, name.Value) {
		c.program.Lists = append(c.program.Lists, name.Value)
	}
	return lookup(l, items)
}

func lookup(l *node, items []string) *node {
	texts := make(map[string]struct{}, len(items))
	var ranges []netip.Prefix
	for _, item := range items {
		texts[item] = struct{}{}
		if prefix, err := netip.ParsePrefix(item); err == nil {
			ranges = append(ranges, unmapped(prefix))
		}
	}
	effort, inRange := 10, newAddresses(ranges)
	if len(ranges) > 0 {
		effort = 40
	}
	n := newNode(listFunction, Bool, effort, func(args []operand) operand {
		text := args[0].text
		return operand{boolean: func(s *Scope) bool {
			value := text(s)
			if _, ok := texts[value]; ok || len(inRange) == 0 {
				return ok
			}
			a, err := netip.ParseAddr(value)
			return err == nil && inRange.contain(a.Unmap().WithZone(""))
		}}
	}, l)
	// Named for what it holds: conditions may have been compiled with different
	// lists of one name.
	return n.holding(fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", items))))
}
