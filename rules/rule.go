// Package rules turns rule files into checked, compiled rules. It reports every
// mistake of every file at its line and column, and yields either a whole
// [Set] or none. It must never evaluate a rule: that is the detector's alone.
package rules

import (
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// Set is all rules of a configuration, in the order in which they are applied:
// by the names of their files, then by their place in the file.
type Set struct {
	Rules []*Rule
	// Warnings are findings that don't keep the set from being used.
	Warnings diag.List
	// Hash names the set: it changes with everything that the rules detect.
	Hash string
	// Sources are what the set was compiled from, in their order, and Lists the
	// named lists that its rules refer to. From them the same set can be compiled
	// again.
	Sources []Source
	Lists   expression.Lists
}

// Rule is one rule as it was written, with its defaults filled in.
type Rule struct {
	ID             string
	Title          string
	Description    string
	Level          holdfast.Level
	Status         holdfast.Status
	Tags           []string
	FalsePositives []string

	GroupBy  []expression.Field // empty: one group of everything
	Timespan time.Duration      // 0: none
	Suppress time.Duration      // 0: no suppression

	// Of Match, Sequence and Score, one is set.
	Match    *expression.Program
	Count    int        // with Match; 0: none demanded
	Distinct []Distinct // with Match
	Cancel   *Cancel    // with Match
	Surge    *Surge     // with Match
	Sequence []Step
	Until    *expression.Program // with Sequence
	Score    *Score

	Without    *Without
	Exceptions []Exception
	Overrides  []Override
	Respond    []holdfast.Response

	// Version is a hash of all that decides what the rule detects: two rules
	// of one version keep the same state.
	Version string
	File    string
	Pos     diag.Pos // of the id

	mentions []mentions // where it names other rules; nil once the set is checked
}

// Distinct demands a number of different non-empty values of a field.
type Distinct struct {
	Field expression.Field
	Count int
}

// Step is one step of a sequence: Count events that match, one after another.
type Step struct {
	Match *expression.Program
	Count int
}

// Cancel takes entries back.
type Cancel struct {
	Match *expression.Program
	Same  []expression.Field // empty: every entry
}

// Without holds an alert back until it is certain that nothing answered it.
type Without struct {
	Match *expression.Program
	Same  []expression.Field
	For   time.Duration
}

// Exception excludes events that match.
type Exception struct {
	Name  string
	Match *expression.Program
	// Until is the first instant at which the exception no longer holds: the
	// end of its day in UTC. Ends says whether there is one.
	Until holdfast.Instant
	Ends  bool
	Owner string
}

// Score sums points that decay.
type Score struct {
	Threshold float64
	HalfLife  time.Duration
	Points    []Points
}

// Points are added by every event that matches.
type Points struct {
	Match *expression.Program
	Add   float64
}

// Surge compares a group with its own past.
type Surge struct {
	Bucket   time.Duration
	Min      int
	Sigmas   float64
	Warmup   int
	HalfLife time.Duration
}

// Override sets other values for the groups that match. A nil value is the
// rule's own.
type Override struct {
	Match     *expression.Program
	Count     *int
	Timespan  *time.Duration
	Suppress  *time.Duration
	Threshold *float64
}

// matchers returns the conditions by which the rule takes events in: its match,
// or its steps, or its points' lines.
func (r *Rule) matchers() []*expression.Program {
	var all []*expression.Program
	if r.Match != nil {
		all = append(all, r.Match)
	}
	for _, s := range r.Sequence {
		all = append(all, s.Match)
	}
	if r.Score != nil {
		for _, p := range r.Score.Points {
			all = append(all, p.Match)
		}
	}
	return all
}

// Conditions returns every condition of the rule.
func (r *Rule) Conditions() []*expression.Program {
	all := r.matchers()
	if r.Cancel != nil {
		all = append(all, r.Cancel.Match)
	}
	if r.Until != nil {
		all = append(all, r.Until)
	}
	if r.Without != nil {
		all = append(all, r.Without.Match)
	}
	for _, x := range r.Exceptions {
		all = append(all, x.Match)
	}
	for _, o := range r.Overrides {
		all = append(all, o.Match)
	}
	return all
}

// ByAccount reports whether all events of one group belong to one account, so
// that the partition of the account sees the whole group.
func (r *Rule) ByAccount() bool {
	for _, f := range r.GroupBy {
		if f.Name == "account" {
			return true
		}
	}
	return false
}
