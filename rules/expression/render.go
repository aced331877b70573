package expression

import (
	"strconv"
	"strings"
)

func quoted(s string) string { return strconv.Quote(s) }

// longestRendered is how many items of a list are written.
const longestRendered = 4

// render writes a part of a condition as a rule author would: not always as it
// was written, but with the same meaning. If want is false, it writes the
// opposite.
func render(n *node, want bool) string {
	if !want {
		return renderOpposite(n)
	}
	switch {
	case n.op == opField:
		return n.literal
	case n.constant() && n.typ == Text:
		return quoted(n.literal)
	case n.constant() && n.typ == Duration:
		return `duration("` + FormatDuration(n.build().duration(nil)) + `")`
	case n.constant():
		return n.literal
	case n.op == opNot:
		return renderOpposite(n.args[0])
	case n.op == opAnd, n.op == opOr:
		parts := make([]string, len(n.args))
		for i, a := range n.args {
			if parts[i] = render(a, true); a.op == opAnd || a.op == opOr {
				parts[i] = "(" + parts[i] + ")"
			}
		}
		return strings.Join(parts, " "+n.op+" ")
	case n.op == opIn:
		return render(n.args[0], true) + " in " + renderItems(n.items)
	case n.op == listFunction:
		return render(n.args[0], true) + " in a named list"
	case n.op == "cidr":
		return "cidr(" + render(n.args[0], true) + ", " + quoted(n.literal) + ")"
	case n.op == "matches":
		return render(n.args[0], true) + " matches " + quoted(n.literal)
	case n.op == "float" || n.op == "duration":
		return render(n.args[0], true)
	case len(n.args) == 2:
		return render(n.args[0], true) + " " + n.op + " " + render(n.args[1], true)
	case n.op == "-" && len(n.args) == 1:
		return "-" + render(n.args[0], true)
	default:
		parts := make([]string, len(n.args))
		for i, a := range n.args {
			parts[i] = render(a, true)
		}
		return n.op + "(" + strings.Join(parts, ", ") + ")"
	}
}

func renderOpposite(n *node) string {
	switch op := opposite(n.op); {
	case n.op == opNot:
		return render(n.args[0], true)
	case n.op == opEqual:
		op = "!="
		fallthrough
	case op != "":
		return render(n.args[0], true) + " " + op + " " + render(n.args[1], true)
	case n.op == opIn:
		return render(n.args[0], true) + " not in " + renderItems(n.items)
	case n.op == opField:
		return "!" + n.literal
	}
	return "!(" + render(n, true) + ")"
}

func renderItems(items []*node) string {
	var parts []string
	for i, item := range items {
		if i == longestRendered {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, render(item, true))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
