package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
)

// The most of each thing that a file or a rule can hold: what is checked in
// time that grows with their product must not grow with a hostile file.
const (
	maxRules    = 2000
	maxSteps    = 100    // events in a row
	maxDistinct = 16     // fields
	maxNodes    = 50_000 // YAML nodes of a rule, its aliases followed
)

// file decodes the whole source.
func (d *decoder) file() []*Rule {
	dec := yaml.NewDecoder(bytes.NewReader(d.source.Content))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) && utf8.Valid(d.source.Content) {
			d.found.Add(d.source.Name, posOf(&yaml.Node{}), "the file is empty; a rule file starts with `rules:`")
			return nil
		}
		d.syntaxError(err)
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		d.fail(&second, "a rule file holds one YAML document")
	} else if !errors.Is(err, io.EOF) {
		d.syntaxError(err)
	}
	top := d.mapping(doc.Content[0], "a rule file", "rules")
	if top == nil {
		return nil
	}
	if top.lacks("rules") {
		d.fail(top.node, "a rule file has a list of `rules`")
		return nil
	}
	items := top.items("rules")
	if len(items) > maxRules {
		d.fail(items[maxRules], "a file holds at most %d rules", maxRules)
		items = items[:maxRules]
	}
	var all []*Rule
	for _, n := range items {
		if r := d.rule(n); r != nil {
			all = append(all, r)
		}
	}
	return all
}

var ruleKeys = []string{
	"id", "title", "description", "level", "status", "tags", "falsepositives",
	"group_by", "match", "count", "distinct", "timespan", "cancel", "sequence", "until",
	"without", "score", "surge", "suppress", "exceptions", "overrides", "respond",
}

var ruleID = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// maxID keeps ids fit for a metric label.
const maxID = 64

func (d *decoder) rule(n *yaml.Node) *Rule {
	before := len(*d.found)
	m := d.mapping(n, "a rule", ruleKeys...)
	if m == nil {
		return nil
	}
	d.mentions = nil
	r := &Rule{File: d.source.Name, Pos: posOf(m.node)}
	r.ID = m.required("id", "the rule")
	if r.ID != "" && (!ruleID.MatchString(r.ID) || len(r.ID) > maxID) {
		d.fail(m.value("id"), "`id` must be up to %d lower-case letters, digits and hyphens, and start with a letter", maxID)
	}
	if at := m.value("id"); at != nil {
		r.Pos = posOf(at)
	}
	r.Title = m.required("title", "the rule")
	r.Description = m.text("description")
	if m.required("level", "the rule") != "" {
		r.Level, _ = holdfast.ParseLevel(m.oneOf("level", holdfast.Levels))
	}
	r.Status = holdfast.Stable
	if m.has("status") {
		r.Status = holdfast.Status(m.oneOf("status", holdfast.Statuses))
	}
	r.Tags, r.FalsePositives = m.texts("tags"), m.texts("falsepositives")
	d.group(m, r)

	r.Timespan = m.duration("timespan", false)
	r.Suppress = r.Timespan
	if m.has("suppress") {
		r.Suppress = m.duration("suppress", true)
	}
	d.operator(m, r)
	d.without(m, r)
	d.exceptions(m, r)
	d.overrides(m, r)
	r.Respond = d.respond(m)
	r.Version, r.mentions = version(m), d.mentions
	if d.written != nil {
		d.written.rules[r] = m
		d.written.broken[r] = (*d.found)[before:].Errors() > 0
	}
	return r
}

func (d *decoder) group(m *mapping, r *Rule) {
	switch n := m.value("group_by"); {
	case n == nil && m.meant["group_by"]:
	case n == nil:
		d.failHint(m.node, "write group_by: account, or all for one group of everything", "the rule has no `group_by`")
	case n.Kind == yaml.ScalarNode && n.Value == "all":
	default:
		r.GroupBy = m.fields("group_by")
	}
}

func (d *decoder) without(m *mapping, r *Rule) {
	n := m.value("without")
	if n == nil {
		return
	}
	w := d.mapping(n, "`without`", "match", "same", "for")
	if w == nil {
		return
	}
	w.required("match", "`without`")
	if w.lacks("for") {
		d.failHint(w.node, "write for: 10m", "`without` does not say for how long")
	}
	r.Without = &Without{Match: w.condition("match"), Same: w.fields("same"), For: w.duration("for", false)}
}

func (d *decoder) exceptions(m *mapping, r *Rule) {
	for _, n := range m.items("exceptions") {
		x := d.mapping(n, "an exception", "name", "match", "until", "owner")
		if x == nil {
			continue
		}
		e := Exception{Name: x.required("name", "the exception"), Owner: x.text("owner")}
		x.required("match", "the exception")
		e.Match = x.condition("match")
		if slices.ContainsFunc(r.Exceptions, func(other Exception) bool { return other.Name == e.Name }) {
			d.fail(x.node, "exception %q is named twice", e.Name)
		}
		if u := x.value("until"); u != nil {
			day, err := time.Parse(time.DateOnly, u.Value)
			if err == nil {
				e.Until, err = holdfast.InstantOf(day.AddDate(0, 0, 1))
			}
			if err != nil {
				d.failHint(u, "write until: 2027-01-31", "`until` must be a day")
			}
			e.Ends = true
		}
		r.Exceptions = append(r.Exceptions, e)
	}
}

func (d *decoder) overrides(m *mapping, r *Rule) {
	for _, n := range m.items("overrides") {
		x := d.mapping(n, "an override", "match", "count", "timespan", "suppress", "threshold")
		if x == nil {
			continue
		}
		x.required("match", "the override")
		o := Override{Match: x.condition("match")}
		if v := x.value("count"); v != nil {
			c := d.count(v, "count")
			o.Count = &c
		}
		if x.has("timespan") {
			t := x.duration("timespan", false)
			o.Timespan = &t
		}
		if x.has("suppress") {
			t := x.duration("suppress", true)
			o.Suppress = &t
		}
		if v := x.value("threshold"); v != nil {
			t := d.positive(v, "threshold")
			o.Threshold = &t
		}
		if o.Count == nil && o.Timespan == nil && o.Suppress == nil && o.Threshold == nil {
			d.fail(x.node, "the override changes nothing")
		}
		if o.Count != nil && r.Count == 0 {
			d.fail(x.value("count"), "the rule has no `count` to override")
		}
		if o.Threshold != nil && r.Score == nil {
			d.fail(x.value("threshold"), "the rule has no `score` whose threshold could be overridden")
		}
		r.Overrides = append(r.Overrides, o)
	}
}

// prose are the keys of a rule that don't change what it detects.
var prose = []string{"title", "description", "level", "status", "tags", "falsepositives", "respond"}

// version hashes what the rule detects, as it was written: keys in their order,
// values as they read, whatever the layout and the comments.
func version(m *mapping) string {
	var text bytes.Buffer
	left := maxNodes
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if left--; left < 0 {
			return
		}
		n = resolve(n)
		fmt.Fprintf(&text, "%d %q %q %d\n", n.Kind, n.Tag, n.Value, len(n.Content))
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, key := range ruleKeys {
		if n := m.value(key); n != nil && !slices.Contains(prose, key) {
			text.WriteString(key + "\n")
			walk(n)
		}
	}
	sum := sha256.Sum256(text.Bytes())
	return hex.EncodeToString(sum[:8])
}
