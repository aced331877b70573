package ruletest

import (
	"fmt"
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// Check holds what the tests say of rules against the rules: that there are such
// rules, that they are evaluated, and that they are grouped by what an expected
// group names.
func (f *File) Check(set *rules.Set) diag.List {
	c := checker{file: f, set: set, ids: make([]string, len(set.Rules))}
	for i, r := range set.Rules {
		c.ids[i] = r.ID
	}
	for _, t := range f.Tests {
		for _, x := range t.Expect {
			if r := c.rule(x.Mention); r != nil {
				c.group(r, x.Group)
			}
		}
		for _, not := range t.Not {
			c.rule(not)
		}
	}
	c.found.Sort()
	return slices.Compact(c.found)
}

type checker struct {
	file  *File
	set   *rules.Set
	ids   []string
	found diag.List
}

func (c *checker) add(pos diag.Pos, hint, format string, args ...any) {
	c.found = append(c.found, diag.Diagnostic{File: c.file.Name, Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) rule(m Mention) *rules.Rule {
	if m.Rule == "" {
		return nil // which has been said
	}
	i := slices.Index(c.ids, m.Rule)
	if i < 0 {
		c.add(m.Pos, diag.Suggest(m.Rule, c.ids), "there is no rule `%s`", shown(m.Rule))
		return nil
	}
	if c.set.Rules[i].Status == holdfast.Deprecated {
		c.add(m.Pos, "", "rule `%s` is deprecated, and so never fires", m.Rule)
	}
	return c.set.Rules[i]
}

func (c *checker) group(r *rules.Rule, group []GroupValue) {
	fields := make([]string, len(r.GroupBy))
	for i, f := range r.GroupBy {
		fields[i] = f.Name
	}
	for _, g := range group {
		switch {
		case slices.Contains(fields, g.Field):
		case len(fields) == 0:
			c.add(g.Pos, "", "rule `%s` has one group of everything", r.ID)
		default:
			c.add(g.Pos, diag.Suggest(g.Field, fields), "rule `%s` is not grouped by `%s`", r.ID, shown(g.Field))
		}
	}
}
