package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules/expression"
)

// Source is a rule file: its name, as diagnostics show it, and its content.
type Source struct {
	Name    string
	Content []byte
}

// maxFileSize bounds a rule file, in bytes.
const maxFileSize = 4 << 20

// ReadFiles reads the rule files that the paths name: files, and folders with
// all files below them that end in .yaml or .yml. Files of rule tests
// (*_test.yaml) are left out. The files come in the order of their names.
func ReadFiles(paths ...string) ([]Source, error) {
	var names []string
	for _, path := range paths {
		stat, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		if !stat.IsDir() {
			if !strings.HasSuffix(strings.TrimSuffix(path, filepath.Ext(path)), "_test") {
				names = append(names, filepath.Clean(path))
			}
			continue
		}
		before := len(names)
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && isRuleFile(name) {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		if len(names) == before {
			return nil, fmt.Errorf("reading rules: %s holds no .yaml file", path)
		}
	}
	slices.Sort(names)
	sources := make([]Source, 0, len(names))
	for _, name := range slices.Compact(names) {
		if stat, err := os.Stat(name); err == nil && stat.Size() > maxFileSize {
			return nil, fmt.Errorf("reading rules: %s is larger than %d MiB", name, maxFileSize>>20)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		sources = append(sources, Source{name, content})
	}
	return sources, nil
}

// ReadFS reads the rule files at the top of a file system, such as the embedded
// pack, naming them below prefix.
func ReadFS(fsys fs.FS, prefix string) ([]Source, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	var sources []Source
	for _, entry := range entries {
		if entry.IsDir() || !isRuleFile(entry.Name()) {
			continue
		}
		content, err := fs.ReadFile(fsys, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		sources = append(sources, Source{prefix + entry.Name(), content})
	}
	return sources, nil
}

func isRuleFile(name string) bool {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(filepath.Base(name), ext)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasSuffix(stem, "_test") && !strings.HasPrefix(stem, ".")
}

// Options are what the rules may refer to outside of their files.
type Options struct {
	// Templates are the known message templates; nil leaves names unchecked.
	Templates []string
	// Lists are the named lists, as the configuration has them.
	Lists expression.Lists

	// What only [Check] looks at.

	// TemplateProblems says what is wrong with a known template, a sentence each;
	// nil for nothing.
	TemplateProblems func(name string) []string
	// MaxEntries is how many events a group remembers; 0 leaves that unchecked.
	MaxEntries int
}

// Compile checks and compiles the rules of all sources. If there is any error,
// it returns all of them, as a [diag.List], and no set.
func Compile(sources []Source, opts Options) (*Set, error) {
	all, found := decode(sources, opts, nil)
	found.Sort()
	if found.Errors() > 0 {
		return nil, found
	}
	return newSet(all, found, sources, opts), nil
}

// decode reads the rules of all sources, those that are wrong in some part
// too. It notes in places, if there are any, where what stands.
func decode(sources []Source, opts Options, places *written) ([]*Rule, diag.List) {
	var found diag.List
	var all []*Rule
	for _, src := range sources {
		d := decoder{source: src, found: &found, opts: opts, written: places}
		all = append(all, d.file()...)
	}
	checkSet(all, &found)
	return all, found
}

func newSet(all []*Rule, warnings diag.List, sources []Source, opts Options) *Set {
	set := &Set{Rules: all, Warnings: warnings, Sources: sources, Lists: expression.Lists{}}
	var versions strings.Builder
	for _, r := range all {
		versions.WriteString(r.ID + " " + r.Version + "\n")
		for _, p := range r.Conditions() {
			for _, name := range p.Lists {
				fmt.Fprintf(&versions, "%q %q\n", name, opts.Lists[name])
				set.Lists[name] = opts.Lists[name]
			}
		}
	}
	sum := sha256.Sum256([]byte(versions.String()))
	set.Hash = hex.EncodeToString(sum[:8])
	return set
}

// SourceOf returns a lookup of the sources' contents by name, for drawing
// diagnostics.
func SourceOf(sources []Source) func(name string) []byte {
	return func(name string) []byte {
		i := slices.IndexFunc(sources, func(s Source) bool { return s.Name == name })
		if i < 0 {
			return nil
		}
		return sources[i].Content
	}
}
