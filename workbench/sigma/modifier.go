package sigma

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// modifiers are what follows a field's name, such as contains and all.
type modifiers struct {
	names []string
	kind  string // contains, startswith, endswith, re, cidr, exists, lt, lte, gt, gte; "" for equality
}

func (m modifiers) has(name string) bool { return slices.Contains(m.names, name) }

// kinds are the modifiers of which a field has one at most, and flags those that
// stand beside it, with the kinds they go with.
var (
	kinds = []string{"contains", "startswith", "endswith", "re", "cidr", "exists", "lt", "lte", "gt", "gte"}
	flags = map[string][]string{
		"all":   {"", "contains", "startswith", "endswith", "re", "cidr"},
		"cased": {"", "contains", "startswith", "endswith"},
		"neq":   {"", "contains", "startswith", "endswith", "re", "cidr"},
		"i":     {"re"}, "m": {"re"}, "s": {"re"},
	}
)

// elsewhere are the modifiers that Sigma has and this importer refuses.
var elsewhere = []string{
	"windash", "base64", "base64offset", "utf16", "utf16le", "utf16be", "wide", "expand", "fieldref",
	"minute", "hour", "day", "week", "month", "year",
}

func (i *importer) modifiers(r reader, key *yaml.Node, text string) (modifiers, bool) {
	var m modifiers
	if text == "" && !strings.Contains(key.Value, "|") {
		return m, true
	}
	ok := true
	refuse := func(hint, format string, args ...any) {
		i.refuseHint(r, key, hint, format, args...)
		ok = false
	}
	for name := range strings.SplitSeq(text, "|") {
		switch {
		case slices.Contains(m.names, name):
			refuse("", "modifier `%s` is given twice", name)
		case slices.Contains(kinds, name) && m.kind != "":
			refuse("", "modifiers `%s` and `%s` can't stand together", m.kind, name)
		case slices.Contains(kinds, name):
			m.kind = name
		case slices.Contains(elsewhere, name):
			refuse("", "modifier `%s` is not supported", name)
		case flags[name] == nil:
			refuse(diag.Suggest(name, kinds), "unknown modifier `%s`", name)
		}
		m.names = append(m.names, name)
	}
	for _, name := range m.names {
		if allowed := flags[name]; ok && allowed != nil && !slices.Contains(allowed, m.kind) {
			refuse("", "modifier `%s` can't stand beside `%s`", name, m.kind)
		}
	}
	if ok && m.has("all") && m.has("neq") {
		refuse("", "modifiers `all` and `neq` can't stand together")
	}
	return m, ok
}
