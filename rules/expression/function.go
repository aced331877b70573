package expression

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/holdfastd/holdfast/internal/diag"
)

func (c *compiler) call(n ast.Node, name string, arguments []ast.Node) *node {
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
	args := make([]*node, want)
	for i, a := range arguments {
		if args[i] = c.compile(a); args[i].typ == Invalid {
			return args[i]
		}
		if args[i].typ != Text {
			return c.problem(a, "", "%s takes a text, not %s", name, args[i].typ)
		}
	}
	switch last := args[want-1]; name {
	case "lower":
		return newNode(name, Text, 10, func(args []operand) operand {
			text := args[0].text
			return operand{text: func(s *Scope) string { return strings.ToLower(text(s)) }}
		}, last)
	case "duration":
		d, err := ParseDuration(last.literal)
		if last.constant() && errors.Is(err, ErrTooLong) {
			return c.problem(arguments[0], "the longest is "+LongestDuration, "this is too long a duration")
		}
		if !last.constant() || err != nil {
			return c.problem(arguments[0], `write it as duration("3h")`, "duration takes a constant such as \"3h\"")
		}
		return durationNode(d)
	default:
		prefix, err := netip.ParsePrefix(last.literal)
		if !last.constant() || err != nil {
			return c.problem(arguments[1], "", `the second argument of cidr is a constant range such as "10.0.0.0/8"`)
		}
		return within(args[0], unmapped(prefix))
	}
}

// within compiles cidr: what is no address is in no range, and an IPv4 address
// written as IPv6 is the IPv4 address.
func within(address *node, prefix netip.Prefix) *node {
	return newNode("cidr", Bool, 20, func(args []operand) operand {
		text := args[0].text
		return operand{boolean: func(s *Scope) bool {
			a, err := netip.ParseAddr(text(s))
			return err == nil && prefix.Contains(a.Unmap().WithZone(""))
		}}
	}, address).holding(prefix.String())
}

// unmapped is a range of IPv4 addresses written as IPv6 as the IPv4 range.
func unmapped(prefix netip.Prefix) netip.Prefix {
	if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked()
}
