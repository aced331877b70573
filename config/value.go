package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// origin is where a value was written: at a place in the file, or in a variable
// of the environment, which then stands for the file.
type origin struct {
	file string
	pos  diag.Pos
}

// kind is the YAML type that a setting wants, by its tag and in words.
type kind struct{ tag, words string }

var (
	aText     = kind{"!!str", "text"}
	aDuration = kind{"!!str", "a duration such as 90s, 10m or 1d"}
	aNumber   = kind{"!!int", "a whole number"}
	aBoolean  = kind{"!!bool", "true or false"}
)

var errEmpty = errors.New("must not be empty")

// set reads one setting from the file and then from the environment, which
// wins. A setting that is absent or wrong keeps its default. The errors of parse
// complete a sentence that begins with the setting's name, such as "must not be
// empty", and may quote the value only if it can't be a secret.
func set[T any](s *section, name string, want kind, to *T, parse func(string) (T, error)) {
	for _, source := range []func(string, kind) (string, origin, bool){s.scalar, s.environment} {
		text, from, ok := source(name, want)
		if !ok {
			continue
		}
		if v, err := parse(text); err != nil {
			s.wrong(name, from, err)
		} else {
			*to = v
		}
	}
}

// text reads a text. Check may be nil.
func (s *section) text(name string, to *string, check func(string) error) {
	set(s, name, aText, to, func(text string) (string, error) {
		return text, checkText(text, check)
	})
}

// oneOf reads a text that is one of a few words.
func (s *section) oneOf(name string, to *string, words ...string) {
	s.text(name, to, func(text string) error {
		if slices.Contains(words, text) {
			return nil
		}
		return unlisted(text, words)
	})
}

// texts reads a list of texts, of which there is at least one. Check may be nil.
func (s *section) texts(name string, to *[]string, check func(string) error) {
	if list, ok := s.list(name, check); ok {
		*to = list
	}
	text, from, ok := s.environment(name, aText)
	if !ok {
		return
	}
	var list []string
	for t := range strings.SplitSeq(text, ",") {
		t = strings.TrimSpace(t)
		if err := checkText(t, check); err != nil {
			s.wrong(name, from, err)
			return
		}
		list = append(list, t)
	}
	*to = list
}

// paths reads a list of paths to what exists.
func (s *section) paths(name string, to *[]string) {
	list, ok := s.list(name, s.exists)
	if !ok {
		return
	}
	*to = nil
	for _, path := range list {
		*to = append(*to, s.file.resolve(path))
	}
}

// path reads the path of a file that exists.
func (s *section) path(name string, to *string) {
	set(s, name, aText, to, func(text string) (string, error) {
		return s.file.resolve(text), checkText(text, s.exists)
	})
}

// newPath reads the path of a file or folder that need not be there.
func (s *section) newPath(name string, to *string) {
	set(s, name, aText, to, func(text string) (string, error) {
		return s.file.resolve(text), checkText(text, nil)
	})
}

// exists checks that there is something at a path of the file.
func (s *section) exists(path string) error {
	if _, err := os.Stat(s.file.resolve(path)); err != nil {
		return fmt.Errorf("can't be read: %w", reason(err))
	}
	return nil
}

// duration reads a duration that is no shorter than least.
func (s *section) duration(name string, to *time.Duration, least time.Duration) {
	s.durationWithin(name, to, least, math.MaxInt64)
}

// durationWithin reads a duration from least to most.
func (s *section) durationWithin(name string, to *time.Duration, least, most time.Duration) {
	set(s, name, aDuration, to, func(text string) (time.Duration, error) {
		d, err := parseDuration(text)
		switch {
		case err != nil:
			return 0, err
		case d < least:
			return 0, fmt.Errorf("must be at least %v", least)
		case d > most:
			return 0, fmt.Errorf("must be at most %v", most)
		}
		return d, nil
	})
}

// number reads a whole number from least to most.
func (s *section) number(name string, to *int, least, most int) {
	set(s, name, aNumber, to, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	})
}

// boolean reads true or false.
func (s *section) boolean(name string, to *bool) {
	set(s, name, aBoolean, to, func(text string) (bool, error) {
		if text != "true" && text != "false" {
			return false, errors.New("must be true or false")
		}
		return text == "true", nil
	})
}

// largestSecret bounds a file that holds a secret, in bytes.
const largestSecret = 64 << 10

// secret reads a secret from the file that name+"_file" names, or from the
// environment, and never from the configuration itself.
func (s *section) secret(name string, to *Secret, check func(string) error) {
	s.secrets = append(s.secrets, name)
	if path, from, ok := s.scalar(name+"_file", aText); ok && !s.overridden(name) {
		text, err := s.readSecret(path)
		if err == nil {
			err = checkText(text, check)
		}
		if err != nil {
			s.wrong(name+"_file", from, err)
		} else {
			*to = NewSecret(text)
		}
	}
	if text, from, ok := s.environment(name, aText); ok {
		if err := checkText(text, check); err != nil {
			s.wrong(name, from, err)
		} else {
			*to = NewSecret(text)
		}
	}
}

func (s *section) readSecret(path string) (string, error) {
	data, err := readBounded(s.file.resolve(path), largestSecret)
	if err != nil {
		return "", fmt.Errorf("can't be read: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// requireSecret reports a secret that comes from nowhere.
func (s *section) requireSecret(name string) {
	if !s.has(name) {
		s.require(name+"_file", "")
	}
}

// scalar returns what the file says of a setting, if it is of the right kind.
func (s *section) scalar(name string, want kind) (string, origin, bool) {
	e, ok := s.entry(name)
	if !ok {
		return "", origin{}, false
	}
	s.give(name)
	n := target(e.value)
	if !s.is(name, n, want) {
		return "", origin{}, false
	}
	return n.Value, origin{s.file.path, place(n)}, true
}

func (s *section) is(name string, n *yaml.Node, want kind) bool {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == want.tag {
		return true
	}
	hint := ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && want == aText {
		hint = "; put it in quotes"
	}
	s.errorf(place(n), "`%s` must be %s, not %s%s", s.name(name), want.words, describe(n), hint)
	return false
}

// list returns the file's list of texts. Every bad one is reported.
func (s *section) list(name string, check func(string) error) ([]string, bool) {
	e, ok := s.entry(name)
	if !ok {
		return nil, false
	}
	s.give(name)
	n := target(e.value)
	if n.Kind != yaml.SequenceNode {
		s.errorf(place(n), "`%s` must be a list, not %s", s.name(name), describe(n))
		return nil, false
	}
	if len(n.Content) == 0 {
		s.errorf(place(n), "`%s` must not be empty", s.name(name))
		return nil, false
	}
	var list []string
	for i, item := range n.Content {
		item, name := target(item), fmt.Sprintf("%s[%d]", name, i)
		if !s.is(name, item, aText) {
			continue
		}
		if err := checkText(item.Value, check); err != nil {
			s.wrong(name, origin{s.file.path, place(item)}, err)
			continue
		}
		list = append(list, item.Value)
	}
	return list, len(list) == len(n.Content)
}

// environment returns what the environment says of a setting.
func (s *section) environment(name string, _ kind) (string, origin, bool) {
	v := variable(s.name(name))
	if v == "" {
		return "", origin{}, false
	}
	text, _ := s.file.env(v)
	if text == "" {
		return "", origin{}, false
	}
	s.give(name)
	return text, origin{file: v}, true
}

// overridden reports whether the environment has its own value for a setting.
func (s *section) overridden(name string) bool {
	_, _, ok := s.environment(name, aText)
	return ok
}

// wrong reports a value. The error completes a sentence that begins with the
// setting's name.
func (s *section) wrong(name string, from origin, err error) {
	s.file.found.Add(from.file, from.pos, "`%s` %v", s.name(name), err)
}

func checkText(text string, check func(string) error) error {
	switch {
	case text == "":
		return errEmpty
	case !utf8.ValidString(text):
		return errors.New("must be valid UTF-8")
	case check == nil:
		return nil
	}
	return check(text)
}

func unlisted(text string, words []string) error {
	hint := diag.Suggest(text, words)
	if hint != "" {
		hint = "; " + hint
	}
	return fmt.Errorf("must be one of %s%s", strings.Join(words, ", "), hint)
}
