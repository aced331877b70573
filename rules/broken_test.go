package rules_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEveryMistakeIsShownAtItsPlace draws the findings of broken files, and of
// folders of files, as a person sees them.
func TestEveryMistakeIsShownAtItsPlace(t *testing.T) {
	const folder = "testdata/broken"
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	opts := rules.Options{
		Templates: []string{"code_burst", "takeover", "too_long"},
		TemplateProblems: func(name string) []string {
			if name != "too_long" {
				return nil
			}
			return []string{"message too_long in de takes 2 SMS segments of GSM-7, and one of GSM-7 is allowed: \"…\""}
		},
		Lists:      map[string][]string{"office_networks": {"192.0.2.0/24"}},
		MaxEntries: 5000,
	}
	drawn := 0
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) != ".yaml" {
			continue
		}
		drawn++
		t.Run(entry.Name(), func(t *testing.T) {
			path := filepath.Join(folder, entry.Name())
			sources, err := rules.ReadFiles(path)
			if err != nil {
				t.Fatal(err)
			}
			set, found := rules.Check(sources, opts)
			if len(found) == 0 {
				t.Fatal("nothing is found")
			}
			if _, err := rules.Compile(sources, opts); (err == nil) != (set != nil) {
				t.Errorf("a set to check: %v, and to use: %v", set != nil, err)
			}
			var drawn bytes.Buffer
			if err := found.Render(&drawn, rules.SourceOf(sources)); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, drawn.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), drawn.String()); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
	if drawn < 20 {
		t.Errorf("only %d broken files", drawn)
	}
}
