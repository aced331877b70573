package expression

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/holdfastd/holdfast/internal/diag"
)

// listFunction is the name of the function that stands for a named list.
const listFunction = "list"

// namedList compiles `field in list("name")`: the text is one of the list's, or
// an address in one of its ranges.
func (c *compiler) namedList(n *ast.BinaryNode, l operand) operand {
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
		if len(c.lists) == 0 {
			hint = "named lists stand in the configuration, under `lists`"
		}
		return c.problem(name, hint, "unknown list `%s`", name.Value)
	}
	if !slices.Contains(c.program.Lists, name.Value) {
		c.program.Lists = append(c.program.Lists, name.Value)
	}
	return lookup(l, items)
}

func lookup(l operand, items []string) operand {
	texts := make(map[string]struct{}, len(items))
	var ranges []netip.Prefix
	for _, item := range items {
		texts[item] = struct{}{}
		if prefix, err := netip.ParsePrefix(item); err == nil {
			ranges = append(ranges, unmapped(prefix))
		}
	}
	text := l.text
	return operand{typ: Bool, boolean: func(s *Scope) bool {
		value := text(s)
		if _, ok := texts[value]; ok || len(ranges) == 0 {
			return ok
		}
		a, err := netip.ParseAddr(value)
		return err == nil && slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) })
	}}
}

func (c *compiler) call(n ast.Node, name string, arguments []ast.Node) operand {
	arity := map[string]int{"duration": 1, "lower": 1, "cidr": 2}
	want, known := arity[name]
	switch {
	case name == listFunction:
		return c.problem(n, `write: client.ip in list("name")`, "a named list can only stand to the right of `in`")
	case !known:
		return c.problem(n, diag.Suggest(name, []string{"duration", "lower", "cidr", listFunction}), "unknown function `%s`", name)
	case len(arguments) != want:
		return c.problem(n, "", "%s takes %d arguments, not %d", name, want, len(arguments))
	}
	operands := make([]operand, want)
	for i, a := range arguments {
		if operands[i] = c.compile(a); operands[i].typ == Invalid {
			return operand{}
		}
		if operands[i].typ != Text {
			return c.problem(a, "", "%s takes a text, not %s", name, operands[i].typ)
		}
	}
	switch last := operands[want-1]; name {
	case "lower":
		a := last.text
		return operand{typ: Text, text: func(s *Scope) string { return strings.ToLower(a(s)) }}
	case "duration":
		d, err := ParseDuration(last.value)
		if !last.constant || err != nil {
			return c.problem(arguments[0], `write it as duration("3h")`, "duration takes a constant such as \"3h\"")
		}
		return operand{typ: Duration, constant: true, duration: func(*Scope) time.Duration { return d }}
	default:
		prefix, err := netip.ParsePrefix(last.value)
		if !last.constant || err != nil {
			return c.problem(arguments[1], "", `the second argument of cidr is a constant range such as "10.0.0.0/8"`)
		}
		return within(operands[0].text, prefix)
	}
}

// within compiles cidr: what is no address is in no range, and an IPv4 address
// written as IPv6 is the IPv4 address.
func within(address func(*Scope) string, prefix netip.Prefix) operand {
	prefix = unmapped(prefix)
	return operand{typ: Bool, boolean: func(s *Scope) bool {
		a, err := netip.ParseAddr(address(s))
		return err == nil && prefix.Contains(a.Unmap().WithZone(""))
	}}
}

// unmapped is a range of IPv4 addresses written as IPv6 as the IPv4 range.
func unmapped(prefix netip.Prefix) netip.Prefix {
	if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked()
}
