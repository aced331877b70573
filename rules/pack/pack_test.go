package pack_test

import (
	"testing"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
)

func TestThePackIsSound(t *testing.T) {
	sources, err := pack.Sources()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Warnings) > 0 {
		t.Errorf("the pack has warnings:\n%v", set.Warnings)
	}
	for _, r := range set.Rules {
		if r.Description == "" || len(r.Tags) == 0 || len(r.FalsePositives) == 0 || len(r.Respond) == 0 {
			t.Errorf("%s lacks a description, tags, false positives or a response", r.ID)
		}
	}
}
