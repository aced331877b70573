package ruletest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// decoder reads one file, strictly: what it does not know is an error at its
// place, and the reading goes on to find the next. Aliases are followed and
// mappings merged, up to a number of nodes that is for the whole file.
type decoder struct {
	source rules.Source
	found  *diag.List
	intake *intake.Decoder
	nodes  int // visited
	events int // made
	// checked are the events whose values have been checked, and whether they are
	// valid.
	checked map[*yaml.Node]bool

	relative bool // the test at hand has a time that counts from its start
}

func posOf(n *yaml.Node) diag.Pos { return diag.Pos{Line: n.Line, Column: n.Column} }

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.failHint(n, "", format, args...)
}

func (d *decoder) failHint(n *yaml.Node, hint, format string, args ...any) {
	d.add(n, diag.Error, hint, format, args...)
}

func (d *decoder) add(n *yaml.Node, severity diag.Severity, hint, format string, args ...any) {
	*d.found = append(*d.found, diag.Diagnostic{
		File: d.source.Name, Pos: posOf(n), Severity: severity, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// visit counts nodes, and reports whether there may be so many.
func (d *decoder) visit(n *yaml.Node, nodes int) bool {
	before := d.nodes
	d.nodes += nodes
	if before <= maxNodes && d.nodes > maxNodes {
		d.fail(n, "the file's aliases unfold to more than %d values", maxNodes)
	}
	return d.nodes <= maxNodes
}

// resolve follows an alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mapping is a YAML mapping whose keys are known.
type mapping struct {
	d     *decoder
	node  *yaml.Node
	names []string              // the keys that are given, in their order
	keys  map[string]*yaml.Node // by key: its value
	at    map[string]*yaml.Node // by key: the key itself
}

// mapping reads n as a mapping that may hold the known keys, or any if known is
// nil. what names it in messages. It is nil if n is no mapping.
func (d *decoder) mapping(n *yaml.Node, what string, known []string) *mapping {
	n = resolve(n)
	m := &mapping{d: d, node: n, keys: map[string]*yaml.Node{}, at: map[string]*yaml.Node{}}
	if !m.take(n, what, known, 0) {
		return nil
	}
	return m
}

// take adds the keys of a mapping and, behind them, of those that it merges (<<):
// what is there already stands.
func (m *mapping) take(n *yaml.Node, what string, known []string, depth int) bool {
	d := m.d
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping of keys to values, not %s", what, kindOf(n))
		return false
	}
	if depth > maxDepth {
		d.fail(n, "%s merges mappings more than %d deep", what, maxDepth)
		return false
	}
	if !d.visit(n, 1+len(n.Content)) {
		return false
	}
	var merged []*yaml.Node
	own := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		switch name := key.Value; {
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			d.fail(key, "a key of %s must be a text, not %s", what, kindOf(key))
		case known != nil && !slices.Contains(known, name):
			d.failHint(key, suggest(name, known), "unknown field `%s` in %s", shown(name), what)
		case own[name] != nil:
			d.fail(key, "`%s` is given twice, first in line %d", shown(name), own[name].Line)
		default:
			own[name] = key
			if m.keys[name] == nil {
				m.names = append(m.names, name)
				m.keys[name], m.at[name] = value, key
			}
		}
	}
	ok := true
	for _, from := range merged {
		bases := []*yaml.Node{from}
		if from.Kind == yaml.SequenceNode {
			bases = from.Content
		}
		for _, base := range bases {
			ok = m.take(resolve(base), what, known, depth+1) && ok
		}
	}
	return ok
}

// suggest names the key that was meant.
func suggest(name string, known []string) string {
	if name == "time" && slices.Contains(known, "at") {
		return "write `at`"
	}
	return diag.Suggest(name, known)
}

func (m *mapping) has(key string) bool { return m.keys[key] != nil }

// items returns the nodes of a key's list. A list in it is taken for its items, so
// that an alias can stand for several.
func (m *mapping) items(key string) []*yaml.Node {
	n := m.keys[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.d.fail(n, "`%s` must be a list, not %s", key, kindOf(n))
		return nil
	}
	return m.d.flat(nil, n, 0)
}

func (d *decoder) flat(all []*yaml.Node, n *yaml.Node, depth int) []*yaml.Node {
	if depth > maxDepth {
		d.fail(n, "lists are more than %d deep", maxDepth)
		return all
	}
	if !d.visit(n, len(n.Content)) {
		return all
	}
	for _, item := range n.Content {
		if item = resolve(item); item.Kind == yaml.SequenceNode {
			all = d.flat(all, item, depth+1)
		} else {
			all = append(all, item)
		}
	}
	return all
}

// text reads a key's text; "" where it is not given.
func (m *mapping) text(key string) string {
	n := m.keys[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		m.d.fail(n, "`%s` must be a text, not %s", key, kindOf(n))
		return ""
	}
	if strings.TrimSpace(n.Value) == "" {
		m.d.fail(n, "`%s` is empty", key)
	}
	return n.Value
}

// required reads a text that must be given.
func (m *mapping) required(key, what string) string {
	if !m.has(key) {
		m.d.fail(m.node, "%s has no `%s`", what, key)
		return ""
	}
	return m.text(key)
}

// texts reads a list of texts; nil where it is not given.
func (m *mapping) texts(key string) []string {
	if !m.has(key) {
		return nil
	}
	all := []string{}
	for _, n := range m.items(key) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			m.d.fail(n, "`%s` must be a list of texts", key)
			continue
		}
		all = append(all, n.Value)
	}
	return all
}

// oneOf reads a text that must be one of the choices.
func (m *mapping) oneOf(key string, choices []string) string {
	v := m.text(key)
	if v != "" && !slices.Contains(choices, v) {
		m.d.failHint(m.keys[key], diag.Suggest(v, choices), "`%s` must be one of %s, not %q", key, strings.Join(choices, ", "), v)
		return ""
	}
	return v
}

// boolean reads true or false.
func (m *mapping) boolean(key string) bool {
	n := m.keys[key]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		m.d.fail(n, "`%s` must be true or false, not %s", key, kindOf(n))
		return false
	}
	v, _ := strconv.ParseBool(n.Value)
	return v
}

// count reads a whole number from 1 to most; 0 where it is not given.
func (m *mapping) count(key string, most int) int {
	n := m.keys[key]
	if n == nil {
		return 0
	}
	v, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil:
		m.d.fail(n, "`%s` must be a whole number, not %s", key, kindOf(n))
		return 0
	case v < 1 || v > most:
		m.d.fail(n, "`%s` must be between 1 and %d", key, most)
		return 0
	}
	return v
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(shown(n.Value))
}

// shown shortens what a message repeats.
func shown(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxError reports what the YAML parser says, at the line it names.
func (d *decoder) syntaxError(err error) {
	message, pos := strings.TrimPrefix(err.Error(), "yaml: "), diag.Pos{}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		pos.Column = 1
		_, message, _ = strings.Cut(message, ": ")
	}
	d.found.Add(d.source.Name, pos, "not valid YAML: %s (here or just below)", message)
}
