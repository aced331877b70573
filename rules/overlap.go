package rules

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// What is compared of a set of rules, so that a hostile one can't take long: pairs
// of rules by their thresholds, and pairs by what their conditions mean. What
// people write stays far below.
const (
	maxPairs   = 4_000_000
	maxImplied = 5_000
)

// overlaps reports rules that add nothing beside another: those that detect the
// same, and those whose every alert comes with one of another rule, with the same
// response. Of a rule that is wrong in some part, nothing is known to be the same.
func (l *lint) overlaps(all []*Rule) {
	byVersion, kinds := map[digest]*Rule{}, map[digest][]*Rule{}
	var order []digest
	for _, r := range all {
		if r.Status == holdfast.Deprecated || l.broken[r] || len(r.matchers()) == 0 {
			continue
		}
		same := digestOf(detection(r))
		if first := byVersion[same]; first != nil {
			if first.ID != r.ID { // an id given twice is reported as that
				l.report(r, r.Pos, diag.Warning, codeDuplicate, "rule `"+shown(r.ID)+"` detects the same as `"+shown(first.ID)+"` ("+placeOf(first, r)+")", "drop one of them")
			}
			continue
		}
		byVersion[same] = r
		if countsOnly(r) {
			kind := digestOf(kindOfRule(r))
			if kinds[kind] == nil {
				order = append(order, kind)
			}
			kinds[kind] = append(kinds[kind], r)
		}
	}
	c := coverage{lint: l, pairs: maxPairs, implied: maxImplied, dropped: map[*Rule]bool{}, conditions: map[*Rule]int{}}
	numbers := map[string]int{}
	for _, kind := range order {
		for _, r := range kinds[kind] {
			key := r.Match.Key()
			if _, ok := numbers[key]; !ok {
				numbers[key] = len(numbers)
			}
			c.conditions[r] = numbers[key]
		}
		for _, r := range kinds[kind] {
			wider := c.find(r, kinds[kind])
			if wider == nil {
				continue
			}
			c.dropped[r] = true
			l.report(r, r.Pos, diag.Warning, codeDuplicate, "rule `"+shown(r.ID)+"` adds nothing to `"+shown(wider.ID)+"` ("+placeOf(wider, r)+"), which fires whenever it does and responds the same",
				"drop it, or give it a higher level or another response")
		}
	}
}

// coverage finds rules that fire whenever another does.
type coverage struct {
	*lint
	pairs, implied int // that are left to compare
	dropped        map[*Rule]bool
	conditions     map[*Rule]int // the same for rules whose match means the same
}

// find returns a rule that fires whenever r does, of rules of its kind; nil if
// there is none. A rule that has been reported itself is not one.
func (c *coverage) find(r *Rule, kind []*Rule) *Rule {
	for _, wider := range kind {
		if c.pairs--; c.pairs < 0 {
			return nil
		}
		if r.ID != wider.ID && !c.dropped[wider] && thresholdsWithin(r, wider) && (c.conditions[r] == c.conditions[wider] || c.implies(r, wider)) {
			return wider
		}
	}
	return nil
}

// digest stands for a text that is long where a rule has many conditions.
type digest [sha256.Size]byte

func digestOf(text string) digest { return sha256.Sum256([]byte(text)) }

// placeOf is where a rule stands, as seen from another.
func placeOf(r, from *Rule) string {
	if r.File == from.File {
		return fmt.Sprintf("line %d", r.Pos.Line)
	}
	return fmt.Sprintf("%s:%d", r.File, r.Pos.Line)
}

// detection is the same for rules that detect the same, however they are written.
func detection(r *Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v %v\n", groupKey(r), r.Timespan, r.Suppress)
	fmt.Fprintf(&b, "%d %s %s\n", r.Count, key(r.Match), key(r.Until))
	for _, x := range r.Distinct {
		fmt.Fprintf(&b, "%s %d\n", x.Field.Name, x.Count)
	}
	for _, s := range r.Sequence {
		fmt.Fprintf(&b, "step %d %s\n", s.Count, key(s.Match))
	}
	if r.Score != nil {
		fmt.Fprintf(&b, "score %v %v\n", r.Score.Threshold, r.Score.HalfLife)
		for _, p := range r.Score.Points {
			fmt.Fprintf(&b, "%v %s\n", p.Add, key(p.Match))
		}
	}
	if r.Surge != nil {
		fmt.Fprintf(&b, "surge %v\n", *r.Surge)
	}
	b.WriteString(surroundings(r))
	for _, o := range r.Overrides {
		settings, _ := json.Marshal([]any{o.Count, o.Timespan, o.Suppress, o.Threshold}) // numbers, and so never fails
		fmt.Fprintf(&b, "override %s %s\n", key(o.Match), settings)
	}
	return b.String()
}

// surroundings are cancel, without and the exceptions of a rule.
func surroundings(r *Rule) string {
	var b strings.Builder
	if r.Cancel != nil {
		fmt.Fprintf(&b, "cancel %s %s\n", key(r.Cancel.Match), names(r.Cancel.Same))
	}
	if r.Without != nil {
		fmt.Fprintf(&b, "without %s %s %v\n", key(r.Without.Match), names(r.Without.Same), r.Without.For)
	}
	for _, x := range r.Exceptions {
		fmt.Fprintf(&b, "exception %s %v %v\n", key(x.Match), x.Ends, x.Until)
	}
	return b.String()
}

func key(p *expression.Program) string {
	if p == nil {
		return ""
	}
	return p.Key()
}

// names joins the names of fields, in whatever order they were written.
func names(fields []expression.Field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func groupKey(r *Rule) string { return names(r.GroupBy) }

// countsOnly reports whether the rule counts events and nothing else, so that
// its thresholds can be compared with those of another.
func countsOnly(r *Rule) bool {
	return r.Match != nil && r.Surge == nil && len(r.Distinct) == 0 && len(r.Overrides) == 0 && r.Without == nil
}

// kindOfRule is the same for rules that differ at most in match, thresholds and
// level.
func kindOfRule(r *Rule) string {
	responses, _ := json.Marshal(r.Respond) // texts and numbers, and so never fails
	return fmt.Sprintf("%s %s %s\n%s", r.Status, groupKey(r), responses, surroundings(r))
}

// thresholdsWithin reports whether the wider rule, if it sees the same events, has
// fired by the time that the other fires: it needs no more events, looks back as
// far, is silent for no longer, and is as grave.
func thresholdsWithin(r, wider *Rule) bool {
	return wider.Count <= r.Count && wider.Suppress <= r.Suppress && wider.Level >= r.Level &&
		(wider.Timespan >= r.Timespan || wider.Count == 1)
}

// implies reports whether every event that the rule counts is one that the wider
// rule counts.
func (c *coverage) implies(r, wider *Rule) bool {
	if c.implied--; c.implied < 0 || c.reported[r.Match] || r.Match.SeesAlerts || wider.Match.SeesAlerts {
		return false
	}
	q := expression.Question{Holds: []*expression.Program{r.Match}}
	types, _ := c.prover.Types(q)
	q.Fails = []*expression.Program{wider.Match}
	return len(types) > 0 && !c.possible(q, types)
}
