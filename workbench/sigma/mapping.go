package sigma

import (
	_ "embed"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

//go:embed mapping.yaml
var defaultMapping string

// DefaultMapping returns the mapping that is used where no other is given, as
// the file that a user's own would start from.
func DefaultMapping() rules.Source {
	return rules.Source{Name: "the built-in mapping", Content: []byte(defaultMapping)}
}

// Mapping says what Sigma's fields and log sources are among the events.
type Mapping struct {
	fields  map[string]field
	sources []mappedSource
}

// field is what a Sigma field stands for: a field of ours, or one whose values
// each stand for a condition.
type field struct {
	name   string
	typ    expression.Type
	values map[string]expr // by value in lower case; nil for a field of ours
}

// empty is the constant that an absent field reads as; "" for one that is never
// known to be absent.
func (f field) empty() string {
	switch {
	case f.values != nil:
		return ""
	case f.typ == expression.Text:
		return `""`
	case f.typ == expression.Int || f.typ == expression.Float:
		return "0"
	}
	return ""
}

type logsource struct{ category, product, service string }

// String names the attributes that are given.
func (l logsource) String() string {
	var parts []string
	for _, p := range [][2]string{{"category", l.category}, {"product", l.product}, {"service", l.service}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" `"+p[1]+"`")
		}
	}
	if len(parts) == 0 {
		return "nothing given"
	}
	return strings.Join(parts, ", ")
}

type mappedSource struct {
	logsource
	match expr
}

// source returns the condition of the entry that is exactly the log source.
func (m *Mapping) source(l logsource) (expr, bool) {
	i := slices.IndexFunc(m.sources, func(s mappedSource) bool { return s.logsource == l })
	if i < 0 {
		return expr{}, false
	}
	return m.sources[i].match, true
}

// field finds what a Sigma field stands for. One that the mapping does not name
// and that events have by the same name stands for itself.
func (m *Mapping) field(name string) (field, bool) {
	if f, ok := m.fields[name]; ok {
		return f, true
	}
	return ours(name)
}

func ours(name string) (field, bool) {
	f, problem := expression.FieldNamed(name)
	if problem != nil || !plainField.MatchString(name) {
		return field{}, false
	}
	return field{name: f.Name, typ: f.Type}, true
}

// plainField matches a name that can be written in a condition as it is, as an
// attribute's need not be.
var plainField = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// ReadMapping reads a mapping. The error is a [diag.List] of everything that is
// wrong with it.
func ReadMapping(src rules.Source) (*Mapping, error) {
	i := importer{refused: map[diag.Diagnostic]bool{}}
	m := &Mapping{fields: map[string]field{}}
	r := reader{src.Name}
	top, ok := i.mappingFile(r, src)
	if ok {
		i.known(top, "a mapping", "fields", "logsources")
		i.readFields(r, m, top.values["fields"])
		i.readSources(r, m, top.values["logsources"])
	}
	i.found.Sort()
	if err := i.found.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (i *importer) mappingFile(r reader, src rules.Source) (*mapping, bool) {
	if len(src.Content) > MaxFileSize {
		i.refuseAt(r, diag.Pos{}, "", "the file is larger than %d MiB", MaxFileSize>>20)
		return nil, false
	}
	var n yaml.Node
	err := yaml.NewDecoder(strings.NewReader(string(src.Content))).Decode(&n)
	switch {
	case errors.Is(err, io.EOF):
		i.refuseAt(r, diag.Pos{}, "", "the mapping is empty")
		return nil, false
	case err != nil:
		pos, message := yamlError(err)
		i.refuseAt(r, pos, "", "not valid YAML: %s", message)
		return nil, false
	}
	if alias := findAlias(&n); alias != nil {
		i.refuseHint(r, alias, "write it out", "YAML anchors and aliases are not supported")
		return nil, false
	}
	top := i.mappingOf(r, n.Content[0], "a mapping")
	return top, top != nil
}

// known refuses the keys that a mapping does not have.
func (i *importer) known(m *mapping, what string, keys ...string) {
	for _, name := range m.names {
		if !slices.Contains(keys, name) {
			i.refuseHint(m.reader, m.keys[name], diag.Suggest(name, keys), "unknown field `%s` in %s", name, what)
		}
	}
}

func (i *importer) readFields(r reader, m *Mapping, n *yaml.Node) {
	if n == nil {
		return
	}
	names := i.mappingOf(r, n, "`fields`")
	if names == nil {
		return
	}
	for _, name := range names.names {
		target := names.values[name]
		if target.Kind == yaml.ScalarNode {
			f, ok := ours(target.Value)
			if !ok {
				_, problem := expression.FieldNamed(target.Value)
				hint := ""
				if problem != nil {
					hint = problem.Hint
				}
				i.refuseHint(r, target, hint, "there is no field `%s`", target.Value)
			}
			m.fields[name] = f
			continue
		}
		f := field{name: name, values: map[string]expr{}}
		if x := i.mappingOf(r, target, "a field's target"); x != nil {
			i.known(x, "a field's target", "values")
			if values := x.values["values"]; values != nil {
				i.readValues(r, &f, values)
			}
		}
		m.fields[name] = f
	}
}

func (i *importer) readValues(r reader, f *field, n *yaml.Node) {
	values := i.mappingOf(r, n, "`values`")
	if values == nil {
		return
	}
	for _, v := range values.names {
		value := strings.ToLower(v)
		if _, taken := f.values[value]; taken {
			i.refuse(r, values.keys[v], "value `%s` is given twice: the case of a value makes no difference", v)
		}
		f.values[value] = i.condition(r, values.values[v])
	}
}

func (i *importer) readSources(r reader, m *Mapping, n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		i.refuse(r, n, "`logsources` must be a list")
		return
	}
	for _, item := range n.Content {
		x := i.mappingOf(r, item, "a log source")
		if x == nil {
			continue
		}
		i.known(x, "a log source", "category", "product", "service", "match")
		if !x.has("match") {
			i.refuseHint(r, item, "write match: type == \"…\"", "the log source has no `match`")
			continue
		}
		i.texts(x, "category", "product", "service")
		source := logsource{x.text("category"), x.text("product"), x.text("service")}
		if _, taken := m.source(source); taken {
			i.refuse(r, item, "the log source with %s is given twice", source)
		}
		m.sources = append(m.sources, mappedSource{source, i.condition(r, x.values["match"])})
	}
}
