package detector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// UnsupportedError says which rules of a set the engine can't evaluate yet.
type UnsupportedError struct {
	// Rules lists them in the set's order, each with what it needs.
	Rules []UnsupportedRule
}

// UnsupportedRule is a rule and what it needs that the engine can't evaluate yet.
type UnsupportedRule struct {
	Rule  *rules.Rule
	Needs []string
}

// String says which rule it is and what it needs.
func (u UnsupportedRule) String() string {
	return fmt.Sprintf("rule `%s` is not yet evaluated: it needs %s", u.Rule.ID, strings.Join(u.Needs, ", "))
}

// Error names every rule, one a line.
func (e *UnsupportedError) Error() string {
	lines := make([]string, len(e.Rules))
	for i, u := range e.Rules {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", u.Rule.File, u.Rule.Pos.Line, u.Rule.Pos.Column, u)
	}
	return strings.Join(lines, "\n")
}

func unsupported(set *rules.Set) error {
	var e UnsupportedError
	for _, r := range set.Rules {
		if needs := Unsupported(r); len(needs) > 0 && r.Status != holdfast.Deprecated {
			e.Rules = append(e.Rules, UnsupportedRule{r, needs})
		}
	}
	if len(e.Rules) == 0 {
		return nil
	}
	return &e
}

// Unsupported lists what a rule needs that the engine can't evaluate yet, which
// is named lists; it is empty for a rule that it can.
func Unsupported(r *rules.Rule) []string {
	var needs []string
	for _, p := range r.Conditions() {
		for _, name := range p.Names {
			if name == expression.ListFunction && !slices.Contains(needs, name) {
				needs = append(needs, name)
			}
		}
	}
	return needs
}

// Supported returns the set without the rules that the engine can't evaluate
// yet, and those rules. A rule that builds on the alerts of one that is left out
// is left out as well: without them it would say something else.
func Supported(set *rules.Set) (*rules.Set, []UnsupportedRule) {
	kept := *set
	var left []UnsupportedRule
	leave := func(r *rules.Rule, needs []string) { left = append(left, UnsupportedRule{r, needs}) }
	kept.Rules = slices.DeleteFunc(slices.Clone(set.Rules), func(r *rules.Rule) bool {
		needs := Unsupported(r)
		if len(needs) == 0 || r.Status == holdfast.Deprecated {
			return false
		}
		leave(r, needs)
		return true
	})
	for gone := 0; gone < len(left); gone++ {
		source := left[gone].Rule
		kept.Rules = slices.DeleteFunc(kept.Rules, func(r *rules.Rule) bool {
			waits := r.Status == holdfast.Test || source.Status != holdfast.Test
			if waits = waits && slices.Contains(rules.BuiltOn([]*rules.Rule{source}, r), source); waits {
				leave(r, []string{"the alerts of `" + source.ID + "`"})
			}
			return waits
		})
	}
	return &kept, left
}
