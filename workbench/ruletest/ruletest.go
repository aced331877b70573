// Package ruletest runs the unit tests of rules: files that say which events come
// in, and which alerts must fire, and which must not. Each test has an engine of
// its own, the one that the daemon runs. The package reports every mistake of a
// test file at its line and column, and must never evaluate a rule itself.
//
// docs/rule-tests.md describes the files.
package ruletest

import (
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
)

// The most of each thing that a file can hold, whatever its aliases and
// repetitions unfold to.
const (
	maxFileSize = 4 << 20   // bytes
	maxNodes    = 1_000_000 // YAML nodes, aliases followed
	maxDepth    = 16        // of merged mappings and of lists in lists
	maxTests    = 2_000
	maxEvents   = 100_000 // of all tests together
	maxExpected = 1_000   // of one test
	maxName     = 200     // characters
)

// DefaultStart is when a test begins that does not say so.
const DefaultStart = holdfast.Instant(1_767_225_600_000_000_000) // 2026-01-01T00:00:00Z

// File is a file of tests.
type File struct {
	Name string
	// Rules are the paths of the rules under test as the file names them, relative
	// to its folder. Empty: the rules in its folder.
	Rules []string
	Tests []Test

	rulesAt []diag.Pos
}

// Test is one test: a story, and what it must lead to.
type Test struct {
	Name  string
	Pos   diag.Pos
	Start holdfast.Instant
	// Events are in the order of their arrival.
	Events []Event
	// Expect are the alerts that must fire. The rules named here fire no other.
	Expect []Expectation
	// Not are the rules that must not fire.
	Not []Mention
	// Only says that no rule may fire but as Expect has it.
	Only bool

	absolute bool // every time is written as an RFC 3339 time
}

// Event is an event of a test and where it stands in the file.
type Event struct {
	holdfast.Event
	Line int
}

// Mention is where a file names a rule.
type Mention struct {
	Rule string
	Pos  diag.Pos
}

// Expectation is an alert that must fire. What it leaves open is not compared.
type Expectation struct {
	Mention
	At      *holdfast.Instant // event time of the alert
	Group   []GroupValue      // some or all fields of the group
	Level   holdfast.Level    // 0: open
	Account string            // "": open
	Count   int               // of the evidence; 0: open
	// Suspects and Protected are the ids of sessions, in any order; nil: open.
	Suspects, Protected []string
}

// GroupValue is a field of an expected group.
type GroupValue struct {
	holdfast.GroupValue
	Pos diag.Pos // of the field's name
}

// met reports whether an alert is one that is expected.
func (x *Expectation) met(a *holdfast.Alert) bool {
	return a.Rule == x.Rule &&
		(x.At == nil || *x.At == a.Time) &&
		(x.Level == 0 || x.Level == a.Level) &&
		(x.Account == "" || x.Account == a.Account) &&
		(x.Count == 0 || x.Count == a.Count) &&
		!slices.ContainsFunc(x.Group, func(g GroupValue) bool { return !slices.Contains(a.Group, g.GroupValue) }) &&
		(x.Suspects == nil || sameIDs(x.Suspects, a.Sessions.Suspect)) &&
		(x.Protected == nil || sameIDs(x.Protected, a.Sessions.Protected))
}

func sameIDs(ids []string, sessions []holdfast.Session) bool {
	return slices.Equal(slices.Sorted(slices.Values(ids)), slices.Sorted(slices.Values(idsOf(sessions))))
}

func idsOf(sessions []holdfast.Session) []string {
	ids := make([]string, len(sessions))
	for i, s := range sessions {
		ids[i] = s.ID
	}
	return ids
}
