package ruletest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// Suite is a file of tests and the rules that it tests.
type Suite struct {
	*File
	Set *rules.Set
}

// Loader puts files of tests and rules together.
type Loader struct {
	// Rules are the rules under test, whatever the files name. Defaults to what
	// each file names, or else to the rules in its folder.
	Rules []rules.Source
	// Options are what the rules may refer to.
	Options rules.Options

	sources []rules.Source          // all that was read
	sets    map[string]*compilation // by the paths of their files
}

// compilation is a set of rules, or what keeps them from being one.
type compilation struct {
	set *rules.Set
	err error
}

// Load parses the files of tests, reads and compiles their rules, each set of them
// once, and checks the ones against the others. The list is all that is wrong or
// doubtful; if there is an error in it, no suite is to be run. An error of its own
// is only what can't be read.
func (l *Loader) Load(files []rules.Source) ([]Suite, diag.List, error) {
	l.sets = map[string]*compilation{}
	l.sources = slices.Concat(l.Rules, files)
	var suites []Suite
	var found diag.List
	for _, src := range files {
		file, problems := Parse(src)
		found = append(found, problems...)
		set, err := l.rulesOf(file)
		var broken diag.List
		switch {
		case errors.As(err, &broken):
			found = append(found, broken...)
		case err != nil:
			return nil, nil, err
		default:
			found = append(found, file.Check(set)...)
			suites = append(suites, Suite{File: file, Set: set})
		}
	}
	found.Sort()
	return suites, slices.Compact(found), nil
}

// SourceOf returns the content of a file that was loaded, for drawing what is
// wrong with it.
func (l *Loader) SourceOf(name string) []byte { return rules.SourceOf(l.sources)(name) }

// rulesOf compiles the rules that a file tests. What is wrong with rules that
// several files test is said with the first of them.
func (l *Loader) rulesOf(f *File) (*rules.Set, error) {
	var paths []string
	if l.Rules == nil {
		var err error
		if paths, err = f.rulePaths(); err != nil {
			return nil, err
		}
	}
	key := strings.Join(paths, "\x00")
	if c, done := l.sets[key]; done {
		return c.set, c.err
	}
	sources := l.Rules
	if sources == nil {
		var err error
		if sources, err = rules.ReadFiles(paths...); err != nil {
			return nil, err
		}
		l.sources = append(l.sources, sources...)
	}
	c := new(compilation)
	c.set, c.err = rules.Compile(sources, l.Options)
	l.sets[key] = c
	return c.set, c.err
}

// rulePaths are where the rules under test are: those that the file names, or its
// own folder.
func (f *File) rulePaths() ([]string, error) {
	folder := filepath.Dir(f.Name)
	if len(f.Rules) == 0 {
		return []string{folder}, nil
	}
	var found diag.List
	paths := make([]string, len(f.Rules))
	for i, path := range f.Rules {
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		if _, err := rules.ReadFiles(path); err != nil {
			found.Add(f.Name, f.rulesAt[i], "%s", unreadable(path, err))
		}
		paths[i] = path
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	return paths, nil
}

// unreadable says why there are no rules at a path.
func unreadable(path string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no file " + path
	}
	return strings.TrimPrefix(err.Error(), "reading rules: ")
}

// Untested returns the rules that no test of the suites names, and how many rules
// there are. Rules that are never evaluated don't count.
func Untested(suites []Suite) (untested []string, rulesInAll int) {
	named, seen := map[string]bool{}, map[string]bool{}
	for _, s := range suites {
		for _, t := range s.Tests {
			for _, x := range t.Expect {
				named[x.Rule] = true
			}
			for _, not := range t.Not {
				named[not.Rule] = true
			}
		}
	}
	for _, s := range suites {
		for _, r := range s.Set.Rules {
			if r.Status == holdfast.Deprecated || seen[r.ID] {
				continue
			}
			if seen[r.ID] = true; !named[r.ID] {
				untested = append(untested, r.ID)
			}
		}
	}
	return untested, len(seen)
}
