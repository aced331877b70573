package ruletest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench/ruletest"
)

// folder writes files and moves into their folder.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTestsLieBesideTheirRules(t *testing.T) {
	folder(t, map[string]string{
		"rules/b.yaml": "", "rules/b_test.yaml": "", "rules/a_test.yml": "", "rules/below/c_test.yaml": "",
		"rules/.hidden_test.yaml": "", "rules/lonely.yaml": "", "rules/notes_test.txt": "", "none/a.yaml": "",
	})
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{[]string{"rules"}, "rules/a_test.yml rules/b_test.yaml rules/below/c_test.yaml"},
		{[]string{"rules/b.yaml"}, "rules/b_test.yaml"},
		{[]string{"rules/b_test.yaml", "rules/below", "rules/b.yaml"}, "rules/b_test.yaml rules/below/c_test.yaml"},
		{[]string{"rules/lonely.yaml"}, "reading rule tests: rules/lonely.yaml has no tests; they would be in rules/lonely_test.yaml"},
		{[]string{"none"}, "reading rule tests: none holds no *_test.yaml file"},
	} {
		sources, err := ruletest.ReadFiles(tt.paths...)
		var names []string
		for _, s := range sources {
			names = append(names, filepath.ToSlash(s.Name))
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = filepath.ToSlash(err.Error())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.paths, diff)
		}
	}
}

func TestRulesUnderTest(t *testing.T) {
	rule := func(id string) string {
		return "rules: [{id: " + id + ", title: T, level: low, group_by: account, match: 'true'}]"
	}
	expecting := func(rule string) string {
		return "tests: [{name: n, events: [{at: 0s, type: x.all, account: a}], expect: [{rule: " + rule + "}]}]"
	}
	folder(t, map[string]string{
		"rules/a.yaml": rule("a"), "rules/a_test.yaml": expecting("a"), "rules/below/b.yaml": rule("b"), "rules/b_test.yaml": expecting("b"),
		"tests/named_test.yaml":   "rules: [../rules/a.yaml]\n" + expecting("a"),
		"tests/nowhere_test.yaml": "rules: [../rules/x.yaml]\n" + expecting("a"),
		"tests/other_test.yaml":   "rules: [../rules/a.yaml]\n" + expecting("b"),
	})
	given := []rules.Source{{Name: "given.yaml", Content: []byte(rule("b"))}}
	for _, tt := range []struct {
		file  string
		rules []rules.Source
		want  string
	}{
		{"rules/a_test.yaml", nil, ""},
		{"rules/b_test.yaml", nil, ""}, // from a folder below
		{"tests/named_test.yaml", nil, ""},
		{"tests/nowhere_test.yaml", nil, "tests/nowhere_test.yaml:1:9: there is no file rules/x.yaml"},
		{"tests/other_test.yaml", nil, "tests/other_test.yaml:2:80: there is no rule `b`; did you mean `a`?"},
		{"tests/other_test.yaml", given, ""},
	} {
		sources, err := ruletest.ReadFiles(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		l := ruletest.Loader{Rules: tt.rules}
		_, found, err := l.Load(sources)
		if got := found.Error(); err != nil || got != tt.want {
			t.Errorf("%s: %v, found %q, want %q", tt.file, err, got, tt.want)
		}
	}
}

func TestRulesThatNoTestNames(t *testing.T) {
	suites, _, err := load("tests: [{name: n, events: [{at: 0s, type: x.all, account: a}], expect: [{rule: everywhere}], expect_not: [burst]}]")
	if err != nil {
		t.Fatal(err)
	}
	untested, of := ruletest.Untested(suites)
	if got := strings.Join(untested, " "); got != "unanswered spread stranger denied" || of != 6 {
		t.Errorf("untested of %d: %s", of, got)
	}
}
