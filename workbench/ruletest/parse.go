package ruletest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// Parse reads a file of tests. If there is any error in it, it returns all of them
// as a [diag.List], and the file as far as it could be read, so that what it says
// of rules can still be held against them ([File.Check]). Warnings come in the
// list, too.
func Parse(src rules.Source) (*File, diag.List) {
	var found diag.List
	d := decoder{
		source: src, found: &found, intake: intake.NewDecoder(intake.Options{}), checked: map[*yaml.Node]bool{},
	}
	f := &File{Name: src.Name}
	if len(src.Content) > maxFileSize {
		found.Add(src.Name, diag.Pos{}, "the file is larger than %d MiB", maxFileSize>>20)
		return f, found
	}
	d.file(f)
	found.Sort()
	// What is wrong with a template is wrong wherever it is used.
	return f, slices.Compact(found)
}

func (d *decoder) file(f *File) {
	dec := yaml.NewDecoder(bytes.NewReader(d.source.Content))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		d.found.Add(d.source.Name, diag.Pos{}, "the file is empty; a file of tests starts with `tests:`")
		return
	case err != nil:
		d.syntaxError(err)
		return
	}
	if err := dec.Decode(&second); err == nil {
		d.fail(&second, "a file of tests holds one YAML document")
	} else if !errors.Is(err, io.EOF) {
		d.syntaxError(err)
	}
	top := d.mapping(doc.Content[0], "a file of tests", []string{"rules", "templates", "tests"})
	if top == nil {
		return
	}
	d.rules(top, f)
	if !top.has("tests") {
		d.fail(top.node, "a file of tests has a list of `tests`")
		return
	}
	items := top.items("tests")
	if len(items) == 0 && top.keys["tests"].Kind == yaml.SequenceNode {
		d.fail(top.keys["tests"], "`tests` is an empty list")
	}
	if len(items) > maxTests {
		d.fail(items[maxTests], "a file holds at most %d tests", maxTests)
		items = items[:maxTests]
	}
	lines := map[string]int{}
	for _, n := range items {
		t := d.test(n)
		if t == nil {
			continue
		}
		if first, taken := lines[t.Name]; taken && t.Name != "" {
			d.found.Add(d.source.Name, t.Pos, "test %q is there already, in line %d", t.Name, first)
		} else {
			lines[t.Name] = t.Pos.Line
		}
		f.Tests = append(f.Tests, *t)
	}
}

// rules reads where the rules under test are.
func (d *decoder) rules(top *mapping, f *File) {
	if !top.has("rules") {
		return
	}
	for _, n := range top.items("rules") {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
			d.failHint(n, "write rules: [codes.yaml], relative to this file", "`rules` must be a list of rule files or folders")
			continue
		}
		f.Rules, f.rulesAt = append(f.Rules, n.Value), append(f.rulesAt, posOf(n))
	}
	if n := top.keys["rules"]; n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.fail(n, "`rules` is an empty list")
	}
}

func (d *decoder) test(n *yaml.Node) *Test {
	m := d.mapping(n, "a test", []string{"name", "start", "events", "expect", "expect_not", "only"})
	if m == nil {
		return nil
	}
	t := &Test{Pos: posOf(m.node), Start: DefaultStart}
	t.Name = m.required("name", "the test")
	if at := m.keys["name"]; at != nil {
		t.Pos = posOf(at)
		if strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }) || utf8.RuneCountInString(t.Name) > maxName {
			d.fail(at, "`name` must be one line of at most %d characters", maxName)
		}
	}
	if at := m.keys["start"]; at != nil {
		start, err := holdfast.ParseInstant(at.Value)
		if at.Kind != yaml.ScalarNode || err != nil {
			d.failHint(at, "write start: 2026-11-24T08:30:00Z", "`start` must be an RFC 3339 time")
		} else {
			t.Start = start
		}
	}
	if !m.has("events") {
		d.fail(m.node, "the test has no `events`")
	}
	d.relative = false
	t.Events = d.eventsOf(m, t.Start)
	d.expectations(m, t)
	t.absolute = !d.relative
	return t
}

func (d *decoder) expectations(m *mapping, t *Test) {
	if items := m.items("expect"); len(items) > maxExpected {
		d.fail(items[maxExpected], "a test expects at most %d alerts", maxExpected)
	} else {
		for _, n := range items {
			if x := d.expectation(n, t.Start); x != nil {
				t.Expect = append(t.Expect, *x)
			}
		}
	}
	t.Only = m.boolean("only")
	if items := m.items("expect_not"); len(items) > maxExpected {
		d.fail(items[maxExpected], "a test names at most %d rules that must not fire", maxExpected)
	} else {
		for _, n := range items {
			d.notExpected(n, t)
		}
	}
	if m.has("only") && !t.Only && m.keys["only"].Tag == "!!bool" {
		d.failHint(m.keys["only"], "leave it out", "`only` is true or not there")
	}
	if len(t.Expect)+len(t.Not) == 0 && !t.Only && !m.has("only") && m.empty("expect") && m.empty("expect_not") {
		d.failHint(m.node, "name rules in `expect` or `expect_not`, or write only: true where no rule may fire", "the test can't fail: it expects nothing")
	}
}

// empty reports whether a key is not given, or is an empty list.
func (m *mapping) empty(key string) bool {
	n := m.keys[key]
	return n == nil || n.Kind == yaml.SequenceNode && len(n.Content) == 0
}

func (d *decoder) notExpected(n *yaml.Node, t *Test) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fail(n, "`expect_not` is a list of rule ids; %s is none", kindOf(n))
		return
	}
	named := func(of Mention) bool { return of.Rule == n.Value }
	if slices.ContainsFunc(t.Expect, func(x Expectation) bool { return named(x.Mention) }) {
		d.fail(n, "rule `%s` is expected and not expected", shown(n.Value))
	}
	if slices.ContainsFunc(t.Not, named) {
		d.fail(n, "rule `%s` is named twice", shown(n.Value))
	}
	t.Not = append(t.Not, Mention{Rule: n.Value, Pos: posOf(n)})
}

func (d *decoder) expectation(n *yaml.Node, start holdfast.Instant) *Expectation {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		d.failHint(n, "write {rule: "+shown(n.Value)+", at: 4m}", "an expected alert must be a mapping, not %s", kindOf(n))
		return nil
	}
	m := d.mapping(n, "an expected alert", []string{"rule", "at", "group", "level", "account", "count", "suspects", "protected"})
	if m == nil {
		return nil
	}
	x := &Expectation{Mention: Mention{Rule: m.required("rule", "the expected alert"), Pos: posOf(m.node)}}
	if at := m.keys["rule"]; at != nil {
		x.Pos = posOf(at)
	}
	if m.has("at") {
		if at, ok := m.moment("at", start); ok {
			x.At = &at
		}
	}
	if m.has("level") {
		x.Level, _ = holdfast.ParseLevel(m.oneOf("level", holdfast.Levels))
	}
	x.Account = m.text("account")
	x.Count = m.count("count", rules.MaxCount)
	x.Suspects, x.Protected = m.texts("suspects"), m.texts("protected")
	if m.has("group") {
		d.group(m.keys["group"], x)
	}
	return x
}

func (d *decoder) group(n *yaml.Node, x *Expectation) {
	if n.Kind == yaml.ScalarNode {
		d.failHint(n, "write group: {account: ana}", "`group` must be a mapping of the rule's `group_by` to values, not %s", kindOf(n))
		return
	}
	g := d.mapping(n, "`group`", nil)
	if g == nil {
		return
	}
	for _, name := range g.names {
		v := g.keys[name]
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			d.fail(v, "`%s` must be a text, not %s", shown(name), kindOf(v))
			continue
		}
		x.Group = append(x.Group, GroupValue{GroupValue: holdfast.GroupValue{Field: name, Value: v.Value}, Pos: posOf(g.at[name])})
	}
}
