package rules

import (
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// checkSet finds what is wrong between rules: ids given twice, and alerts that
// rules build on (DESIGN 3.6).
func checkSet(all []*Rule, found *diag.List) {
	byID := make(map[string]*Rule, len(all))
	for _, r := range all {
		if first := byID[r.ID]; first != nil && r.ID != "" {
			found.Add(r.File, r.Pos, "rule id `%s` is taken: %s:%d has it", r.ID, first.File, first.Pos.Line)
			continue
		}
		byID[r.ID] = r
	}
	c := setCheck{all: all, byID: byID, found: found}
	for _, r := range all {
		c.sources(r)
	}
	c.cycles()
}

type setCheck struct {
	all   []*Rule
	byID  map[string]*Rule
	found *diag.List
}

// find reports a finding of r about another rule, at the place where r names it.
func (c *setCheck) find(severity diag.Severity, r *Rule, other, message, hint string) {
	pos, ok := r.mentions[other]
	if !ok {
		pos = r.Pos
	}
	*c.found = append(*c.found, diag.Diagnostic{File: r.File, Pos: pos, Severity: severity, Code: codeAlerts, Message: message, Hint: hint})
}

// sources checks the rules whose alerts r builds on.
func (c *setCheck) sources(r *Rule) {
	ids := make([]string, len(c.all))
	for i, other := range c.all {
		ids[i] = other.ID
	}
	for _, p := range r.Conditions() {
		if p == nil {
			continue
		}
		for _, m := range p.AlertRules {
			switch {
			case !p.SeesAlerts: // which lint reports
			case m.Name == r.ID:
				c.find(diag.Error, r, m.Name, "rule `"+r.ID+"` builds on its own alerts", "")
			case c.byID[m.Name] == nil:
				c.find(diag.Error, r, m.Name, "there is no rule `"+m.Name+"` to build on", diag.Suggest(m.Name, ids))
			}
		}
	}
	for _, source := range builtOn(c.all, r) {
		c.source(r, source)
	}
}

func (c *setCheck) source(r, source *Rule) {
	if !source.ByAccount() && (r.ByAccount() || !sameGroup(r, source)) {
		message := "a rule grouped by account can't build on `" + source.ID + "`, which is not"
		if !r.ByAccount() {
			message = "a rule builds on rules grouped by account or by its own group_by, and `" + source.ID + "` is neither"
		}
		hint := ""
		if _, named := r.mentions[source.ID]; !named {
			hint = `name the rules it builds on by rule in ["…"]`
		}
		c.find(diag.Error, r, source.ID, message, hint)
	}
	if r.Status == holdfast.Stable && source.Status == holdfast.Test {
		c.find(diag.Warning, r, source.ID, "a live rule does not see the alerts of `"+source.ID+"`, which is in test", "")
	}
	if source.Status == holdfast.Deprecated {
		c.find(diag.Warning, r, source.ID, "`"+source.ID+"` is deprecated and never fires", "")
	}
	if reach := source.Timespan + source.Suppress; r.Timespan > 0 && r.Timespan < reach {
		c.find(diag.Warning, r, source.ID, "the rule's timespan of "+expression.FormatDuration(r.Timespan)+" is less than the timespan and suppress of `"+
			source.ID+"` together: an attack that goes on falls out of its sight", "write timespan: "+expression.FormatDuration(reach)+" or more")
	}
}

// builtOn returns those of all rules whose alerts some condition of r asks for.
func builtOn(all []*Rule, r *Rule) []*Rule {
	var on []*Rule
	conditions := r.Conditions()
	for _, other := range all {
		if other != r && slices.ContainsFunc(conditions, func(p *expression.Program) bool { return p != nil && Sees(r, p, other.ID) }) {
			on = append(on, other)
		}
	}
	return on
}

// Sees reports whether a condition of r is shown the alerts of the rule named
// id: those it names, or all others where it names none.
func Sees(r *Rule, p *expression.Program, id string) bool {
	if !p.SeesAlerts || id == r.ID {
		return false
	}
	return len(p.AlertRules) == 0 || slices.ContainsFunc(p.AlertRules, func(m expression.Mention) bool { return m.Name == id })
}

func sameGroup(a, b *Rule) bool {
	return slices.EqualFunc(a.GroupBy, b.GroupBy, func(f, g expression.Field) bool { return f.Name == g.Name })
}

// cycles reports each circle of rules that build on each other once.
func (c *setCheck) cycles() {
	const unseen, open, done = 0, 1, 2
	state := make(map[*Rule]int, len(c.all))
	var path []*Rule
	var visit func(r *Rule)
	visit = func(r *Rule) {
		state[r] = open
		path = append(path, r)
		for _, source := range builtOn(c.all, r) {
			switch state[source] {
			case unseen:
				visit(source)
			case open:
				circle := append(slices.Clone(path[slices.Index(path, source):]), source)
				links := make([]string, len(circle))
				for i, link := range circle {
					links[i] = "`" + link.ID + "`"
				}
				message := "rules build on each other in a circle: " + links[0] + " builds on " + strings.Join(links[1:], ", which builds on ")
				c.find(diag.Error, r, source.ID, message, "leave out one of these")
			}
		}
		path = path[:len(path)-1]
		state[r] = done
	}
	for _, r := range c.all {
		if state[r] == unseen {
			visit(r)
		}
	}
}
