package rules_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestEveryMistakeIsShownAtItsPlace draws the findings of broken files as a
// person sees them.
func TestEveryMistakeIsShownAtItsPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no broken files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			sources, err := rules.ReadFiles(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = rules.Compile(sources, rules.Options{Templates: []string{"code_burst", "takeover"}})
			var found diag.List
			if !errors.As(err, &found) {
				t.Fatalf("the file is accepted: %v", err)
			}
			var drawn bytes.Buffer
			if err := found.Render(&drawn, rules.SourceOf(sources)); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
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
}
