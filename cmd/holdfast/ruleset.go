package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/pipeline"
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

// newRuleSet joins rules and an engine's settings. Of the default pack, which
// nobody chose rule by rule, a topic of several partitions gets the files whose
// rules are all grouped by account; of anybody's own rules none is left out.
func newRuleSet(set *rules.Set, engine detector.Options) (*pipeline.RuleSet, error) {
	whole, err := pipeline.NewRuleSet(set, engine)
	if err != nil {
		return nil, err
	}
	builtIn, err := pack.Sources()
	if err != nil || !reflect.DeepEqual(set.Sources, builtIn) {
		return whole, err
	}
	kept := slices.DeleteFunc(slices.Clone(builtIn), func(s rules.Source) bool {
		return slices.ContainsFunc(set.Rules, func(r *rules.Rule) bool { return r.File == s.Name && !r.ByAccount() })
	})
	if len(kept) == len(builtIn) {
		return whole, nil
	}
	byAccount, err := rules.Compile(kept, rules.Options{})
	if err != nil {
		return nil, fmt.Errorf("the default pack without the rules that look across accounts: %w", err)
	}
	whole.Reduced, err = pipeline.NewRuleSet(byAccount, engine)
	return whole, err
}
