package main

import (
	"errors"
	"io"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
)

// loadRules reads and compiles the rules at the paths, or the default pack where
// there are none. What is wrong or doubtful with them is drawn on w; the error
// then only says that it was.
func loadRules(paths []string, opts rules.Options, w io.Writer) (*rules.Set, error) {
	sources, err := ruleSources(paths)
	if err != nil {
		return nil, usageError(err)
	}
	set, err := rules.Compile(sources, opts)
	if err != nil {
		return nil, drawn(err, rules.SourceOf(sources), w)
	}
	return set, set.Warnings.Render(w, rules.SourceOf(sources))
}

// drawn draws the findings in an error, and returns one that carries the exit
// code and is not reported a second time.
func drawn(err error, source func(name string) []byte, w io.Writer) error {
	var findings diag.List
	if !errors.As(err, &findings) {
		return usageError(err)
	}
	if err := findings.Render(w, source); err != nil {
		return err
	}
	return &exitError{code: exitUsage, said: findings}
}

func ruleSources(paths []string) ([]rules.Source, error) {
	if len(paths) == 0 {
		return pack.Sources()
	}
	return rules.ReadFiles(paths...)
}
