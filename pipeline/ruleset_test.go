package pipeline_test

import (
	"testing"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

const officeRule = `- {id: office, title: T, level: low, group_by: account, match: 'client.ip in list("offices")'}`

// TestARuleSetIsNamedByAllThatDecides changes one thing after the other that
// decides which alerts there are, or what they say.
func TestARuleSetIsNamedByAllThatDecides(t *testing.T) {
	set := func(yaml string, lists expression.Lists, engine detector.Options) *pipeline.RuleSet {
		t.Helper()
		compiled, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{Lists: lists})
		if err != nil {
			t.Fatal(err)
		}
		s, err := pipeline.NewRuleSet(compiled, engine)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	offices := expression.Lists{"offices": {"192.0.2.0/24"}}
	first := set(officeRule, offices, detector.Options{})
	for name, same := range map[string]*pipeline.RuleSet{
		"defaults written out":          set(officeRule, offices, detector.Options{Lateness: 5 * time.Second}),
		"a list that no rule refers to": set(officeRule, expression.Lists{"offices": offices["offices"], "vip": {"ana"}}, detector.Options{}),
	} {
		if same.Hash != first.Hash {
			t.Errorf("%s: another hash", name)
		}
	}
	seen := map[string]string{first.Hash: "the first"}
	for name, other := range map[string]*pipeline.RuleSet{
		"a list":   set(officeRule, expression.Lists{"offices": {"192.0.2.0/25"}}, detector.Options{}),
		"a title":  set(`- {id: office, title: U, level: low, group_by: account, match: 'client.ip in list("offices")'}`, offices, detector.Options{}),
		"lateness": set(officeRule, offices, detector.Options{Lateness: time.Second}),
		"groups":   set(officeRule, offices, detector.Options{MaxGroups: 5000}),
	} {
		if seen[other.Hash] != "" {
			t.Errorf("%s: the hash of %s", name, seen[other.Hash])
		}
		seen[other.Hash] = name
	}
}

func TestARuleSetIsReadAsItWasKept(t *testing.T) {
	w := newWorld(t)
	compiled, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte("rules:\n" + officeRule)}},
		rules.Options{Lists: expression.Lists{"offices": {"192.0.2.0/24"}}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := pipeline.NewRuleSet(compiled, detector.Options{MaxGroups: 5000})
	if err != nil {
		t.Fatal(err)
	}
	w.start(set, nil).stops()
	content := w.memory.ruleSets[set.Hash]
	read, err := pipeline.ReadRuleSet(content)
	if err != nil {
		t.Fatal(err)
	}
	if read.Hash != set.Hash || read.Rules.Hash != set.Rules.Hash || len(read.Rules.Rules) != 1 {
		t.Errorf("the set that was kept as %s is read as %s", set.Hash, read.Hash)
	}
	if _, err := pipeline.ReadRuleSet(content[:len(content)/2]); err == nil {
		t.Error("half of it is a rule set")
	}
}
