package workbench

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// RuleChange says what is changed in a rule that both sets have.
type RuleChange struct {
	Rule string      `json:"rule"`
	What []KeyChange `json:"what"` // in the order in which rules are written
}

// KeyChange is a key of a rule, and its values in both sets, "" where it is not
// there.
type KeyChange struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

// groupByKey is the key that decides which alerts can be compared at all.
const groupByKey = "group_by"

// compareRules says which rules are new, gone, and changed.
func (d *Difference) compareRules(before, after *rules.Set) {
	was := make(map[string]*rules.Rule)
	for _, r := range before.Rules {
		was[r.ID] = r
	}
	for _, r := range after.Rules {
		old := was[r.ID]
		delete(was, r.ID)
		if old == nil {
			d.Added = append(d.Added, r.ID)
		} else if what := ruleChanges(old, r); len(what) > 0 {
			d.Changed = append(d.Changed, RuleChange{r.ID, what})
		}
	}
	d.Removed = slices.Sorted(maps.Keys(was))
	slices.Sort(d.Added)
	slices.SortFunc(d.Changed, func(a, b RuleChange) int { return strings.Compare(a.Rule, b.Rule) })
}

// regroupings are the rules whose groups are other ones, and how.
func (d *Difference) regroupings() map[string]*KeyChange {
	all := make(map[string]*KeyChange)
	for _, c := range d.Changed {
		for i := range c.What {
			if c.What[i].Key == groupByKey {
				all[c.Rule] = &c.What[i]
			}
		}
	}
	return all
}

// ruleChanges says what of a rule has changed that can change what it does.
func ruleChanges(before, after *rules.Rule) []KeyChange {
	var what []KeyChange
	detects := false // something else
	news := keysOf(after)
	for i, old := range keysOf(before) {
		if old.text == news[i].text {
			continue
		}
		if old.key == "suppress" && before.Suppress == before.Timespan && after.Suppress == after.Timespan {
			continue // it follows the timespan, which is named
		}
		detects = detects || old.detects
		what = append(what, KeyChange{old.key, old.text, news[i].text})
	}
	if before.Version != after.Version && !detects {
		what = append(what, KeyChange{Key: "wording"})
	}
	return what
}

// keyText is a key of a rule and its value on one line, "" if it is not there.
type keyText struct {
	key, text string
	detects   bool // it is part of what the rule detects
}

// keysOf are the keys of a rule that decide what it does, in the order in which
// rules are written. All rules have the same.
func keysOf(r *rules.Rule) []keyText {
	return []keyText{
		{"level", r.Level.String(), false},
		{"status", string(r.Status), false},
		{groupByKey, groupedBy(r), true},
		{"match", condition(r.Match), true},
		{"count", unlessZero(r.Count), true},
		{"distinct", each(r.Distinct, func(d rules.Distinct) string { return d.Field.Name + " " + strconv.Itoa(d.Count) }), true},
		{"cancel", cancelText(r.Cancel), true},
		{"surge", surgeText(r.Surge), true},
		{"sequence", each(r.Sequence, func(s rules.Step) string { return strconv.Itoa(s.Count) + " × " + condition(s.Match) }), true},
		{"until", condition(r.Until), true},
		{"score", scoreText(r.Score), true},
		{"timespan", duration(r.Timespan), true},
		{"suppress", expression.FormatDuration(r.Suppress), true},
		{"without", withoutText(r.Without), true},
		{"exceptions", each(r.Exceptions, exceptionText), true},
		{"overrides", each(r.Overrides, overrideText), true},
		{"respond", each(r.Respond, responseText), false},
	}
}

// condition is a condition on one line.
func condition(p *expression.Program) string {
	if p == nil {
		return ""
	}
	return strings.Join(strings.Fields(p.Source), " ")
}

func unlessZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return expression.FormatDuration(d)
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func each[T any](all []T, text func(T) string) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = text(one)
	}
	return strings.Join(texts, "; ")
}

func fields(all []expression.Field) string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

func groupedBy(r *rules.Rule) string {
	if len(r.GroupBy) == 0 {
		return "all"
	}
	return fields(r.GroupBy)
}

func same(all []expression.Field) string {
	if len(all) == 0 {
		return ""
	}
	return ", same " + fields(all)
}

func cancelText(c *rules.Cancel) string {
	if c == nil {
		return ""
	}
	return condition(c.Match) + same(c.Same)
}

func withoutText(w *rules.Without) string {
	if w == nil {
		return ""
	}
	return condition(w.Match) + same(w.Same) + ", for " + duration(w.For)
}

func surgeText(s *rules.Surge) string {
	if s == nil {
		return ""
	}
	return "bucket " + duration(s.Bucket) + ", min " + strconv.Itoa(s.Min) + ", sigmas " + decimal(s.Sigmas) +
		", warmup " + strconv.Itoa(s.Warmup) + ", half_life " + duration(s.HalfLife)
}

func scoreText(s *rules.Score) string {
	if s == nil {
		return ""
	}
	return "threshold " + decimal(s.Threshold) + ", half_life " + duration(s.HalfLife) + "; " +
		each(s.Points, func(p rules.Points) string { return decimal(p.Add) + " for " + condition(p.Match) })
}

func exceptionText(e rules.Exception) string {
	text := e.Name + ": " + condition(e.Match)
	if e.Ends {
		text += ", until " + e.Until.Add(-1).Std().Format(time.DateOnly) // its last day
	}
	return text
}

func overrideText(o rules.Override) string {
	text := condition(o.Match) + ":"
	if o.Count != nil {
		text += " count " + strconv.Itoa(*o.Count)
	}
	if o.Timespan != nil {
		text += " timespan " + expression.FormatDuration(*o.Timespan)
	}
	if o.Suppress != nil {
		text += " suppress " + expression.FormatDuration(*o.Suppress)
	}
	if o.Threshold != nil {
		text += " threshold " + decimal(*o.Threshold)
	}
	return text
}

func responseText(r holdfast.Response) string {
	parts := []string{string(r.Kind), r.Template, r.Team, duration(r.For), r.Scope, string(r.When)}
	if r.Wipe {
		parts = append(parts, "wipe")
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}
