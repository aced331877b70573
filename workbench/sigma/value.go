package sigma

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// test is what one value of a field asks. One that asks whether a subject is a
// constant says which, so that several can be asked as one.
type test struct {
	expr
	subject, constant string
}

func equals(subject, constant string) test {
	return test{atom(subject + " == " + constant), subject, constant}
}

// test translates one value.
func (i *importer) test(r reader, n *yaml.Node, f field, mods modifiers) (test, bool) {
	refuse := func(format string, args ...any) (test, bool) {
		i.refuse(r, n, format, args...)
		return test{}, false
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return refuse("a value must be a text, a number, true, false or null")
	case f.values != nil:
		return i.mappedValue(r, n, f, mods)
	case mods.kind == "exists":
		return i.exists(r, n, f)
	case blank(n):
		if mods.kind != "" || f.empty() == "" {
			return refuse("null can't be asked of `%s` here", f.name)
		}
		return test{expr: atom(f.name + " == " + f.empty())}, true
	case f.typ == expression.Text:
		return i.textTest(r, n, f, mods)
	case f.typ == expression.Bool:
		v := strings.ToLower(n.Value)
		if mods.kind != "" || v != "true" && v != "false" {
			return refuse("`%s` is true or false and can't be asked for %q", f.name, n.Value)
		}
		if v == "false" {
			return test{expr: atom("!" + f.name)}, true
		}
		return test{expr: atom(f.name)}, true
	case f.typ == expression.Int || f.typ == expression.Float:
		return i.numberTest(r, n, f, mods)
	}
	return refuse("`%s` is %s, for which Sigma has no value", f.name, f.typ)
}

// exists asks whether a field has a value. To Holdfast, what is absent is empty.
func (i *importer) exists(r reader, n *yaml.Node, f field) (test, bool) {
	v := strings.ToLower(n.Value)
	if f.empty() == "" || v != "true" && v != "false" {
		i.refuse(r, n, "`exists` takes true or false, of a field that can be absent")
		return test{}, false
	}
	if v == "true" {
		return test{expr: atom(f.name + " != " + f.empty())}, true
	}
	return test{expr: atom(f.name + " == " + f.empty())}, true
}

func (i *importer) textTest(r reader, n *yaml.Node, f field, mods modifiers) (test, bool) {
	refuse := func(format string, args ...any) (test, bool) {
		i.refuse(r, n, format, args...)
		return test{}, false
	}
	g := parseGlob(n.Value)
	switch mods.kind {
	case "lt", "lte", "gt", "gte":
		return refuse("`%s` is a text, and `%s` compares numbers", f.name, mods.kind)
	case "cidr":
		if _, err := netip.ParsePrefix(n.Value); err != nil {
			return refuse("%q is no range of addresses such as 10.0.0.0/8", n.Value)
		}
		return test{expr: atom("cidr(" + f.name + ", " + quoted(n.Value) + ")")}, true
	case "re":
		pattern := mods.regexpFlags() + n.Value
		if _, err := regexp.Compile(pattern); err != nil {
			return refuse("the regular expression is not RE2: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return test{expr: atom(f.name + " matches " + quoted(pattern))}, true
	case "contains":
		g = g.open(true, true)
	case "startswith":
		g = g.open(false, true)
	case "endswith":
		g = g.open(true, false)
	}
	text, plain := g.plain()
	if !plain || text == "" {
		return test{expr: g.test(f.name, mods.has("cased"))}, true
	}
	lower := strings.ToLower(text)
	switch {
	case mods.has("cased"):
		return equals(f.name, quoted(text)), true
	case f.name == "type" && slices.Contains(holdfast.EventTypes, lower): // which come in no other spelling
		return equals(f.name, quoted(lower)), true
	}
	return equals("lower("+f.name+")", quoted(lower)), true
}

// regexpFlags are the sub-modifiers of re, in RE2's way.
func (m modifiers) regexpFlags() string {
	var set strings.Builder
	for _, flag := range []string{"i", "m", "s"} {
		if m.has(flag) {
			set.WriteString(flag)
		}
	}
	if set.Len() == 0 {
		return ""
	}
	return "(?" + set.String() + ")"
}

var operators = map[string]string{"": "==", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

func (i *importer) numberTest(r reader, n *yaml.Node, f field, mods modifiers) (test, bool) {
	operator, ok := operators[mods.kind]
	if !ok {
		i.refuse(r, n, "`%s` is a number, and `%s` is asked of texts", f.name, mods.kind)
		return test{}, false
	}
	if n.Value == "" && operator == "==" {
		return test{expr: atom(f.name + " == 0")}, true
	}
	var constant string
	if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		constant = strconv.FormatInt(v, 10)
	} else if v, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(v, 0) && !math.IsNaN(v) {
		constant = strconv.FormatFloat(v, 'f', -1, 64)
	} else {
		i.refuse(r, n, "`%s` is a number and can't be asked for %q", f.name, n.Value)
		return test{}, false
	}
	if operator == "==" {
		return equals(f.name, constant), true
	}
	return test{expr: atom(f.name + " " + operator + " " + constant)}, true
}

// mappedValue is the condition that the mapping has for the value of a field
// that is none of ours.
func (i *importer) mappedValue(r reader, n *yaml.Node, f field, mods modifiers) (test, bool) {
	if mods.kind != "" || mods.has("cased") {
		i.refuse(r, n, "the mapping gives `%s` a list of values, which can only be asked for as they are", f.name)
		return test{}, false
	}
	text, plain := parseGlob(n.Value).plain()
	match, known := f.values[strings.ToLower(text)]
	if !plain || !known {
		i.refuseHint(r, n, "add it to the field's `values` in the mapping", "the mapping has no value %q of field `%s`", n.Value, f.name)
		return test{}, false
	}
	return test{expr: match}, true
}
