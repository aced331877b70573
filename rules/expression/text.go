package expression

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// textual compiles startsWith, endsWith, contains and matches.
func (c *compiler) textual(n *ast.BinaryNode) *node {
	l, r := c.compile(n.Left), c.compile(n.Right)
	if l.typ == Invalid || r.typ == Invalid {
		return &node{}
	}
	if l.typ != Text || r.typ != Text {
		return c.problem(n, "", "%s compares texts, not %s with %s", n.Operator, l.typ, r.typ)
	}
	switch n.Operator {
	case "startsWith":
		return newNode(n.Operator, Bool, 1, textTest(strings.HasPrefix), l, r)
	case "endsWith":
		return newNode(n.Operator, Bool, 1, textTest(strings.HasSuffix), l, r)
	case "contains":
		return newNode(n.Operator, Bool, 6, textTest(strings.Contains), l, r)
	}
	if !r.constant() {
		return c.problem(n.Right, "write the pattern as a text", "the pattern of matches must be a constant")
	}
	pattern := r.literal
	if instructions(pattern) > maxInstructions {
		return c.problem(n.Right, "shorten its repetitions", "the pattern is too large")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return c.problem(n.Right, "patterns are RE2: no look-around, no back-references", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return newNode(n.Operator, Bool, 50, func(args []operand) operand {
		text := args[0].text
		return operand{boolean: func(s *Scope) bool { return re.MatchString(text(s)) }}
	}, l).holding(pattern)
}

func textTest(test func(a, b string) bool) func([]operand) operand {
	return func(args []operand) operand {
		a, b := args[0].text, args[1].text
		return operand{boolean: func(s *Scope) bool { return test(a(s), b(s)) }}
	}
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
