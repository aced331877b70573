package sigma

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// translate returns the condition of the events that a Sigma rule means; false
// if something in it was refused. A rule is translated once.
func (i *importer) translate(d *document) (expr, bool) {
	if !d.translated {
		d.translated = true
		d.match, d.ok = i.rule(d)
	}
	return d.match, d.ok
}

func (i *importer) rule(d *document) (expr, bool) {
	ok := i.supported(d)
	source, mapped := i.logsource(d)
	detection, found := i.detection(d)
	if !ok || !mapped || !found {
		return expr{}, false
	}
	if source.text == "true" {
		return detection, true
	}
	return all(source, detection), true
}

// supported refuses what stands for a whole rule.
func (i *importer) supported(d *document) bool {
	ok := i.texts(d.mapping, textKeys...)
	ok = i.lists(d.mapping, listKeys...) && ok
	if taxonomy := d.text("taxonomy"); taxonomy != "" && taxonomy != "sigma" {
		i.refuse(d.reader, d.values["taxonomy"], "taxonomy `%s` is not supported, only `sigma`", taxonomy)
		ok = false
	}
	if d.text("status") == "unsupported" {
		i.refuse(d.reader, d.values["status"], "Sigma says of this rule that it is unsupported as it stands")
		ok = false
	}
	return ok
}

// logsource is the condition that the mapping has for the rule's log source.
func (i *importer) logsource(d *document) (expr, bool) {
	n := d.values["logsource"]
	if n == nil {
		i.refuse(d.reader, d.node, "the rule has no `logsource`")
		return expr{}, false
	}
	m := i.mappingOf(d.reader, n, "`logsource`")
	if m == nil {
		return expr{}, false
	}
	var wanted logsource
	ok := i.texts(m, "category", "product", "service", "definition")
	for _, key := range m.names {
		switch key {
		case "category":
			wanted.category = m.text(key)
		case "product":
			wanted.product = m.text(key)
		case "service":
			wanted.service = m.text(key)
		case "definition": // of the log, for people
		default:
			i.refuse(d.reader, m.keys[key], "`%s` of a log source is not supported", key)
			ok = false
		}
	}
	match, known := i.mapping.source(wanted)
	if !known {
		i.refuseHint(d.reader, n, "add it to `logsources` of the mapping", "the mapping has no log source with %s", wanted)
	}
	return match, ok && known
}

func (i *importer) detection(d *document) (expr, bool) {
	n := d.values["detection"]
	if n == nil {
		i.refuse(d.reader, d.node, "the rule has no `detection`")
		return expr{}, false
	}
	m := i.mappingOf(d.reader, n, "`detection`")
	if m == nil {
		return expr{}, false
	}
	if len(m.names) > maxSelections {
		i.refuse(d.reader, n, "a detection with more than %d selections", maxSelections)
		return expr{}, false
	}
	ok := i.lists(m, "condition")
	selections := make(map[string]expr, len(m.names))
	var names []string
	for _, name := range m.names {
		switch name {
		case "condition":
		case "timeframe":
			i.refuse(d.reader, m.keys[name], "`timeframe` is obsolete and not supported: write a correlation")
			ok = false
		default:
			names = append(names, name)
			e, fine := i.selection(d.reader, m.values[name])
			selections[name], ok = e, ok && fine
		}
	}
	conditions := m.texts("condition")
	if len(conditions) == 0 || len(conditions) > maxValues {
		i.refuse(d.reader, n, "the detection has no `condition`")
		return expr{}, false
	}
	var parts []expr
	for _, text := range conditions { // of which one has to hold
		c := condition{i: i, r: d.reader, node: text, selections: names, of: func(name string) (expr, bool) { return selections[name], true }}
		e, fine := c.parse()
		parts, ok = append(parts, e), ok && fine
	}
	return anyOf(parts...), ok
}

// selection is a mapping of fields, each of which has to match, or a list of
// such mappings, of which one has to.
func (i *importer) selection(r reader, n *yaml.Node) (expr, bool) {
	if n.Kind == yaml.MappingNode {
		return i.fields(r, n)
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxValues {
		i.refuse(r, n, "a selection must be a mapping of fields to values, or a list of such mappings")
		return expr{}, false
	}
	ok := true
	var parts []expr
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			i.refuse(r, item, "a search for keywords in the whole event is not supported: name a field")
			ok = false
			continue
		}
		e, fine := i.fields(r, item)
		parts, ok = append(parts, e), ok && fine
	}
	return anyOf(parts...), ok
}

func (i *importer) fields(r reader, n *yaml.Node) (expr, bool) {
	m := i.mappingOf(r, n, "a selection")
	if m == nil {
		return expr{}, false
	}
	if len(m.names) == 0 {
		i.refuse(r, n, "the selection is empty")
		return expr{}, false
	}
	ok := true
	var parts []expr
	for _, key := range m.names {
		e, fine := i.field(r, m.keys[key], m.values[key])
		parts, ok = append(parts, e), ok && fine
	}
	return all(parts...), ok
}

// field is one field with its modifiers and its values.
func (i *importer) field(r reader, key, value *yaml.Node) (expr, bool) {
	name, rest, _ := strings.Cut(key.Value, "|")
	if name == "" {
		i.refuse(r, key, "a search for keywords in the whole event is not supported: name a field")
		return expr{}, false
	}
	mods, ok := i.modifiers(r, key, rest)
	target, known := i.mapping.field(name)
	if !known {
		i.unmapped(r, key, name)
	}
	if !ok || !known {
		return expr{}, false
	}
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		values = value.Content
	}
	if len(values) == 0 || len(values) > maxValues {
		i.refuse(r, value, "`%s` must have between 1 and %d values", key.Value, maxValues)
		return expr{}, false
	}
	tests := make([]test, 0, len(values))
	for _, v := range values {
		t, fine := i.test(r, v, target, mods)
		tests, ok = append(tests, t), ok && fine
	}
	if !ok {
		return expr{}, false
	}
	e := join(tests, mods)
	if mods.has("neq") {
		e = not(e)
	}
	return e, true
}

func (i *importer) unmapped(r reader, n *yaml.Node, name string) {
	i.refuseHint(r, n, "add it to `fields` of the mapping", "the mapping has no field `%s`", name)
}

// join puts the tests of a field's values together. Those that ask whether it is
// one of several constants are asked as one.
func join(tests []test, mods modifiers) expr {
	if mods.has("all") {
		parts := make([]expr, len(tests))
		for i, t := range tests {
			parts[i] = t.expr
		}
		return all(parts...)
	}
	var parts []expr
	var subjects []string
	constants := map[string][]string{}
	for _, t := range tests {
		if t.constant == "" {
			parts = append(parts, t.expr)
			continue
		}
		if constants[t.subject] == nil {
			subjects = append(subjects, t.subject)
		}
		if !slices.Contains(constants[t.subject], t.constant) {
			constants[t.subject] = append(constants[t.subject], t.constant)
		}
	}
	for _, subject := range subjects {
		if c := constants[subject]; len(c) == 1 {
			parts = append(parts, atom(subject+" == "+c[0]))
		} else {
			parts = append(parts, atom(subject+" in ["+strings.Join(c, ", ")+"]"))
		}
	}
	return anyOf(parts...)
}
