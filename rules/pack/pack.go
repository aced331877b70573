// Package pack is the default rules, embedded: what Holdfast looks for when it
// is given no rules of its own. It holds rule files only; they are written in
// the same language, and checked in the same way, as anybody's.
package pack

import (
	"embed"

	"github.com/holdfastd/holdfast/rules"
)

//go:embed *.yaml
var files embed.FS

// Sources returns the files of the pack, named pack/….
func Sources() ([]rules.Source, error) { return rules.ReadFS(files, "pack/") }
