package config

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxListFile bounds a file of a named list, in bytes.
const maxListFile = 16 << 20

var listName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// readLists reads the named lists: each a list of texts, or the path of a file
// with one a line, where what follows a # and blank lines count for nothing.
func readLists(s *section) map[string][]string {
	if s == nil {
		return nil
	}
	lists := make(map[string][]string, len(s.entries))
	for _, name := range slices.Sorted(maps.Keys(s.entries)) {
		e, _ := s.entry(name)
		if !listName.MatchString(name) {
			s.errorf(place(e.name), "the name of a list must be lower-case letters, digits, _ and -, and start with a letter")
			continue
		}
		if target(e.value).Kind == yaml.SequenceNode {
			lists[name], _ = s.list(name, nil)
			continue
		}
		var path string
		s.path(name, &path)
		if path == "" {
			continue // which has been reported
		}
		items, err := readListFile(path)
		if err != nil {
			s.errorf(place(e.value), "`%s` can't be read: %v", s.name(name), err)
		}
		lists[name] = items
	}
	return lists
}

func readListFile(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	if stat, err := file.Stat(); err == nil && stat.Size() > maxListFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxListFile>>20)
	}
	var items []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		item, _, _ := strings.Cut(lines.Text(), "#")
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items, lines.Err()
}
