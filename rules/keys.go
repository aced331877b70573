package rules

import "maps"

// Language is what tables hold of the rule language: its words and bounds, for
// whoever describes it, such as the JSON Schema for editors.
type Language struct {
	Keys      []string // of a rule, in the order in which they are documented
	IDPattern string   // RE2, of a rule's id
	MaxID     int      // characters of an id

	MaxRules    int // of a file
	MaxCount    int // events that a rule can ask for
	MaxSteps    int // events of a sequence
	MaxDistinct int // fields of a distinct

	// Scopes and Whens are the words of terminate_sessions.
	Scopes, Whens []string

	// Operators are the keys of which a rule has exactly one.
	Operators []string
	// Excluded are the keys that mean nothing beside an operator, or beside a
	// surge.
	Excluded map[string][]string
}

// Describe returns the language as it is decoded. The tables are the decoder's
// own and must not be changed.
func Describe() Language {
	return Language{
		Keys: ruleKeys, IDPattern: ruleID.String(), MaxID: maxID,
		MaxRules: maxRules, MaxCount: MaxCount, MaxSteps: maxSteps, MaxDistinct: maxDistinct,
		Scopes: scopes, Whens: whens,
		Operators: []string{"match", "sequence", "score"}, Excluded: maps.Clone(strangers),
	}
}
