package schema_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/schema"
)

// mappings are the mappings of a rule file: what the decoder calls each, the
// definition that describes it, and a file with KEY in it.
var mappings = []struct{ called, definition, file string }{
	{"a rule file", "", "KEY: x"},
	{"a rule", "rule", "rules: [{KEY: x}]"},
	{"`cancel`", "cancel", "rules: [{match: 'true', cancel: {KEY: x}}]"},
	{"a step", "step", "rules: [{sequence: [{KEY: x}]}]"},
	{"`without`", "without", "rules: [{match: 'true', without: {KEY: x}}]"},
	{"an exception", "exception", "rules: [{match: 'true', exceptions: [{KEY: x}]}]"},
	{"an override", "override", "rules: [{match: 'true', overrides: [{KEY: x}]}]"},
	{"`score`", "score", "rules: [{score: {KEY: x}}]"},
	{"a line of points", "line_of_points", "rules: [{score: {points: [{KEY: x}]}}]"},
	{"`surge`", "surge", "rules: [{match: 'true', surge: {KEY: x}}]"},
	{"a response", "response", "rules: [{match: 'true', respond: [{KEY: x}]}]"},
	{"`hold_codes`", "hold_codes", "rules: [{match: 'true', respond: [{hold_codes: {KEY: x}}]}]"},
	{"`terminate_sessions`", "terminate_sessions", "rules: [{match: 'true', respond: [{terminate_sessions: {KEY: x}}]}]"},
}

// object is what the tests read of a part of the schema.
type object struct {
	Description string            `json:"description"`
	Properties  map[string]object `json:"properties"`
	Ref         string            `json:"$ref"`
	Default     any               `json:"default"`
	Type        any               `json:"type"`
	Minimum     *int              `json:"minimum"`
	Maximum     *int              `json:"maximum"`
	Defs        map[string]object `json:"$defs"`
}

func read(t *testing.T, describe func() ([]byte, error)) object {
	t.Helper()
	text, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// properties are those of a definition; "" is the file's own.
func (o object) properties(definition string) map[string]object {
	if definition == "" {
		return o.Properties
	}
	return o.Defs[definition].Properties
}

func TestDecoderKnowsEveryKeyOfTheSchema(t *testing.T) {
	described := read(t, schema.Rules)
	for _, m := range mappings {
		keys := slices.Sorted(maps.Keys(described.properties(m.definition)))
		if len(keys) == 0 {
			t.Errorf("%s: the schema has no keys", m.called)
		}
		for _, key := range append(keys, "no_such_key") {
			source := rules.Source{Name: "f.yaml", Content: []byte(strings.ReplaceAll(m.file, "KEY", key))}
			_, err := rules.Compile([]rules.Source{source}, rules.Options{})
			unknown := strings.Contains(fmt.Sprint(err), fmt.Sprintf("unknown field `%s` in %s", key, m.called))
			if unknown != (key == "no_such_key") {
				t.Errorf("%s: `%s` is unknown to the decoder: %v", m.called, key, unknown)
			}
		}
	}
}

// TestSchemaKnowsEveryKeyOfTheDecoder reads the decoder's source: each call of
// its method mapping names a mapping and the keys that are known in it.
func TestSchemaKnowsEveryKeyOfTheDecoder(t *testing.T) {
	described := read(t, schema.Rules)
	keys := map[string][]string{"a rule": rules.Describe().Keys, "a response": holdfast.Kinds}
	files, err := filepath.Glob("../rules/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); !ok || method.Sel.Name != "mapping" {
				return true
			}
			called := literal(call.Args[1])
			if call.Ellipsis.IsValid() {
				if keys[called] == nil {
					t.Errorf("%s: the keys of %s are in a table that this test does not know", file, called)
				}
				return true
			}
			for _, arg := range call.Args[2:] {
				keys[called] = append(keys[called], literal(arg))
			}
			return true
		})
	}
	if len(keys) != len(mappings) {
		t.Errorf("the decoder reads the mappings %v, and this test knows %d", slices.Sorted(maps.Keys(keys)), len(mappings))
	}
	for _, m := range mappings {
		want, got := slices.Sorted(slices.Values(keys[m.called])), slices.Sorted(maps.Keys(described.properties(m.definition)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys of %s (-decoder +schema):\n%s", m.called, diff)
		}
	}
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}

func TestEveryKeyIsDescribed(t *testing.T) {
	described := read(t, schema.Rules)
	for _, m := range mappings {
		for key, p := range described.properties(m.definition) {
			if p.Description == "" {
				t.Errorf("`%s` of %s has no description", key, m.called)
			}
		}
	}
}

// TestRuleFilesAreValid checks the rule files of the repository. What check
// accepts, the schema must not underline.
func TestRuleFilesAreValid(t *testing.T) {
	s := compiled(t, schema.Rules)
	var files []string
	for _, pattern := range []string{
		"../rules/pack/*.yaml", "../deploy/rules/*.yaml", "../bench/ten.yaml",
		"../workbench/testdata/cases/*/rules*.yaml", "testdata/valid/*.yaml",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no files: %v", pattern, err)
		}
		files = append(files, found...)
	}
	sources, err := rules.ReadFiles(files...)
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if err := s.Validate(parsed(t, source.Content)); err != nil {
			t.Errorf("%s: %v", source.Name, err)
		}
	}
}

// TestWhatIsValidIsAccepted keeps the file that holds every key one that check
// accepts.
func TestWhatIsValidIsAccepted(t *testing.T) {
	sources, err := rules.ReadFiles("testdata/valid")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Compile(sources, rules.Options{}); err != nil {
		t.Error(err)
	}
}

// TestMistakesOfShapeAreInvalid checks one mistake at a time: a rule that is
// fine, and what makes it wrong. Check refuses each too.
func TestMistakesOfShapeAreInvalid(t *testing.T) {
	s := compiled(t, schema.Rules)
	const fine = "id: a, title: A, level: low, group_by: account, "
	for _, mistake := range []string{
		"id: a, title: A, level: low, match: 'true'",
		"title: A, level: low, group_by: account, match: 'true'",
		"id: A, title: A, level: low, group_by: account, match: 'true'",
		"id: a, title: A, level: hgh, group_by: account, match: 'true'",
		"id: a, title: '', level: low, group_by: account, match: 'true'",
		"id: a, title: A, level: low, group_by: acount, match: 'true'",
		"id: a, title: A, level: low, group_by: [], match: 'true'",
		"id: a, title: A, level: low, group_by: [account, account], match: 'true'",
		fine + "status: live, match: 'true'",
		fine + "status: stable",
		fine + "match: [x]",
		fine + "match: ",
		fine + "match: 'true', sequence: [{match: 'true'}]",
		fine + "match: 'true', until: 'true'",
		fine + "match: 'true', thresold: 5",
		fine + "match: 'true', count: 2",
		fine + "match: 'true', count: 0",
		fine + "match: 'true', count: many",
		fine + "match: 'true', distinct: {device.id: 2}",
		fine + "match: 'true', timespan: 5m, distinct: {device: 2}",
		fine + "match: 'true', timespan: 5m, distinct: {}",
		fine + "match: 'true', timespan: 10",
		fine + "match: 'true', timespan: soon",
		fine + "match: 'true', timespan: 0s",
		fine + "match: 'true', suppress: -5m",
		fine + "match: 'true', suppress: 5",
		fine + "match: 'true', cancel: {same: device.id}",
		fine + "match: 'true', without: {match: 'true'}",
		fine + "match: 'true', exceptions: [{match: 'true'}]",
		fine + "match: 'true', exceptions: [{name: a, match: 'true', until: tomorrow}]",
		fine + "match: 'true', overrides: [{match: 'true'}]",
		fine + "match: 'true', surge: {bucket: 5m}",
		fine + "match: 'true', count: 1, surge: {bucket: 5m, min: 1, sigmas: 3, warmup: 1, half_life: 1d}",
		fine + "sequence: []",
		fine + "sequence: [{match: 'true', count: 2}]",
		fine + "sequence: [{match: 'true'}, {match: 'true'}]",
		fine + "sequence: [{match: 'true'}], count: 2",
		fine + "sequence: [{match: 'true'}], cancel: {match: 'true'}",
		fine + "score: {threshold: 0, half_life: 1h, points: []}",
		fine + "score: {threshold: 1, half_life: 1h, points: [{match: 'true'}]}",
		fine + "score: {threshold: 1, half_life: 1h, points: []}, timespan: 1h",
		fine + "match: 'true', respond: [notify_owner]",
		fine + "match: 'true', respond: [{notify_owner: x, notify_team: y}]",
		fine + "match: 'true', respond: [{hold_codes: {}}]",
		fine + "match: 'true', respond: [{page_someone: x}]",
		fine + "match: 'true', respond: [{terminate_sessions: {scope: suspect}}]",
		fine + "match: 'true', respond: [{terminate_sessions: {wipe: maybe}}]",
		fine + "match: 'true', respond: [{terminate_sessions: {scope: all_others, when: now}}]",
	} {
		text := []byte("rules: [{" + mistake + "}]")
		if err := s.Validate(parsed(t, text)); err == nil {
			t.Errorf("the schema accepts %s", text)
		}
		if _, err := rules.Compile([]rules.Source{{Name: "f.yaml", Content: text}}, rules.Options{}); err == nil {
			t.Errorf("check accepts %s", text)
		}
	}
}

// TestBrokenFiles checks that those of the decoder's broken files are invalid to
// the schema whose mistakes are of shape, and not inside of conditions or between
// rules.
func TestBrokenFiles(t *testing.T) {
	s := compiled(t, schema.Rules)
	for _, name := range []string{
		"bad-duration", "distinct-shape", "empty", "group-by-typo", "missing-timespan", "operators", "respond",
		"other-words", "sequence-with-cancel", "shape", "two-operators", "typo-in-key",
	} {
		text, err := os.ReadFile(filepath.Join("../rules/testdata/broken", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(parsed(t, text)); err == nil {
			t.Errorf("the schema accepts %s.yaml", name)
		}
	}
}

func TestDurationsAreThoseOfTheLanguage(t *testing.T) {
	s := compiled(t, schema.Rules)
	for _, d := range []string{
		"90s", "10m", "1h30m", "7d", "2w", "1w2d", "2d1w", "1d12h", "1.5h", ".5h", "5.m", "300ms", "1us", "1µs", "0s", "0",
		"", "5", "s", "d", "-1s", "1d-1h", "1.5d", "1h1d", "1 d", "five", "10 m", "1y",
	} {
		text := fmt.Sprintf("rules: [{id: a, title: A, level: low, group_by: account, match: 'true', suppress: %q}]", d)
		v, err := expression.ParseDuration(d)
		accepted := err == nil && v >= 0
		if valid := s.Validate(parsed(t, []byte(text))) == nil; valid != accepted {
			t.Errorf("%q is valid: %v, and accepted: %v", d, valid, accepted)
		}
	}
}
