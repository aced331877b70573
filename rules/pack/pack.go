// Package pack is the default rules, embedded: what Holdfast looks for when it
// is given no rules of its own. Beside the rule files stand their tests; both
// are written in the same language, and checked in the same way, as anybody's.
// What each rule is for is told by its page in docs/rules.
package pack

import (
	"embed"
	"fmt"
	"strings"

	"github.com/holdfastd/holdfast/rules"
)

//go:embed *.yaml
var files embed.FS

// Sources returns the rule files of the pack, named pack/….
func Sources() ([]rules.Source, error) { return rules.ReadFS(files, "pack/") }

// Tests returns the files of the pack's rule tests, named pack/….
func Tests() ([]rules.Source, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("reading rule tests: %w", err)
	}
	var tests []rules.Source
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.yaml") {
			continue
		}
		content, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading rule tests: %w", err)
		}
		tests = append(tests, rules.Source{Name: "pack/" + entry.Name(), Content: content})
	}
	return tests, nil
}
