package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/stream"
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

// TestRulesThatWereNotChosenGiveWay: where no partition sees the whole of a group,
// the reduced set is in force, and the log says what it lacks.
func TestRulesThatWereNotChosenGiveWay(t *testing.T) {
	across := `- {id: across, title: T, level: low, group_by: client.ip, match: type == "x.a"}`
	whole := ruleSet(t, anyRule+"\n"+across)
	whole.Reduced = ruleSet(t, anyRule)
	for _, tt := range []struct {
		partitions int
		want       string
		said       int
	}{{1, whole.Hash, 0}, {2, whole.Reduced.Hash, 1}} {
		f, log := &failing{memory: newMemory()}, &strings.Builder{}
		p, _ := simple(t, f, log)
		if err := p.Use(whole); err != nil {
			t.Fatal(err)
		}
		for partition := range int32(2) {
			opened(t, p, f, stream.Assignment{Partition: partition, Partitions: tt.partitions})
		}
		if _, ok := f.ruleSets[tt.want]; !ok {
			t.Errorf("of %d partitions: the set in force is another one", tt.partitions)
		}
		if n := strings.Count(log.String(), "rules=[across]"); n != tt.said {
			t.Errorf("of %d partitions: it is said %d times that a rule is left out, want %d\n%s", tt.partitions, n, tt.said, log)
		}
	}
	f := &failing{memory: newMemory()}
	p, _ := simple(t, f, &strings.Builder{})
	opened(t, p, f, stream.Assignment{Partitions: 2})
	if err := p.Use(ruleSet(t, anyRule+"\n"+across)); err == nil || !strings.Contains(err.Error(), "rule `across` is not grouped by account") {
		t.Errorf("a set without a reduced one: %v", err)
	}
}
