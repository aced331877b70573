package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// reach reports the conditions that no event meets, and so the rules that can
// never fire. All that it says is certain.
func (l *lint) reach(r *Rule) {
	if slices.Contains(r.matchers(), nil) || len(r.matchers()) == 0 {
		return // what is wrong with it has been reported
	}
	alive := 0
	for _, p := range r.matchers() {
		switch {
		case l.reported[p] || l.counts(r, p):
			alive++
		case r.Score == nil:
			return
		}
	}
	if alive == 0 { // of a score
		l.report(r, l.place(r, "score"), diag.Error, codeNever, "the rule can never fire: no line of its points ever matches", "")
		return
	}
	if r.Cancel != nil {
		l.effective(r, r.Cancel.Match, "`cancel` takes nothing back", nil)
	}
	l.effective(r, r.Until, "`until` ends nothing", nil)
	if r.Without != nil {
		l.effective(r, r.Without.Match, "`without` holds every alert back for nothing", nil)
	}
	for i := range r.Exceptions {
		l.effective(r, r.Exceptions[i].Match, fmt.Sprintf("exception %q excludes nothing that the rule counts", r.Exceptions[i].Name), r.matchers())
	}
	for i := range r.Overrides {
		l.effective(r, r.Overrides[i].Match, "the override is for events that the rule never counts", r.matchers())
	}
}

// counts reports whether a condition by which the rule takes events in ever does,
// and otherwise says why not.
func (l *lint) counts(r *Rule, p *expression.Program) bool {
	severity, verdict := diag.Error, "the rule can never fire: "
	if r.Score != nil {
		severity, verdict = diag.Warning, "the line adds no points: "
	}
	q := expression.Question{Holds: []*expression.Program{p}}
	types, why := l.prover.Types(q)
	if len(types) == 0 {
		if why == "" {
			why = "no event meets this condition"
		}
		l.reported[p] = true
		l.report(r, l.at(p), severity, codeNever, verdict+why, "")
		return false
	}
	if r.Cancel != nil && r.Cancel.Match != nil {
		q.Fails = append(q.Fails, r.Cancel.Match)
		if !l.possible(q, types) {
			l.report(r, l.at(r.Cancel.Match), severity, codeNever, verdict+"`cancel` takes every event that `match` would count", "an event that cancels is not counted")
			return false
		}
	}
	if r.Until != nil {
		q.Fails = append(q.Fails, r.Until)
		if !l.possible(q, types) {
			l.report(r, l.at(r.Until), severity, codeNever, verdict+"`until` takes every event that one of the steps waits for", "an event that ends the sequence is not counted")
			return false
		}
	}
	for _, x := range r.Exceptions {
		if x.Ends || x.Match == nil {
			continue
		}
		q.Fails = append(q.Fails, x.Match)
		if !l.possible(q, types) {
			l.report(r, l.at(x.Match), severity, codeNever, verdict+fmt.Sprintf("exception %q leaves nothing of what it counts", x.Name), "")
			return false
		}
	}
	return true
}

func (l *lint) possible(q expression.Question, types []string) bool {
	return slices.ContainsFunc(types, func(eventType string) bool {
		possible, _ := l.prover.Possible(eventType, q)
		return possible
	})
}

// effective reports a condition that never holds, or never together with one of
// the others, with what follows from it.
func (l *lint) effective(r *Rule, p *expression.Program, consequence string, with []*expression.Program) {
	if p == nil || l.reported[p] {
		return
	}
	types, why := l.prover.Types(expression.Question{Holds: []*expression.Program{p}})
	if len(types) > 0 {
		if with == nil || slices.ContainsFunc(with, func(other *expression.Program) bool {
			return l.reported[other] || l.possible(expression.Question{Holds: []*expression.Program{other, p}}, types)
		}) {
			return
		}
	} else {
		l.reported[p] = true
		if why != "" {
			consequence += ": " + why
		}
	}
	l.report(r, l.at(p), diag.Warning, codeNever, consequence, "")
}

// distinct reports demands for more different values than there are.
func (l *lint) distinct(r *Rule) {
	if r.Match == nil || l.reported[r.Match] {
		return
	}
	for _, x := range r.Distinct {
		if x.Count < 2 {
			continue
		}
		pos := l.distinctPlace(r, x.Field.Name)
		if slices.ContainsFunc(r.GroupBy, func(f expression.Field) bool { return f.Name == x.Field.Name }) {
			l.report(r, pos, diag.Error, codeNever, fmt.Sprintf(
				"the rule can never fire: it groups by `%s`, so that a group has one value of it, and `distinct` asks for %d", x.Field.Name, x.Count),
				"group by something else")
			continue
		}
		values, bounded := l.values(r, x.Field)
		switch known := knownValues(x.Field.Name); {
		case bounded && len(values) < x.Count:
			message := fmt.Sprintf("the rule can never fire: `distinct` asks for %d different values of `%s`, and there can be ", x.Count, x.Field.Name)
			if len(values) == 0 {
				message += "none"
			} else {
				message += fmt.Sprintf("%d (%s)", len(values), shown(strings.Join(values, ", ")))
			}
			l.report(r, pos, diag.Error, codeNever, message, "")
		case !bounded && known != nil && len(known) < x.Count:
			l.report(r, pos, diag.Warning, codeNever, fmt.Sprintf("`distinct` asks for %d different values of `%s`, and %d are known", x.Count, x.Field.Name, len(known)),
				"there are "+strings.Join(known, ", "))
		}
	}
}

func knownValues(field string) []string {
	switch field {
	case "channel":
		return holdfast.Channels
	case "purpose":
		return holdfast.Purposes
	}
	return nil
}

// values returns the values that a field can have in the events that the rule
// counts, and whether there are no others.
func (l *lint) values(r *Rule, f expression.Field) (values []string, bounded bool) {
	q := expression.Question{Holds: []*expression.Program{r.Match}}
	types, _ := l.prover.Types(q)
	for _, eventType := range types {
		of, bounded := l.prover.Values(eventType, q, f)
		if !bounded {
			return nil, false
		}
		for _, v := range of {
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
	}
	return values, len(types) > 0 // else something else is wrong
}

// distinctPlace is where distinct names a field.
func (l *lint) distinctPlace(r *Rule, field string) diag.Pos {
	n := l.rules[r].value("distinct")
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			return posOf(n.Content[i])
		}
	}
	return l.place(r, "distinct")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
