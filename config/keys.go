package config

import (
	"cmp"
	"slices"

	"gopkg.in/yaml.v3"
)

// Settings lists the full names of all settings that a file can hold, such as
// "kafka.sasl.password_file", and of the sections they stand in, sorted. It
// asks the reader itself: what [Load] would call unknown is not among them.
// The names of lists, which are the user's own, are left out.
func Settings() []string {
	document := mappingNode()
	for {
		f := &file{env: func(string) (string, bool) { return "", false }}
		c, s := defaults(), f.root(document)
		c.read(s)
		// A section shows what it knows once it is there: those that were asked
		// for and are not there yet are put in, until there are no more.
		if !addSections(s, document) {
			return slices.Sorted(slices.Values(names(s)))
		}
	}
}

// addSections gives the document an empty mapping for every name that a section
// was asked for and doesn't have, and reports whether there was one. A setting
// that is no section takes no harm: what is wrong with its value is not asked.
func addSections(s *section, document *yaml.Node) (added bool) {
	for _, name := range s.known {
		if _, ok := s.entries[name]; !ok {
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}
			document.Content = append(document.Content, key, mappingNode())
			added = true
		}
	}
	for _, sub := range s.open {
		for i := 0; i+1 < len(document.Content); i += 2 {
			if sub.key == s.name(document.Content[i].Value) && addSections(sub, document.Content[i+1]) {
				added = true
			}
		}
	}
	return added
}

// names are the full names of what a section and those below it know.
func names(s *section) []string {
	var all []string
	for _, name := range s.known {
		all = append(all, s.name(name))
	}
	for _, sub := range s.open {
		all = append(all, names(sub)...)
	}
	return all
}

func mappingNode() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

// VariableOf returns the environment variable that overrides a setting, or that
// stands for the file that a setting such as "web.token_file" names. It is ""
// where there is none.
func VariableOf(setting string) string {
	const file = "_file"
	if n := len(setting) - len(file); n > 0 && setting[n:] == file {
		return cmp.Or(variable(setting), variable(setting[:n]))
	}
	return variable(setting)
}
