package rules

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/rules/expression"
)

// operator decodes the one of match, sequence and score that the rule is built
// on, and what belongs to it.
func (d *decoder) operator(m *mapping, r *Rule) {
	var given []string
	for _, key := range []string{"match", "sequence", "score"} {
		if m.has(key) {
			given = append(given, key)
		}
	}
	if len(given) == 0 && (m.meant["match"] || m.meant["sequence"] || m.meant["score"]) {
		return
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
		if m.lacks(key) {
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
	if needed && m.lacks("timespan") && !m.has("surge") {
		d.failHint(m.node, "write timespan: 10m", "the rule counts several events and has no `timespan` to count them in")
	}
}

func (d *decoder) distinct(m *mapping) []Distinct {
	n := m.value("distinct")
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		field := "device.id"
		if _, problem := expression.FieldNamed(n.Value); problem == nil {
			field = n.Value
		}
		d.failHint(n, "write distinct: {"+field+": 3}", "`distinct` must be a mapping of fields to counts")
		return nil
	}
	if len(n.Content)/2 > maxDistinct {
		d.fail(n, "`distinct` names at most %d fields", maxDistinct)
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
	case total > 1 && m.lacks("timespan"):
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
		if s.lacks(key) {
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
		} else if line.lacks("add") {
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
		if m.lacks(key) {
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
