package rules

import (
	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

const raiseEntries = "raise engine.max_entries in the configuration"

// entries reports thresholds for which a group would have to remember more events
// than it does.
func (l *lint) entries(r *Rule) {
	most := l.opts.MaxEntries
	if most == 0 {
		return
	}
	tooFew := ": a group remembers no more than " + plural(most, "event") + " (engine.max_entries)"
	for _, x := range r.Distinct {
		if x.Count > most {
			l.report(r, l.place(r, "distinct"), diag.Error, codeNever, "the rule can never fire"+tooFew, raiseEntries)
		}
	}
	least := r.Count
	for _, o := range r.Overrides {
		if o.Count != nil {
			least = min(least, *o.Count)
		}
	}
	if least > most {
		l.report(r, l.place(r, "count"), diag.Error, codeNever, "the rule can never fire"+tooFew, raiseEntries)
		return
	}
	if r.Count > most {
		l.report(r, l.place(r, "count"), diag.Warning, codeNever, "the rule can only fire by one of its overrides"+tooFew, raiseEntries)
	}
	for i, o := range r.Overrides {
		if o.Count != nil && *o.Count > most {
			l.report(r, l.overrideCount(r, i), diag.Warning, codeNever, "the rule can never fire by this override"+tooFew, raiseEntries)
		}
	}
}

// overrideCount is where the count of an override stands.
func (l *lint) overrideCount(r *Rule, override int) diag.Pos {
	// Overrides that are no mappings are not read: the rule is broken, and has fewer.
	items := l.rules[r].items("overrides")
	if override >= len(items) {
		return l.place(r, "overrides")
	}
	item := resolve(items[override])
	for i := 0; i+1 < len(item.Content); i += 2 {
		if item.Content[i].Kind == yaml.ScalarNode && item.Content[i].Value == "count" {
			return posOf(item.Content[i])
		}
	}
	return l.place(r, "overrides")
}
