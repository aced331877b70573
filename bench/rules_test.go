package main

import (
	"regexp"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// TestTenRulesHaveWork keeps the 10-rule file honest: a rule that never fires
// costs less than it would elsewhere.
func TestTenRulesHaveWork(t *testing.T) {
	fired := alertsByRule(t, tenRules)
	for _, r := range compiled(t, tenRules).Rules {
		if fired[r.ID] == 0 {
			t.Errorf("%s never fires", r.ID)
		}
	}
}

func TestRulesFromElsewhereMatchNothing(t *testing.T) {
	hundred := hundredRules()
	if n := len(compiled(t, hundred).Rules); n != 100 {
		t.Errorf("%d rules", n)
	}
	// With a threshold of one event, whatever matches fires.
	hundred = regexp.MustCompile(`count: \d+(, distinct: {account: \d+})?`).ReplaceAll(hundred, []byte("count: 1"))
	of := make(map[string]bool)
	for _, r := range compiled(t, tenRules).Rules {
		of[r.ID] = true
	}
	for rule, n := range alertsByRule(t, hundred) {
		if !of[rule] {
			t.Errorf("%s fires %d times", rule, n)
		}
	}
}

func alertsByRule(t *testing.T, file []byte) map[string]int {
	t.Helper()
	engine, err := detector.New(detector.Options{Rules: compiled(t, file)})
	if err != nil {
		t.Fatal(err)
	}
	traffic := everyday.New(everyday.Options{Attacks: 0.01})
	var e holdfast.Event
	var out detector.Output
	for i := range 300_000 {
		traffic.Next(&e)
		engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
	}
	engine.Finish(&out)
	fired := map[string]int{}
	for _, a := range out.Alerts {
		fired[a.Rule]++
	}
	return fired
}

func compiled(t *testing.T, file []byte) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "rules.yaml", Content: file}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
