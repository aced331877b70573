package sigma

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// condition reads a detection's condition: names of its selections joined by
// and, or, not and brackets, and "1 of" or "all of" a pattern of names.
type condition struct {
	i          *importer
	r          reader
	node       *yaml.Node
	selections []string
	of         func(name string) (expr, bool)

	tokens []token
	at     int
	depth  int
	failed bool
}

type token struct {
	text   string
	offset int // bytes
}

var tokenPattern = regexp.MustCompile(`[()|]|[^\s()|]+`)

// parse returns the condition in the rule language; false if something in it was
// refused.
func (c *condition) parse() (expr, bool) {
	if len(c.node.Value) > maxCondition {
		c.i.refuse(c.r, c.node, "the condition is longer than %d bytes", maxCondition)
		return expr{}, false
	}
	for _, span := range tokenPattern.FindAllStringIndex(c.node.Value, -1) {
		c.tokens = append(c.tokens, token{c.node.Value[span[0]:span[1]], span[0]})
	}
	e := c.or()
	if t := c.peek(); !c.failed && t.text != "" {
		if t.text == "|" {
			c.fail("counting in a condition (| count …) is obsolete and not supported: write a correlation")
		} else {
			c.fail("`%s` is not expected here", t.text)
		}
	}
	return e, !c.failed
}

// fail refuses the condition at the token that is next, once.
func (c *condition) fail(format string, args ...any) expr {
	if !c.failed {
		c.failed = true
		c.i.refuseAt(c.r, within(c.node, c.peek().offset), "", format, args...)
	}
	return expr{}
}

// peek returns the next token; one without text at the end.
func (c *condition) peek() token {
	if c.at < len(c.tokens) {
		return c.tokens[c.at]
	}
	return token{offset: len(c.node.Value)}
}

// accept takes the next token if it is the word.
func (c *condition) accept(word string) bool {
	if strings.EqualFold(c.peek().text, word) {
		c.at++
		return true
	}
	return false
}

func (c *condition) or() expr {
	parts := []expr{c.and()}
	for !c.failed && c.accept("or") {
		parts = append(parts, c.and())
	}
	return anyOf(parts...)
}

func (c *condition) and() expr {
	parts := []expr{c.operand()}
	for !c.failed && c.accept("and") {
		parts = append(parts, c.operand())
	}
	return all(parts...)
}

func (c *condition) operand() expr {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return c.fail("the condition is nested more than %d deep", maxDepth)
	}
	switch {
	case c.failed:
		return expr{}
	case c.accept("not"):
		return not(c.operand())
	case c.accept("("):
		e := c.or()
		if !c.failed && !c.accept(")") {
			return c.fail("a closing bracket is missing")
		}
		return e
	}
	name := c.peek()
	if next := c.at + 1; next < len(c.tokens) && strings.EqualFold(c.tokens[next].text, "of") {
		return c.quantified(strings.ToLower(name.text))
	}
	if !slices.Contains(c.selections, name.text) {
		if name.text == "" {
			return c.fail("the condition ends where a selection is expected")
		}
		return c.fail("there is no selection `%s`", name.text)
	}
	c.at++
	return c.selection(name.text)
}

func (c *condition) selection(name string) expr {
	e, ok := c.of(name)
	if !ok {
		c.failed = true // which has been reported
	}
	return e
}

// quantified reads "1 of them" and the like; the number is next.
func (c *condition) quantified(number string) expr {
	if number != "1" && number != "any" && number != "all" {
		return c.fail("`%s of` is not supported, only `1 of` and `all of`", number)
	}
	c.at += 2
	pattern := c.peek().text
	var parts []expr
	for _, name := range c.selections {
		if strings.EqualFold(pattern, "them") && !strings.HasPrefix(name, "_") || matchName(pattern, name) {
			parts = append(parts, c.selection(name))
		}
	}
	if len(parts) == 0 {
		return c.fail("no selection is named `%s`", pattern)
	}
	c.at++
	if number == "all" {
		return all(parts...)
	}
	return anyOf(parts...)
}

// matchName reports whether a selection's name matches a pattern, in which *
// stands for any text.
func matchName(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	if len(pieces) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, pieces[0])
	if !ok {
		return false
	}
	for _, piece := range pieces[1 : len(pieces)-1] {
		if _, rest, ok = strings.Cut(rest, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, pieces[len(pieces)-1])
}
