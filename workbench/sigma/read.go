package sigma

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// read takes in a file's documents.
func (i *importer) read(src rules.Source) {
	r := reader{src.Name}
	if len(src.Content) > MaxFileSize {
		i.refuseAt(r, diag.Pos{}, "", "the file is larger than %d MiB", MaxFileSize>>20)
		return
	}
	documents := yaml.NewDecoder(bytes.NewReader(src.Content))
	before := len(i.documents)
	for {
		var n yaml.Node
		err := documents.Decode(&n)
		switch {
		case errors.Is(err, io.EOF):
			if len(i.documents) == before {
				i.refuseAt(r, diag.Pos{}, "", "the file holds no Sigma rule")
			}
			return
		case err != nil:
			pos, message := yamlError(err)
			i.refuseAt(r, pos, "", "not valid YAML: %s", message)
			return
		case len(i.documents) == maxDocuments:
			i.refuse(r, &n, "more than %d Sigma rules at once", maxDocuments)
			return
		case n.Kind == yaml.DocumentNode && !blank(n.Content[0]):
			i.document(r, n.Content[0])
		}
	}
}

// document takes in a rule or a correlation, under its name and its id.
func (i *importer) document(r reader, n *yaml.Node) {
	if alias := findAlias(n); alias != nil {
		i.refuseHint(r, alias, "write it out", "YAML anchors and aliases are not supported")
		return
	}
	m := i.mappingOf(r, n, "a Sigma rule")
	if m == nil {
		return
	}
	d := &document{mapping: m}
	i.documents = append(i.documents, d)
	if m.has("action") || m.has("filter") {
		i.refuse(r, n, "global actions and Sigma filters are not supported")
		d.used = true // and said so
	}
	for _, key := range []string{"name", "id"} {
		ref := m.text(key)
		if ref == "" {
			continue
		}
		if first := i.byRef[ref]; first != nil {
			i.refuse(r, m.keys[key], "%s %q is taken, in %s:%d", key, ref, first.reader.name, first.node.Line)
			continue
		}
		i.byRef[ref] = d
	}
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

func yamlError(err error) (diag.Pos, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1])
		return diag.Pos{Line: line, Column: 1}, message[len(m[0]):]
	}
	return diag.Pos{}, message
}

func blank(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// findAlias returns a node that refers to another, or is referred to.
func findAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if a := findAlias(c); a != nil {
			return a
		}
	}
	return nil
}

// mapping is a YAML mapping with plain keys, each given once.
type mapping struct {
	reader reader
	node   *yaml.Node
	names  []string // in their order
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
}

func (i *importer) mappingOf(r reader, n *yaml.Node, what string) *mapping {
	if n.Kind != yaml.MappingNode {
		i.refuse(r, n, "%s must be a mapping of keys to values", what)
		return nil
	}
	m := &mapping{reader: r, node: n, keys: map[string]*yaml.Node{}, values: map[string]*yaml.Node{}}
	for at := 0; at+1 < len(n.Content); at += 2 {
		key := n.Content[at]
		switch {
		case key.Kind != yaml.ScalarNode:
			i.refuse(r, key, "a key of %s must be a text", what)
			return nil
		case m.keys[key.Value] != nil:
			i.refuse(r, key, "`%s` is given twice", key.Value)
			return nil
		}
		m.names = append(m.names, key.Value)
		m.keys[key.Value], m.values[key.Value] = key, n.Content[at+1]
	}
	return m
}

func (m *mapping) has(key string) bool { return m.values[key] != nil }

// text returns a key's scalar as it is written, "" where there is none.
func (m *mapping) text(key string) string {
	if n := m.values[key]; n != nil && n.Kind == yaml.ScalarNode && !blank(n) {
		return n.Value
	}
	return ""
}

// texts returns the scalars of a list, or the one that stands for a list.
func (m *mapping) texts(key string) []*yaml.Node {
	return scalars(m.values[key])
}

func scalars(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil || blank(n):
		return nil
	case n.Kind == yaml.ScalarNode:
		return []*yaml.Node{n}
	case n.Kind == yaml.SequenceNode:
		var all []*yaml.Node
		for _, c := range n.Content {
			if c.Kind == yaml.ScalarNode {
				all = append(all, c)
			}
		}
		return all
	}
	return nil
}

// within is the place of a byte of a scalar's text, where the text is written on
// one line as it reads; else the scalar's own.
func within(n *yaml.Node, offset int) diag.Pos {
	pos := diag.Pos{Line: n.Line, Column: n.Column}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.ContainsAny(n.Value, "\n'\"\\") || offset > len(n.Value) {
		return pos
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		pos.Column++
	}
	pos.Column += len([]rune(n.Value[:offset]))
	return pos
}
