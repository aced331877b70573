package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// section is one mapping of the file while it is being read. Asking it for a
// setting makes the setting known; whatever is left when it is closed is not.
//
// Nothing here recurses into the document, so aliases cost no more than what
// they stand in for, whatever they point at.
type section struct {
	file    *file
	key     string // "kafka.sasl"; "" for the whole document
	pos     diag.Pos
	entries map[string]entry
	open    []*section // those asked for, to be closed with this one
	known   []string
	given   []string // known settings that have a value, good or bad
	broken  bool     // the file has something else in its place
	secrets []string // settings that come from a file or the environment alone
}

type entry struct{ name, value *yaml.Node }

func (f *file) root(document *yaml.Node) *section {
	s := &section{file: f, entries: map[string]entry{}}
	if document != nil && document.ShortTag() != "!!null" {
		s.fill(document)
	}
	return s
}

// always returns a section that there is even where the file has none, empty
// then.
func (s *section) always(name string) *section {
	if sub := s.optional(name); sub != nil {
		return sub
	}
	sub := &section{file: s.file, key: s.name(name), pos: s.pos, broken: s.broken}
	s.open = append(s.open, sub)
	return sub
}

// optional returns a section, or nil where the file has none or leaves it blank.
func (s *section) optional(name string) *section {
	e, ok := s.entry(name)
	if !ok {
		return nil
	}
	sub := &section{file: s.file, key: s.name(name), pos: place(e.name), entries: map[string]entry{}}
	if target(e.value).ShortTag() == "!!null" {
		return nil
	}
	s.give(name)
	sub.fill(e.value)
	s.open = append(s.open, sub)
	return sub
}

// fill takes in a mapping's entries.
func (s *section) fill(n *yaml.Node) {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		s.errorf(place(n), "%s must be a mapping of settings, not %s", s.title(), describe(n))
		s.broken = true
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		s.add(entry{n.Content[i], n.Content[i+1]})
	}
}

func (s *section) add(e entry) {
	switch name := e.name; {
	case name.ShortTag() == "!!merge":
		s.errorf(place(name), "merge keys (<<) are not supported; write the settings out")
	case name.Kind != yaml.ScalarNode:
		s.errorf(place(name), "the name of a setting must be text, not %s", describe(name))
	default:
		if earlier, ok := s.entries[name.Value]; ok {
			s.errorf(place(name), "%s is set twice, first in line %d", s.shown(name.Value), earlier.name.Line)
			return
		}
		s.entries[name.Value] = e
	}
}

// close reports the settings nobody asked for, here and in the sections below.
func (s *section) close() {
	for name, e := range s.entries {
		if !slices.Contains(s.known, name) {
			s.unknown(e.name)
		}
	}
	for _, sub := range s.open {
		sub.close()
	}
}

var secretName = regexp.MustCompile(`(?i)pass|secret|token|key|credential|auth`)

func (s *section) unknown(n *yaml.Node) {
	d := diag.Diagnostic{
		File:    s.file.path,
		Pos:     place(n),
		Message: "unknown setting " + s.shown(n.Value),
		Hint:    diag.Suggest(n.Value, s.known),
	}
	if slices.Contains(s.secrets, n.Value) {
		d.Message = fmt.Sprintf("`%s` is a secret and must not be written here", s.name(n.Value))
		d.Hint = fmt.Sprintf("set %s, or name a file that holds it in `%s_file`", variable(s.name(n.Value)), n.Value)
	}
	// It may be a secret in the wrong place or under a misspelled name.
	if len(s.secrets) > 0 || secretName.MatchString(n.Value) {
		s.file.revealing = true
	}
	s.file.found = append(s.file.found, d)
}

// entry returns the file's own entry for a setting.
func (s *section) entry(name string) (entry, bool) {
	if !slices.Contains(s.known, name) {
		s.known = append(s.known, name)
	}
	e, ok := s.entries[name]
	return e, ok
}

func (s *section) give(name string) {
	if !slices.Contains(s.given, name) {
		s.given = append(s.given, name)
	}
}

// has reports whether a known setting was given a value, good or bad.
func (s *section) has(name string) bool { return slices.Contains(s.given, name) }

// require reports a setting that has no value. The reason completes the
// sentence; it may be empty.
func (s *section) require(name, reason string) {
	if s.has(name) || s.broken {
		return
	}
	hint := reason
	if v := variable(s.name(strings.TrimSuffix(name, "_file"))); v != "" {
		hint = strings.TrimPrefix(hint+"; set it here or as "+v, "; ")
	}
	s.file.found = append(s.file.found, diag.Diagnostic{
		File: s.file.path, Pos: s.pos, Message: fmt.Sprintf("`%s` is required", s.name(name)), Hint: hint,
	})
}

// exclude reports settings that the file must not have, and why.
func (s *section) exclude(reason string, names ...string) {
	for _, name := range names {
		if e, ok := s.entry(name); ok {
			s.errorf(place(e.name), "`%s` %s", s.name(name), reason)
		}
	}
}

func (s *section) errorf(pos diag.Pos, format string, args ...any) {
	s.file.found.Add(s.file.path, pos, format, args...)
}

// name is the full name of a setting.
func (s *section) name(name string) string {
	if s.key == "" {
		return name
	}
	return s.key + "." + name
}

// plainName matches what may be printed of a name that the file has made up.
var plainName = regexp.MustCompile(`^[\w.-]{1,64}$`)

// shown is the full name of what may be no setting at all.
func (s *section) shown(name string) string {
	if !plainName.MatchString(name) {
		name = "…"
	}
	return "`" + s.name(name) + "`"
}

func (s *section) title() string {
	if s.key == "" {
		return "the configuration"
	}
	return "`" + s.key + "`"
}

// target is the node that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// describe names what a value is, never what it says.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int":
		return "a number"
	case "!!float":
		return "a fraction"
	case "!!timestamp":
		return "a date"
	case "!!str":
		return "text"
	}
	return "of a type of its own"
}
