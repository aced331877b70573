package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
)

// largestFile bounds a configuration file, in bytes.
const largestFile = 1 << 20

// Load reads the configuration file at path. The environment is asked through
// env, which has the signature of [os.LookupEnv]; a command lays its flags over
// it to let them win. The error is a [diag.List] of everything that is wrong.
//
// Relative paths in the file are relative to its folder.
func Load(path string, env func(name string) (string, bool)) (*Config, error) {
	f := &file{path: path, folder: filepath.Dir(path), env: env}
	c := defaults()
	if root, ok := f.parse(); ok {
		s := f.root(root)
		c.read(s)
		s.close()
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// file is a configuration file while it is being read.
type file struct {
	path   string // as it was given
	folder string // that relative paths start from
	env    func(name string) (string, bool)
	found  diag.List

	// revealing is set once the file may hold a secret in plain text. None of
	// its lines is shown from then on: YAML can spread a text over many.
	revealing bool
}

func (f *file) err() error {
	for i := range f.found {
		if f.found[i].File == f.path {
			f.found[i].Secret = f.revealing
		}
	}
	f.found.Sort()
	return f.found.Err()
}

// parse returns the file's one document, nil if it is empty.
func (f *file) parse() (*yaml.Node, bool) {
	source, err := readBounded(f.path, largestFile)
	if err != nil {
		f.found.Add(f.path, diag.Pos{}, "can't be read: %v", err)
		return nil, false
	}
	f.revealing = passwordInURL.Match(source)
	documents := yaml.NewDecoder(bytes.NewReader(source))
	var first, second yaml.Node
	switch err := documents.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, true
	case err != nil:
		f.syntax(err)
		return nil, false
	}
	switch err := documents.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], true
	case err != nil:
		f.syntax(err)
	default:
		f.found.Add(f.path, place(&second), "a second document; the configuration is one")
	}
	return nil, false
}

// passwordInURL finds what must not be in the file at all, wherever it is.
var passwordInURL = regexp.MustCompile(`(?i)://\S*:\S*@|[?&](ssl)?password=`)

var (
	yamlMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
	// unknownAnchor quotes the file, and so perhaps a password with an asterisk.
	unknownAnchor = regexp.MustCompile(`^unknown anchor '.*' referenced`)
)

// syntax reports what the YAML parser says. What can't be parsed may hold a
// secret anywhere.
func (f *file) syntax(err error) {
	f.revealing = true
	var pos diag.Pos
	message := "not YAML"
	if m := yamlMessage.FindStringSubmatch(err.Error()); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			pos = diag.Pos{Line: line, Column: 1}
		}
		message = "not YAML: " + unknownAnchor.ReplaceAllString(m[2], "an alias (*) names an anchor (&) that is not there")
	}
	f.found.Add(f.path, pos, "%s", message)
}

// resolve makes a path of the file relative to its folder.
func (f *file) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.folder, path)
}

func place(n *yaml.Node) diag.Pos { return diag.Pos{Line: n.Line, Column: n.Column} }

// readBounded reads a whole file of at most limit bytes. Its errors don't name
// the file: the caller's place does.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, reason(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return data, nil
}

// reason takes the path out of a file error.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
