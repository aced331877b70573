package ruletest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast/rules"
)

// ReadFiles reads the files of tests that the paths name: such files themselves
// (*_test.yaml), folders with all of them below, and rule files, which stand for
// the tests beside them: codes_test.yaml is beside codes.yaml. The files come in
// the order of their names.
func ReadFiles(paths ...string) ([]rules.Source, error) {
	var names []string
	for _, path := range paths {
		found, err := find(path)
		if err != nil {
			return nil, fmt.Errorf("reading rule tests: %w", err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	var sources []rules.Source
	for _, name := range slices.Compact(names) {
		if stat, err := os.Stat(name); err == nil && stat.Size() > maxFileSize {
			return nil, fmt.Errorf("reading rule tests: %s is larger than %d MiB", name, maxFileSize>>20)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading rule tests: %w", err)
		}
		sources = append(sources, rules.Source{Name: name, Content: content})
	}
	return sources, nil
}

func find(path string) ([]string, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if stat.IsDir() {
		return findBelow(path)
	}
	path = filepath.Clean(path)
	if isTestFile(path) {
		return []string{path}, nil
	}
	ext := filepath.Ext(path)
	beside := strings.TrimSuffix(path, ext) + "_test" + ext
	if _, err := os.Stat(beside); err != nil {
		return nil, fmt.Errorf("%s has no tests; they would be in %s", path, beside)
	}
	return []string{beside}, nil
}

func findBelow(folder string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && isTestFile(name) {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s holds no *_test.yaml file", folder)
	}
	return names, err
}

func isTestFile(name string) bool {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(filepath.Base(name), ext)
	return (ext == ".yaml" || ext == ".yml") && strings.HasSuffix(stem, "_test") && !strings.HasPrefix(stem, ".")
}
