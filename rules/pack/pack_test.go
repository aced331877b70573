package pack_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
)

func compiled(t *testing.T) *rules.Set {
	t.Helper()
	set, err := rules.Compile(sources(t), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func sources(t *testing.T) []rules.Source {
	t.Helper()
	all, err := pack.Sources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var technique = regexp.MustCompile(`^attack\.t\d{4}(\.\d{3})?$`)

func TestThePackIsSound(t *testing.T) {
	set := compiled(t)
	if len(set.Warnings) > 0 {
		t.Errorf("the pack has warnings:\n%v", set.Warnings)
	}
	if len(set.Rules) < 22 {
		t.Errorf("%d rules", len(set.Rules))
	}
	for _, r := range set.Rules {
		if r.Description == "" || len(r.FalsePositives) == 0 || !slices.ContainsFunc(r.Tags, technique.MatchString) {
			t.Errorf("%s lacks a description, false positives or an ATT&CK technique", r.ID)
		}
		if r.Status != holdfast.Stable {
			t.Errorf("%s is %s", r.ID, r.Status)
		}
		if r.Without != nil {
			t.Errorf("%s waits: its alert would come minutes after the event that decides it", r.ID)
		}
	}
}

// What a rule asks for must be carried out, and fit: an owner is written to about
// the own account only, and a session is ended only where the evidence is strong.
func TestResponsesFitTheirRules(t *testing.T) {
	for _, r := range compiled(t).Rules {
		tells := slices.ContainsFunc(r.Respond, func(x holdfast.Response) bool { return x.Kind == holdfast.NotifyOwner })
		if owners := r.ByAccount() && r.Level >= holdfast.Medium; tells != owners {
			t.Errorf("%s writes to owners: %v, want %v", r.ID, tells, owners)
		}
		for _, x := range r.Respond {
			switch x.Kind {
			case holdfast.NotifyOwner:
			case holdfast.TerminateSessions:
				if r.Level != holdfast.Critical || x.Scope != "suspects" || x.When != holdfast.Now {
					t.Errorf("%s, of level %s, ends %s %s", r.ID, r.Level, x.Scope, x.When)
				}
			default:
				t.Errorf("%s asks for %s, which is not carried out yet", r.ID, x.Kind)
			}
		}
	}
}

func TestEveryRuleIsTestedBothWays(t *testing.T) {
	files, err := pack.Tests()
	if err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		var content struct {
			Tests []struct {
				Expect    []struct{ Rule string }
				ExpectNot []string `yaml:"expect_not"`
			}
		}
		if err := yaml.Unmarshal(f.Content, &content); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		for _, tt := range content.Tests {
			for _, x := range tt.Expect {
				fires[x.Rule] = true
			}
			for _, id := range tt.ExpectNot {
				quiet[id] = true
			}
		}
	}
	set := compiled(t)
	for _, r := range set.Rules {
		if !fires[r.ID] || !quiet[r.ID] {
			t.Errorf("%s: a test has it fire: %v; a test has it keep still: %v", r.ID, fires[r.ID], quiet[r.ID])
		}
	}
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.Name, ".yaml") + "_test.yaml"
		if !slices.ContainsFunc(files, func(f rules.Source) bool { return f.Name == name }) {
			t.Errorf("%s has no tests", s.Name)
		}
	}
}
