package rules

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// decoder reads one rule file, strictly: a key it does not know, a key given
// twice and a value of the wrong kind are all errors at their place, and the
// reading goes on to find the next.
type decoder struct {
	source Source
	lines  []int // where the source's lines begin, once locate has asked
	found  *diag.List
	opts   Options
	// mentions collects where the rule at hand names other rules.
	mentions []mentions
	// written is where the rules' parts stand, for [Check]; nil for nobody.
	written *written
}

func posOf(n *yaml.Node) diag.Pos { return diag.Pos{Line: n.Line, Column: n.Column} }

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.found.Add(d.source.Name, posOf(n), format, args...)
}

func (d *decoder) failHint(n *yaml.Node, hint, format string, args ...any) {
	*d.found = append(*d.found, diag.Diagnostic{
		File: d.source.Name, Pos: posOf(n), Message: fmt.Sprintf(format, args...), Hint: hint,
	})
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
	d    *decoder
	node *yaml.Node
	keys map[string]*yaml.Node // by key: its value
	at   map[string]*yaml.Node // by key: the key itself
	// meant are the known keys that unknown ones were likely to be: it is enough
	// to report those.
	meant map[string]bool
}

// mapping reads n as a mapping that may hold the known keys. what names it in
// messages. It is nil if n is no mapping.
func (d *decoder) mapping(n *yaml.Node, what string, known ...string) *mapping {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping of keys to values, not %s", what, kindOf(n))
		return nil
	}
	m := &mapping{d: d, node: n, keys: map[string]*yaml.Node{}, at: map[string]*yaml.Node{}, meant: map[string]bool{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		switch name := key.Value; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.failHint(key, "write it out", "%s takes plain keys only, no merging and no nesting", what)
			return nil
		case !slices.Contains(known, name):
			meant, hint := meantKey(name, known)
			m.meant[meant] = true
			d.failHint(key, hint, "unknown field `%s` in %s", name, what)
		case m.keys[name] != nil:
			d.fail(key, "`%s` is given twice, first in line %d", name, m.at[name].Line)
		default:
			m.keys[name], m.at[name] = value, key
		}
	}
	return m
}

// value returns the node of a key, or nil where it is not given.
func (m *mapping) value(key string) *yaml.Node { return m.keys[key] }

func (m *mapping) has(key string) bool { return m.keys[key] != nil }

// lacks reports whether a key is not given, and no unknown one was meant to be
// it.
func (m *mapping) lacks(key string) bool { return m.keys[key] == nil && !m.meant[key] }

// items returns the nodes of a key's list.
func (m *mapping) items(key string) []*yaml.Node {
	n := m.keys[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.d.fail(n, "`%s` must be a list, not %s", key, kindOf(n))
		return nil
	}
	return n.Content
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
	if m.lacks(key) {
		m.d.fail(m.node, "%s has no `%s`", what, key)
	}
	return m.text(key)
}

// texts reads a list of texts.
func (m *mapping) texts(key string) []string {
	var all []string
	for _, n := range m.items(key) {
		if n = resolve(n); n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
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

// MaxCount is the largest number of events that a rule can ask for: what a
// group remembers by default.
const MaxCount = 10_000

// count reads a whole number from 1 to MaxCount.
func (d *decoder) count(n *yaml.Node, key string) int {
	n = resolve(n)
	v, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil:
		d.fail(n, "`%s` must be a whole number, not %s", key, kindOf(n))
		return 1
	case v < 1 || v > MaxCount:
		d.fail(n, "`%s` must be between 1 and %d", key, MaxCount)
		return 1
	}
	return v
}

// positive reads a number greater than 0.
func (d *decoder) positive(n *yaml.Node, key string) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil:
		d.fail(n, "`%s` must be a number, not %s", key, kindOf(n))
		return 1
	case !(v > 0) || math.IsInf(v, 1):
		d.fail(n, "`%s` must be greater than 0", key)
		return 1
	}
	return v
}

// duration reads a key's duration; 0 where it is not given. A duration of 0 is
// only accepted if zero says so.
func (m *mapping) duration(key string, zero bool) time.Duration {
	n := m.keys[key]
	if n == nil {
		return 0
	}
	v, err := expression.ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		m.d.fail(n, "`%s` must be a duration such as 10m, not %s", key, kindOf(n))
	case n.Tag == "!!int" && n.Value != "0":
		m.d.failHint(n, "write a unit: "+n.Value+"s, "+n.Value+"m or "+n.Value+"h", "`%s` has no unit", key)
	case errors.Is(err, expression.ErrTooLong):
		m.d.failHint(n, "the longest is "+expression.LongestDuration, "`%s` is too long a duration", key)
	case err != nil:
		m.d.failHint(n, "a duration is written 90s, 10m, 1h30m, 7d or 2w", "`%s` is not a duration", key)
	case v < 0 || v == 0 && !zero:
		m.d.fail(n, "`%s` must be longer than 0", key)
	}
	return v
}

// condition compiles a key's condition; nil if it is not given or wrong.
func (m *mapping) condition(key string) *expression.Program {
	n := m.keys[key]
	if n == nil {
		return nil
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		m.d.failHint(n, "quote it: "+key+": '!…'", "what begins with ! is a YAML tag and no value")
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		m.d.failHint(n, "quote it: match: '…'", "`%s` must be a condition, not %s", key, kindOf(n))
		return nil
	}
	program, problems := expression.Compile(n.Value, m.d.opts.Lists)
	for _, p := range problems {
		*m.d.found = append(*m.d.found, diag.Diagnostic{
			File: m.d.source.Name, Pos: m.d.locate(n, p.From), Code: codeCondition, Message: p.Message, Hint: p.Hint,
		})
	}
	if program != nil {
		if m.d.written != nil {
			m.d.written.conditions[program] = func(offset int) diag.Pos { return m.d.locate(n, offset) }
		}
		if len(program.AlertRules) > 0 {
			m.d.mentions = append(m.d.mentions, mentions{m.d, n, program.AlertRules})
		}
	}
	return program
}

// fields reads one field or a list of fields.
func (m *mapping) fields(key string) []expression.Field {
	n := m.keys[key]
	if n == nil {
		return nil
	}
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 {
		m.d.fail(n, "`%s` is an empty list", key)
	}
	var fields []expression.Field
	for _, n := range nodes {
		if f, ok := m.d.fieldOf(resolve(n)); ok {
			if slices.ContainsFunc(fields, func(g expression.Field) bool { return g.Name == f.Name }) {
				m.d.fail(n, "field `%s` is named twice", f.Name)
			}
			fields = append(fields, f)
		}
	}
	return fields
}

func (d *decoder) fieldOf(n *yaml.Node) (expression.Field, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "a field's name is needed here, not %s", kindOf(n))
		return expression.Field{}, false
	}
	f, problem := expression.FieldNamed(n.Value)
	if problem != nil {
		d.failHint(n, problem.Hint, "%s", problem.Message)
		return expression.Field{}, false
	}
	return f, true
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
