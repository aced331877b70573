package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// compiler turns one condition into closures, noting every mistake it meets.
type compiler struct {
	program  *Program
	problems []Problem
	depth    int
	lists    Lists
	tooDeep  bool // which has been reported
	reads    bool // the part at hand reads more than the event's type
}

// operand is a compiled part of a condition: its type and the closure that
// computes it. Of the closures, the one of its type is set. An Invalid operand
// has been reported and is silent from then on.
type operand struct {
	typ      Type
	text     func(*Scope) string
	integer  func(*Scope) int64
	float    func(*Scope) float64
	boolean  func(*Scope) bool
	duration func(*Scope) time.Duration

	constant bool
	value    string // of a constant text

	typeOnly bool               // nothing but the event's type and constants is read
	foresee  func(*Scope) truth // of what reads more; see foreseen
}

func (c *compiler) problem(n ast.Node, hint, format string, args ...any) operand {
	c.problems = append(c.problems, Problem{From: n.Location().From, Message: fmt.Sprintf(format, args...), Hint: hint})
	return operand{}
}

// condition compiles the root: what is true or false.
func (c *compiler) condition(n ast.Node) {
	o := c.compile(n)
	if o.typ != Bool && o.typ != Invalid {
		c.problem(n, "compare it with something", "a condition must be true or false, and this is %s", o.typ)
	}
	c.program.eval, c.program.foresee = o.boolean, o.foreseen()
}

func (c *compiler) compile(n ast.Node) operand {
	outer := c.reads
	c.reads = false
	o := c.compileNode(n)
	o.typeOnly = !c.reads && o.typ != Invalid
	c.reads = c.reads || outer
	return o
}

func (c *compiler) compileNode(n ast.Node) operand {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > MaxDepth {
		if !c.tooDeep {
			c.tooDeep = true
			c.problem(n, "split the rule", "the condition is nested more than %d deep", MaxDepth)
		}
		return operand{}
	}
	switch n := n.(type) {
	case *ast.StringNode:
		v := n.Value
		return operand{typ: Text, constant: true, value: v, text: func(*Scope) string { return v }}
	case *ast.IntegerNode:
		v := int64(n.Value)
		return operand{typ: Int, constant: true, integer: func(*Scope) int64 { return v }}
	case *ast.FloatNode:
		v := n.Value
		return operand{typ: Float, constant: true, float: func(*Scope) float64 { return v }}
	case *ast.BoolNode:
		v := n.Value
		return operand{typ: Bool, constant: true, boolean: func(*Scope) bool { return v }}
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.field(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, name.Value, n.Arguments)
		}
		return c.problem(n, "", "only functions can be called")
	case *ast.NilNode:
		return c.problem(n, `what is absent reads as "", 0 or false`, "there is no nil here")
	case *ast.ArrayNode:
		return c.problem(n, "a list can only stand to the right of `in`", "a list has no value")
	case *ast.ConditionalNode:
		return c.problem(n, "use && and ||", "there is no choice (if, ?:) in a condition")
	case *ast.PredicateNode, *ast.PointerNode:
		return c.problem(n, "", "there are no loops in a condition")
	default:
		return c.problem(n, "", "this is not part of the rule language")
	}
}

func (c *compiler) field(n ast.Node) operand {
	name, ok := fieldName(n)
	if !ok {
		return c.problem(n, "", "only the fields of an event can be read")
	}
	switch name {
	case "now":
		return c.problem(n, "ages and timespans compare event times", "there is no `now`: rules see event time only")
	case "time":
		return c.problem(n, "use timespan, or an age such as device.age", "`time` can't be read in a condition")
	}
	f, problem := FieldNamed(name)
	if problem != nil {
		return c.problem(n, problem.Hint, "%s", problem.Message)
	}
	c.reads = c.reads || name != "type"
	return operand{typ: f.Type, text: f.text, integer: f.integer, float: f.float, boolean: f.boolean, duration: f.duration}
}

// fieldName joins a chain of members, such as client.ip or attrs["plan"].
func fieldName(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		if !ok || n.Method || n.Optional {
			return "", false
		}
		parent, ok := fieldName(n.Node)
		return parent + "." + property.Value, ok
	}
	return "", false
}

func (c *compiler) unary(n *ast.UnaryNode) operand {
	o := c.compile(n.Node)
	switch {
	case o.typ == Invalid:
		return operand{}
	case n.Operator == "!" || n.Operator == "not":
		if o.typ != Bool {
			return c.problem(n, "compare it with something", "%s takes true or false, not %s", n.Operator, o.typ)
		}
		b, foresee := o.boolean, o.foreseen()
		return operand{
			typ: Bool, boolean: func(s *Scope) bool { return !b(s) },
			foresee: func(s *Scope) truth { return foresee(s).not() },
		}
	case n.Operator == "-" && o.typ == Int:
		i := o.integer
		return operand{typ: Int, constant: o.constant, integer: func(s *Scope) int64 { return -i(s) }}
	case n.Operator == "-" && o.typ == Float:
		f := o.float
		return operand{typ: Float, constant: o.constant, float: func(s *Scope) float64 { return -f(s) }}
	case n.Operator == "+" && (o.typ == Int || o.typ == Float):
		return o
	}
	return c.problem(n, "", "%s can't stand before %s", n.Operator, o.typ)
}

func (c *compiler) binary(n *ast.BinaryNode) operand {
	switch n.Operator {
	case "in":
		return c.in(n)
	case "&&", "and", "||", "or":
		return c.logic(n)
	case "==", "!=", "<", "<=", ">", ">=":
		return c.comparison(n)
	case "startsWith", "endsWith", "contains", "matches":
		return c.textual(n)
	case "+", "-", "*":
		return c.arithmetic(n)
	}
	return c.problem(n, "", "there is no operator %s in a condition", n.Operator)
}

// logic compiles a chain of one operator, such as a && b && c, which is as deep
// as its parts and not as long.
func (c *compiler) logic(n *ast.BinaryNode) operand {
	kind := n.Operator
	isAnd := kind == "&&" || kind == "and"
	var parts []ast.Node
	for node := ast.Node(n); ; {
		link, ok := node.(*ast.BinaryNode)
		if !ok || (link.Operator == "&&" || link.Operator == "and") != isAnd || !isAnd && link.Operator != "||" && link.Operator != "or" {
			parts = append(parts, node)
			break
		}
		parts = append(parts, link.Right)
		node = link.Left
	}
	slices.Reverse(parts)
	operands, conditions, valid := make([]operand, len(parts)), make([]func(*Scope) bool, len(parts)), true
	for i, part := range parts {
		o := c.compile(part)
		operands[i] = o
		if o.typ != Bool && o.typ != Invalid {
			c.problem(part, "compare it with something", "%s joins what is true or false, not %s", kind, o.typ)
		}
		conditions[i], valid = o.boolean, valid && o.typ == Bool
	}
	if !valid {
		return operand{}
	}
	chain := operand{typ: Bool, foresee: foreseeChain(operands, isAnd)}
	switch a, b := conditions[0], conditions[1]; {
	case len(conditions) > 2:
		// A chain of && ends with the first that fails, one of || with the first
		// that holds.
		chain.boolean = func(s *Scope) bool {
			for _, holds := range conditions {
				if holds(s) != isAnd {
					return !isAnd
				}
			}
			return isAnd
		}
	case isAnd:
		chain.boolean = func(s *Scope) bool { return a(s) && b(s) }
	default:
		chain.boolean = func(s *Scope) bool { return a(s) || b(s) }
	}
	return chain
}

// textual compiles startsWith, endsWith, contains and matches.
func (c *compiler) textual(n *ast.BinaryNode) operand {
	l, r := c.compile(n.Left), c.compile(n.Right)
	if l.typ == Invalid || r.typ == Invalid {
		return operand{}
	}
	if l.typ != Text || r.typ != Text {
		return c.problem(n, "", "%s compares texts, not %s with %s", n.Operator, l.typ, r.typ)
	}
	a, b := l.text, r.text
	switch n.Operator {
	case "startsWith":
		return operand{typ: Bool, boolean: func(s *Scope) bool { return strings.HasPrefix(a(s), b(s)) }}
	case "endsWith":
		return operand{typ: Bool, boolean: func(s *Scope) bool { return strings.HasSuffix(a(s), b(s)) }}
	case "contains":
		return operand{typ: Bool, boolean: func(s *Scope) bool { return strings.Contains(a(s), b(s)) }}
	}
	if !r.constant {
		return c.problem(n.Right, "write the pattern as a text", "the pattern of matches must be a constant")
	}
	if instructions(r.value) > maxInstructions {
		return c.problem(n.Right, "shorten its repetitions", "the pattern is too large")
	}
	re, err := regexp.Compile(r.value)
	if err != nil {
		return c.problem(n.Right, "patterns are RE2: no look-around, no back-references", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return operand{typ: Bool, boolean: func(s *Scope) bool { return re.MatchString(a(s)) }}
}

// maxInstructions bounds a compiled pattern: the time that matching takes grows
// with its size times that of the text.
const maxInstructions = 2000

// instructions is the size of a compiled pattern; 0 if it does not compile.
func instructions(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// in compiles membership in a list of constants or in a named list.
func (c *compiler) in(n *ast.BinaryNode) operand {
	l := c.compile(n.Left)
	items, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return c.namedList(n, l)
	}
	texts, integers, floats := map[string]bool{}, map[int64]bool{}, []float64(nil)
	for _, item := range items.Nodes {
		o := c.compile(item)
		switch {
		case o.typ == Invalid || l.typ == Invalid:
		case !o.constant:
			c.problem(item, "", "the items of a list must be constants")
		case l.typ == Text && o.typ == Text:
			texts[o.value] = true
		case l.typ == Int && o.typ == Int:
			integers[o.integer(nil)] = true
		case (l.typ == Int || l.typ == Float) && (o.typ == Int || o.typ == Float):
			floats = append(floats, o.asFloat()(nil))
		default:
			c.problem(item, "", "%s can't be in a list that holds %s", l.typ, o.typ)
		}
	}
	a, i := l.text, l.integer
	switch l.typ {
	case Text:
		return operand{typ: Bool, boolean: func(s *Scope) bool { return texts[a(s)] }}
	case Int:
		return operand{typ: Bool, boolean: func(s *Scope) bool { return integers[i(s)] || slices.Contains(floats, float64(i(s))) }}
	case Float:
		f := l.float
		return operand{typ: Bool, boolean: func(s *Scope) bool { return slices.Contains(floats, f(s)) }}
	case Invalid:
		return operand{}
	}
	return c.problem(n, "", "%s can't be looked up in a list", l.typ)
}
