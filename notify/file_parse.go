package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// parseContacts reads a file of contacts, or returns all that is wrong with it.
func parseContacts(file string, source []byte) (map[string]Contact, error) {
	p := contactsParser{file: file, contacts: make(map[string]Contact)}
	if root := p.document(source); root != nil {
		p.root(root)
	}
	p.found.Sort()
	return p.contacts, p.found.Err()
}

type contactsParser struct {
	file     string
	contacts map[string]Contact
	found    diag.List
}

// errorf notes a finding. Every line of the file may hold a number, so none is
// ever shown.
func (p *contactsParser) errorf(n *yaml.Node, format string, args ...any) {
	p.found = append(p.found, diag.Diagnostic{
		File:    p.file,
		Pos:     diag.Pos{Line: n.Line, Column: n.Column},
		Message: fmt.Sprintf(format, args...),
		Secret:  true,
	})
}

var yamlLine = regexp.MustCompile(`line (\d+):`)

// document is the content of the one document in source.
func (p *contactsParser) document(source []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil // an empty file is an empty directory
	}
	if err == nil {
		switch err = decoder.Decode(&second); {
		case errors.Is(err, io.EOF):
			return content(&doc)
		case err == nil:
			p.errorf(&second, "a file of contacts is one document")
			return nil
		}
	}
	place := yaml.Node{Line: 1, Column: 1}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		place.Line, _ = strconv.Atoi(m[1])
	}
	p.errorf(&place, "not valid YAML") // the library's message may quote the line
	return nil
}

// content is what a document holds, nil if that is nothing but comments.
func content(doc *yaml.Node) *yaml.Node {
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

func (p *contactsParser) root(root *yaml.Node) {
	if root.Tag == "!!null" {
		return
	}
	p.fields(root, []string{"contacts"}, func(_ string, list *yaml.Node) {
		if list.Kind != yaml.SequenceNode {
			p.errorf(list, "contacts is a list")
			return
		}
		for _, item := range list.Content {
			p.contact(item)
		}
	})
}

func (p *contactsParser) contact(item *yaml.Node) {
	var c Contact
	seen := p.fields(item, contactFields, func(field string, value *yaml.Node) {
		if value.Kind != yaml.ScalarNode || value.Value == "" {
			p.errorf(value, "%s is a text", field)
		} else if err := c.set(field, value.Value); err != nil {
			p.errorf(value, "%s: %v", field, err)
		}
	})
	switch _, twice := p.contacts[c.Account]; {
	case seen != nil && !seen["account"]:
		p.errorf(item, "a contact needs an account")
	case twice:
		p.errorf(item, "this account has a contact already")
	case c.Account != "":
		p.contacts[c.Account] = c
	}
}

// fields calls read for each key of a mapping, which must be known and written
// once. It returns the keys, nil if n is no mapping.
func (p *contactsParser) fields(n *yaml.Node, known []string, read func(field string, value *yaml.Node)) map[string]bool {
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "this is to be a mapping with the key %s", known[0])
		return nil
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(known, key.Value):
			p.errorf(key, "unknown key")
			p.found[len(p.found)-1].Hint = diag.Suggest(key.Value, known)
		case seen[key.Value]:
			p.errorf(key, "%s is written twice", key.Value)
		default:
			seen[key.Value] = true
			read(key.Value, value)
		}
	}
	return seen
}
