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

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
)

// The most of each thing that a file or a rule can hold: what is checked in
// time that grows with their product must not grow with a hostile file.
const (
	maxRules = 2000
	maxSteps = 100    // events in a row
	maxNodes = 50_000 // YAML nodes of a rule, its aliases followed
)

// file decodes the whole source.
func (d *decoder) file() []*Rule {
	dec := yaml.NewDecoder(bytes.NewReader(d.source.Content))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
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
	if !top.has("rules") {
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
	m := d.mapping(n, "a rule", ruleKeys...)
	if m == nil {
		return nil
	}
	d.mentions = make(map[string]diag.Pos)
	r := &Rule{File: d.source.Name, Pos: posOf(m.node), mentions: d.mentions}
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
	r.Version = version(m)
	return r
}

func (d *decoder) group(m *mapping, r *Rule) {
	switch n := m.value("group_by"); {
	case n == nil:
		d.failHint(m.node, "write group_by: account, or all for one group of everything", "the rule has no `group_by`")
	case n.Kind == yaml.ScalarNode && n.Value == "all":
	default:
		r.GroupBy = m.fields("group_by")
	}
}

// operator decodes the one of match, sequence and score that the rule is built
// on, and what belongs to it.
func (d *decoder) operator(m *mapping, r *Rule) {
	var given []string
	for _, key := range []string{"match", "sequence", "score"} {
		if m.has(key) {
			given = append(given, key)
		}
	}
	if len(given) == 0 {
		d.fail(m.node, "the rule has none of `match`, `sequence` and `score`: it can't see anything")
		return
	}
	for _, other := range given[1:] {
		d.fail(m.at[other], "`%s` can't stand beside `%s`: write two rules", other, given[0])
	}
	switch given[0] {
	case "match":
		d.match(m, r)
	case "sequence":
		d.sequence(m, r)
	case "score":
		d.score(m, r)
	}
	d.belongs(m, given[0])
}

// strangers are the keys that mean nothing beside an operator. A surge is a
// match of its own kind.
var strangers = map[string][]string{
	"match":    {"until"},
	"sequence": {"count", "distinct", "cancel", "surge"},
	"score":    {"count", "distinct", "cancel", "surge", "until", "without", "timespan"},
	"surge":    {"until", "count", "distinct", "cancel", "without", "timespan"},
}

// belongs reports keys that mean nothing with the rule's operator.
func (d *decoder) belongs(m *mapping, operator string) {
	if operator == "match" && m.has("surge") {
		operator = "surge"
	}
	for _, key := range strangers[operator] {
		if !m.has(key) {
			continue
		}
		hint := ""
		switch {
		case operator == "match" && key == "until":
			hint = "to take entries back, use `cancel`"
		case operator == "sequence" && key == "cancel":
			hint = "to end a sequence, use `until`"
		case operator == "sequence" && key == "count":
			hint = "a step has a `count` of its own"
		}
		d.failHint(m.at[key], hint, "`%s` can't stand beside `%s`", key, operator)
	}
}

func (d *decoder) match(m *mapping, r *Rule) {
	r.Match = m.condition("match")
	if m.has("count") {
		r.Count = d.count(m.value("count"), "count")
	}
	r.Distinct = d.distinct(m)
	if n := m.value("surge"); n != nil {
		r.Surge = d.surge(n)
	} else if !m.has("count") && !m.has("distinct") {
		r.Count = 1
	}
	if n := m.value("cancel"); n != nil {
		if c := d.mapping(n, "`cancel`", "match", "same"); c != nil {
			c.required("match", "`cancel`")
			r.Cancel = &Cancel{Match: c.condition("match"), Same: c.fields("same")}
		}
	}
	needed := r.Count > 1 || slices.ContainsFunc(r.Distinct, func(x Distinct) bool { return x.Count > 1 })
	if needed && !m.has("timespan") && !m.has("surge") {
		d.failHint(m.node, "write timespan: 10m", "the rule counts several events and has no `timespan` to count them in")
	}
}

func (d *decoder) distinct(m *mapping) []Distinct {
	n := m.value("distinct")
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.failHint(n, "write distinct: {device.id: 3}", "`distinct` must be a mapping of fields to counts")
		return nil
	}
	var all []Distinct
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		f, ok := d.fieldOf(key)
		if !ok {
			continue
		}
		if slices.ContainsFunc(all, func(x Distinct) bool { return x.Field.Name == f.Name }) {
			d.fail(key, "field `%s` is named twice", f.Name)
		}
		all = append(all, Distinct{f, d.count(n.Content[i+1], f.Name)})
	}
	return all
}

func (d *decoder) sequence(m *mapping, r *Rule) {
	total := 0
	for _, n := range m.items("sequence") {
		step := d.mapping(n, "a step", "match", "count")
		if step == nil {
			continue
		}
		step.required("match", "the step")
		s := Step{Match: step.condition("match"), Count: 1}
		if step.has("count") {
			s.Count = d.count(step.value("count"), "count")
		}
		total += s.Count
		r.Sequence = append(r.Sequence, s)
	}
	r.Until = m.condition("until")
	switch n := m.value("sequence"); {
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		d.fail(n, "`sequence` is an empty list")
	case total > maxSteps:
		d.fail(n, "a sequence is at most %d events long", maxSteps)
	case total > 1 && !m.has("timespan"):
		d.failHint(m.node, "write timespan: 30m", "the sequence has no `timespan` to happen in")
	}
}

func (d *decoder) score(m *mapping, r *Rule) {
	s := d.mapping(m.value("score"), "`score`", "threshold", "half_life", "points")
	if s == nil {
		return
	}
	r.Score = &Score{HalfLife: s.duration("half_life", false)}
	for _, key := range []string{"threshold", "half_life", "points"} {
		if !s.has(key) {
			d.fail(s.node, "`score` has no `%s`", key)
		}
	}
	if n := s.value("threshold"); n != nil {
		r.Score.Threshold = d.positive(n, "threshold")
	}
	for _, n := range s.items("points") {
		line := d.mapping(n, "a line of points", "match", "add")
		if line == nil {
			continue
		}
		line.required("match", "the line")
		p := Points{Match: line.condition("match")}
		if add := line.value("add"); add != nil {
			p.Add = d.positive(add, "add")
		} else {
			d.fail(line.node, "the line has no `add`")
		}
		r.Score.Points = append(r.Score.Points, p)
	}
}

func (d *decoder) surge(n *yaml.Node) *Surge {
	m := d.mapping(n, "`surge`", "bucket", "min", "sigmas", "warmup", "half_life")
	if m == nil {
		return nil
	}
	for _, key := range []string{"bucket", "min", "sigmas", "warmup", "half_life"} {
		if !m.has(key) {
			d.fail(m.node, "`surge` has no `%s`", key)
		}
	}
	s := &Surge{Bucket: m.duration("bucket", false), HalfLife: m.duration("half_life", false)}
	if v := m.value("min"); v != nil {
		s.Min = d.count(v, "min")
	}
	if v := m.value("sigmas"); v != nil {
		s.Sigmas = d.positive(v, "sigmas")
	}
	if v := m.value("warmup"); v != nil {
		s.Warmup = d.count(v, "warmup")
	}
	return s
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
	if !w.has("for") {
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
