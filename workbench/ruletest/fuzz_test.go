package ruletest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench/ruletest"
)

// FuzzParse holds the parser to its bounds: whatever it accepts has names, times
// and no more events than a file may make, and whatever it refuses it says where.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*_test.yaml", "../../rules/pack/*_test.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Add([]byte(bomb))
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(rulesUnderTest)}}, rules.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, found := ruletest.Parse(rules.Source{Name: "f_test.yaml", Content: content})
		_ = file.Check(set)
		events := 0
		for _, test := range file.Tests {
			events += len(test.Events)
			for i := 1; found.Err() == nil && i < len(test.Events); i++ {
				if test.Events[i].Account == "" || test.Events[i].Line < 1 {
					t.Errorf("event %d of %q: %+v", i, test.Name, test.Events[i])
				}
			}
		}
		if events > 100_000 {
			t.Errorf("%d events", events)
		}
		if found.Err() == nil && len(file.Tests) == 0 {
			t.Error("a file without tests is accepted")
		}
	})
}
