package rules

import (
	"fmt"
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// What is said, and looked at, of a set of rules, so that a hostile one takes
// neither long nor much memory. What people write stays far below.
const (
	maxAlike   = 3         // findings of one kind about a rule, before the others are only counted
	maxSources = 1_000_000 // pairs of a rule that builds on all others and one of these
	maxGuesses = 100_000   // names compared with one that is unknown
)

// checkSet finds what is wrong between rules: ids given twice, and alerts that
// rules build on (DESIGN 3.6).
func checkSet(all []*Rule, found *diag.List) {
	c := setCheck{index: make(map[string]int, len(all)), found: found, pairs: maxSources, guesses: maxGuesses}
	for _, r := range all {
		if r.ID == "" {
			continue // which has been reported
		}
		if at, taken := c.index[r.ID]; taken {
			first := c.known[at]
			found.Add(r.File, r.Pos, "rule id `%s` is taken: %s:%d has it", shown(r.ID), first.File, first.Pos.Line)
			continue
		}
		c.index[r.ID] = len(c.known)
		c.known, c.ids = append(c.known, r), append(c.ids, r.ID)
	}
	c.sources = make([]sources, len(c.known))
	for _, r := range all {
		s := c.read(r)
		if at, ok := c.index[r.ID]; ok && c.known[at] == r {
			c.sources[at] = s
		}
	}
	c.circles()
	for _, r := range all {
		r.mentions = nil // which keep hold of the file as it was read
	}
}

// setCheck is one check of a set.
type setCheck struct {
	known   []*Rule        // those with an id, the first of each
	ids     []string       // theirs
	index   map[string]int // of a rule in known, by its id
	sources []sources      // of each
	found   *diag.List

	pairs, guesses int // that are left to look at
}

// sources are the rules whose alerts a rule builds on.
type sources struct {
	named  []int // in the set's known rules, each once
	others bool  // all but itself; named is empty then
}

// kind is a kind of finding about what a rule builds on.
type kind int

const (
	unknownSource kind = iota
	otherGroup
	inTest
	deprecated
	looksBackTooShort
	kinds
)

// more counts the findings of a kind that are not told one by one.
func (k kind) more(n int) string {
	switch k {
	case unknownSource:
		return fmt.Sprintf("there are no rules either of %d more names that it builds on", n)
	case otherGroup:
		return fmt.Sprintf("nor can it build on %d more rules", n)
	case inTest:
		return fmt.Sprintf("nor does it see the alerts of %d more rules, which are in test", n)
	case deprecated:
		return fmt.Sprintf("%d more rules that it builds on are deprecated", n)
	default:
		return fmt.Sprintf("it is also less than the timespan and suppress of %d more rules", n)
	}
}

// about gathers the findings about what one rule builds on.
type about struct {
	*setCheck
	rule *Rule
	said [kinds]struct {
		count int
		last  diag.Diagnostic
	}
}

// find reports a finding about another rule, at the place where the rule names it.
// Of many that are alike, the first are told.
func (a *about) find(k kind, severity diag.Severity, other, message, hint string) {
	said := &a.said[k]
	if said.count++; said.count > maxAlike {
		return
	}
	pos, named := a.rule.mention(other)
	if !named {
		pos = a.rule.Pos
	}
	said.last = diag.Diagnostic{File: a.rule.File, Pos: pos, Severity: severity, Code: codeAlerts, Message: message, Hint: hint}
	*a.found = append(*a.found, said.last)
}

// rest reports how many findings there were beyond those that were told, after
// the last of these.
func (a *about) rest() {
	for k := range kinds {
		if said := a.said[k]; said.count > maxAlike {
			d := said.last
			d.Message, d.Hint = k.more(said.count-maxAlike), ""
			*a.found = append(*a.found, d)
		}
	}
}

// read finds the rules that r builds on, and checks them.
func (c *setCheck) read(r *Rule) sources {
	var s sources
	a := &about{setCheck: c, rule: r}
	seen := map[string]bool{}
	for _, p := range r.Conditions() {
		if p == nil || !p.SeesAlerts { // if it names rules all the same, lint reports that
			continue
		}
		s.others = s.others || len(p.AlertRules) == 0
		for _, m := range p.AlertRules {
			if seen[m.Name] {
				continue
			}
			seen[m.Name] = true
			switch at, known := c.index[m.Name]; {
			case m.Name == r.ID:
				pos, _ := r.mention(m.Name)
				*c.found = append(*c.found, diag.Diagnostic{File: r.File, Pos: pos, Code: codeAlerts, Message: "rule `" + shown(r.ID) + "` builds on its own alerts"})
			case !known:
				a.find(unknownSource, diag.Error, m.Name, "there is no rule `"+shown(m.Name)+"` to build on", a.guess(m.Name))
			default:
				s.named = append(s.named, at)
			}
		}
	}
	if s.others {
		s.named = nil
		for _, source := range c.known {
			if c.pairs--; c.pairs < 0 {
				break // two such rules are a circle already, which is reported
			}
			if source.ID != r.ID {
				a.source(source, false)
			}
		}
	}
	slices.Sort(s.named) // as they come in the set
	for _, at := range s.named {
		a.source(c.known[at], true)
	}
	a.rest()
	return s
}

// guess says which rule an unknown name may have meant.
func (c *setCheck) guess(name string) string {
	if c.guesses -= len(c.ids); c.guesses < 0 {
		return ""
	}
	return diag.Suggest(name, c.ids)
}

// source checks one of the rules that a rule builds on, by its name or as one of
// all others.
func (a *about) source(source *Rule, named bool) {
	r, name := a.rule, "`"+shown(source.ID)+"`"
	if !source.ByAccount() && (r.ByAccount() || !sameGroup(r, source)) {
		message := "a rule grouped by account can't build on " + name + ", which is not"
		if !r.ByAccount() {
			message = "a rule builds on rules grouped by account or by its own group_by, and " + name + " is neither"
		}
		hint := ""
		if !named {
			hint = `name the rules it builds on by rule in ["…"]`
		}
		a.find(otherGroup, diag.Error, source.ID, message, hint)
	}
	if r.Status == holdfast.Stable && source.Status == holdfast.Test {
		a.find(inTest, diag.Warning, source.ID, "a live rule does not see the alerts of "+name+", which is in test", "")
	}
	if source.Status == holdfast.Deprecated {
		a.find(deprecated, diag.Warning, source.ID, name+" is deprecated and never fires", "")
	}
	if reach := source.Timespan + source.Suppress; r.Timespan > 0 && r.Timespan < reach {
		a.find(looksBackTooShort, diag.Warning, source.ID, "the rule's timespan of "+expression.FormatDuration(r.Timespan)+" is less than the timespan and suppress of "+
			name+" together: an attack that goes on falls out of its sight", "write timespan: "+expression.FormatDuration(reach)+" or more")
	}
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
