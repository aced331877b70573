package rules

import (
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// maxProof bounds the steps in which all conditions together are reasoned about,
// to about a second.
const maxProof = 2_000_000

// Check finds all that is wrong or doubtful with the rules of all sources: what
// [Compile] would refuse, and what compiles but can't be meant, such as rules
// that can never fire. Compile is not as strict, so that a new version of
// Holdfast that finds more still starts with yesterday's rules.
//
// The set is nil if Compile refuses the sources; its Warnings are among the
// findings.
func Check(sources []Source, opts Options) (*Set, diag.List) {
	places := written{conditions: map[*expression.Program]func(int) diag.Pos{}, rules: map[*Rule]*mapping{}, broken: map[*Rule]bool{}}
	all, found := decode(sources, opts, &places)
	var set *Set
	if found.Errors() == 0 {
		warnings := slices.Clone(found)
		warnings.Sort()
		set = newSet(all, warnings, sources, opts)
	}
	l := lint{written: places, opts: opts, prover: expression.NewProver(maxProof), found: &found, reported: map[*expression.Program]bool{}}
	for _, r := range all {
		l.constants(r)
		l.reach(r)
		l.moot(r)
		l.distinct(r)
		l.entries(r)
	}
	l.templates(all)
	l.overlaps(all)
	for i := range found {
		if found[i].Code == "" {
			found[i].Code = codeRule
		}
	}
	found.Sort()
	return set, found
}

// written says where rules and their conditions stand.
type written struct {
	// conditions finds the place of a character of a condition.
	conditions map[*expression.Program]func(offset int) diag.Pos
	rules      map[*Rule]*mapping
	broken     map[*Rule]bool // rules that are wrong by themselves
}

// place is where a key of the rule stands, or its id where it is not given.
func (w *written) place(r *Rule, key string) diag.Pos {
	if at := w.rules[r].at[key]; at != nil {
		return posOf(at)
	}
	return r.Pos
}

// lint finds what compiles but can't be meant.
type lint struct {
	written
	opts   Options
	prover *expression.Prover
	found  *diag.List
	// reported are the conditions that never hold, or name a constant that no event
	// has. They are reported for that once, and not for what follows from it.
	reported map[*expression.Program]bool
}

func (l *lint) report(r *Rule, pos diag.Pos, severity diag.Severity, code diag.Code, message, hint string) {
	*l.found = append(*l.found, diag.Diagnostic{
		File: r.File, Pos: pos, Severity: severity, Code: code, Message: message, Hint: hint,
	})
}

// at is the place of a condition.
func (l *lint) at(p *expression.Program) diag.Pos { return l.conditions[p](0) }

// constants reports the constants that are no values of their fields.
func (l *lint) constants(r *Rule) {
	for _, p := range r.Conditions() {
		if p == nil {
			continue
		}
		for _, doubt := range p.Doubts() {
			severity := diag.Warning
			if doubt.Impossible {
				severity = diag.Error
				l.reported[p] = true
			}
			l.report(r, l.conditions[p](doubt.From), severity, codeConstant, doubt.Message, doubt.Hint)
		}
	}
}

// moot reports the conditions of which a part decides nothing.
func (l *lint) moot(r *Rule) {
	for _, p := range r.Conditions() {
		if p == nil || l.reported[p] {
			continue
		}
		m, found := l.prover.Moot(p)
		if !found {
			continue
		}
		message, hint := "`"+shown(m.Source)+"` holds for every event", "leave it out"
		switch {
		case !m.Holds:
			message = "`" + shown(m.Source) + "` never holds, so that this alternative adds nothing"
		case m.Source == strings.TrimSpace(p.Source):
			hint = "write true if that is meant"
		}
		if m.Joined && m.Holds {
			hint += ", or did you mean && in place of ||?"
		} else if m.Joined {
			hint += ", or did you mean || in place of &&?"
		}
		l.report(r, l.conditions[p](m.From), diag.Warning, codeMoot, message, hint)
	}
}

// longestShown bounds what a message repeats of a condition, in characters.
const longestShown = 120

func shown(source string) string {
	if runes := []rune(source); len(runes) > longestShown {
		return string(runes[:longestShown]) + "…"
	}
	return source
}

// templates reports each template that is not as it should be where it is first
// used.
func (l *lint) templates(all []*Rule) {
	if l.opts.TemplateProblems == nil {
		return
	}
	seen := map[string]bool{}
	for _, r := range all {
		for _, response := range r.Respond {
			name := response.Template
			if response.Kind != holdfast.NotifyOwner || seen[name] || !slices.Contains(l.opts.Templates, name) {
				continue
			}
			seen[name] = true
			for _, problem := range l.opts.TemplateProblems(name) {
				l.report(r, l.template(r, name), diag.Error, codeTemplate, problem, "")
			}
		}
	}
}

// template is where a rule names a template.
func (l *lint) template(r *Rule, name string) diag.Pos {
	for _, item := range l.rules[r].items("respond") {
		item = resolve(item)
		for i := 1; i < len(item.Content); i += 2 {
			if n := resolve(item.Content[i]); item.Content[i-1].Value == string(holdfast.NotifyOwner) && n.Value == name {
				return posOf(n)
			}
		}
	}
	return l.place(r, "respond")
}
