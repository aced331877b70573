package sigma_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/internal/golden"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/workbench/sigma"
)

func mapping(t testing.TB) *sigma.Mapping {
	t.Helper()
	m, err := sigma.ReadMapping(sigma.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func imported(t testing.TB, name string, content []byte) (sigma.Result, string) {
	t.Helper()
	source := rules.Source{Name: name, Content: content}
	result := sigma.Import([]rules.Source{source}, mapping(t))
	var drawn strings.Builder
	if err := result.Findings.Render(&drawn, rules.SourceOf([]rules.Source{source})); err != nil {
		t.Fatal(err)
	}
	return result, drawn.String()
}

func TestCorrelationsBecomeRules(t *testing.T) {
	content, err := os.ReadFile("testdata/supported.yml")
	if err != nil {
		t.Fatal(err)
	}
	result, drawn := imported(t, "supported.yml", content)
	if drawn != "" {
		t.Errorf("findings:\n%s", drawn)
	}
	golden.Equal(t, "testdata/supported.golden.yaml", string(result.YAML))
	set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules) != result.Rules || len(set.Warnings) > 0 {
		t.Errorf("%d rules, want %d; warnings: %v", len(set.Rules), result.Rules, set.Warnings)
	}
	for _, r := range set.Rules {
		if r.Status == holdfast.Stable {
			t.Errorf("%s is live as soon as it is imported", r.ID)
		}
	}
}

func TestWhatIsNotSupportedIsRefusedByName(t *testing.T) {
	content, err := os.ReadFile("testdata/refused.yml")
	if err != nil {
		t.Fatal(err)
	}
	result, drawn := imported(t, "refused.yml", content)
	if len(result.YAML) > 0 {
		t.Errorf("a rule with an unsupported part is emitted:\n%s", result.YAML)
	}
	golden.Equal(t, "testdata/refused.golden", drawn)
}

// TestConditionsMeanWhatSigmaMeans asks the emitted condition of events, case by
// case as the specification has them.
func TestConditionsMeanWhatSigmaMeans(t *testing.T) {
	agent := func(s string) holdfast.Event { return holdfast.Event{Client: holdfast.Client{UserAgent: s}} }
	for _, tt := range []struct {
		detection  string
		match, not []holdfast.Event
	}{
		{"s: {c-useragent: CURL}", []holdfast.Event{agent("curl"), agent("Curl")}, []holdfast.Event{agent("curl/8"), agent("")}},
		{"s: {c-useragent: [a, B, 7]}", []holdfast.Event{agent("A"), agent("b"), agent("7")}, []holdfast.Event{agent("ab")}},
		{"s: {c-useragent: 'a*'}", []holdfast.Event{agent("a"), agent("AB\nC")}, []holdfast.Event{agent("ba")}},
		{"s: {c-useragent: '*.a'}", []holdfast.Event{agent("x.A")}, []holdfast.Event{agent("xa"), agent(".ab")}},
		{"s: {c-useragent: 'a?c*.e'}", []holdfast.Event{agent("aBc.e"), agent("a\nC--.E")}, []holdfast.Event{agent("ac.e"), agent("abcxe")}},
		{`s: {c-useragent: 'a\*'}`, []holdfast.Event{agent("A*")}, []holdfast.Event{agent("ab"), agent(`a\*`)}},
		{`s: {c-useragent: 'a\\*'}`, []holdfast.Event{agent(`a\`), agent(`A\b`)}, []holdfast.Event{agent("a*")}},
		{`s: {c-useragent: 'a\\\*'}`, []holdfast.Event{agent(`a\*`)}, []holdfast.Event{agent(`a\b`)}},
		{`s: {c-useragent: 'a\b'}`, []holdfast.Event{agent(`a\B`)}, []holdfast.Event{agent("ab")}},
		{`s: {c-useragent: "a\"b'c\td"}`, []holdfast.Event{agent("a\"b'c\td")}, []holdfast.Event{agent("abcd")}},
		{"s: {c-useragent: '*'}", []holdfast.Event{agent("x")}, []holdfast.Event{agent("")}},
		{"s: {c-useragent: null}", []holdfast.Event{agent("")}, []holdfast.Event{agent("x")}},
		{"s: {c-useragent|exists: true}", []holdfast.Event{agent("x")}, []holdfast.Event{agent("")}},
		{"s: {c-useragent|contains: 'b?d'}", []holdfast.Event{agent("ABCDE")}, []holdfast.Event{agent("abd")}},
		{"s: {c-useragent|contains|all: [ab, cd]}", []holdfast.Event{agent("CDAB")}, []holdfast.Event{agent("ab")}},
		{"s: {c-useragent|startswith|cased: [Ab, 'X']}", []holdfast.Event{agent("Abc"), agent("X")}, []holdfast.Event{agent("abc")}},
		{"s: {c-useragent|re: 'a[0-9]+$'}", []holdfast.Event{agent("xa12")}, []holdfast.Event{agent("A12"), agent("a1b")}},
		{"s: {c-useragent|re|i: 'a[0-9]'}", []holdfast.Event{agent("xA1")}, []holdfast.Event{agent("a")}},
		{"s: {c-useragent|neq: [a, b]}", []holdfast.Event{agent("c")}, []holdfast.Event{agent("A"), agent("b")}},
		{"s: {source.ip|cidr: 10.0.0.0/8}", []holdfast.Event{{Client: holdfast.Client{IP: "10.9.9.9"}}}, []holdfast.Event{{Client: holdfast.Client{IP: "11.0.0.1"}}, agent("")}},
		{"s: {client.asn: [1, 2]}", []holdfast.Event{{Client: holdfast.Client{ASN: 2}}}, []holdfast.Event{{Client: holdfast.Client{ASN: 3}}}},
		{"s: {client.asn|lt: 5}", []holdfast.Event{{Client: holdfast.Client{ASN: 4}}}, []holdfast.Event{{Client: holdfast.Client{ASN: 5}}}},
		{"s: {device.trusted: false}", []holdfast.Event{{Device: holdfast.Device{Trusted: holdfast.Untrusted}}}, []holdfast.Event{{Device: holdfast.Device{Trusted: holdfast.Trusted}}}},
		{"s: {type: [Login.Failed, x.own]}", []holdfast.Event{{Type: "login.failed"}, {Type: "x.OWN"}}, []holdfast.Event{{Type: "login.succeeded"}}},
		{"s: {event.outcome: Failure}", []holdfast.Event{{Type: "login.failed"}}, []holdfast.Event{{Type: "login.succeeded"}}},
		{"s: [{c-useragent: a, User: u}, {c-useragent: b}]", []holdfast.Event{agent("b")}, []holdfast.Event{agent("a")}},
	} {
		p := compiled(t, tt.detection+", condition: s")
		for _, e := range tt.match {
			if !p.Match(&expression.Scope{Event: &e}) {
				t.Errorf("%s: %s does not match %+v", tt.detection, p.Source, e)
			}
		}
		for _, e := range tt.not {
			if p.Match(&expression.Scope{Event: &e}) {
				t.Errorf("%s: %s matches %+v", tt.detection, p.Source, e)
			}
		}
	}
}

// TestConditionsJoinAsSigmaDoes checks precedence and quantifiers against truth
// tables: each selection is one letter in the user agent.
func TestConditionsJoinAsSigmaDoes(t *testing.T) {
	for text, want := range map[string]func(a, b, c bool) bool{
		"a or b and c":            func(a, b, c bool) bool { return a || b && c },
		"(a or b) and c":          func(a, b, c bool) bool { return (a || b) && c },
		"not a and b":             func(a, b, _ bool) bool { return !a && b },
		"NOT (a OR b) And not c":  func(a, b, c bool) bool { return !a && !b && !c },
		"1 of them":               func(a, b, c bool) bool { return a || b || c },
		"all of them":             func(a, b, c bool) bool { return a && b && c },
		"any of * and not a":      func(a, b, c bool) bool { return (a || b || c) && !a },
		"not 1 of a* or all of c": func(a, _, c bool) bool { return !a || c },
		"not (not a)":             func(a, _, _ bool) bool { return a },
	} {
		p := compiled(t, "a: {c-useragent|contains: a}, b: {c-useragent|contains: b}, c: {c-useragent|contains: c}, condition: "+text)
		for bits := range 8 {
			a, b, c := bits&1 > 0, bits&2 > 0, bits&4 > 0
			agent := "-"
			for letter, there := range map[string]bool{"a": a, "b": b, "c": c} {
				if there {
					agent += letter
				}
			}
			e := holdfast.Event{Client: holdfast.Client{UserAgent: agent}}
			if got := p.Match(&expression.Scope{Event: &e}); got != want(a, b, c) {
				t.Errorf("%s: %s is %v of %q", text, p.Source, got, agent)
			}
		}
	}
}

func compiled(t *testing.T, detection string) *expression.Program {
	t.Helper()
	text := "title: t\ncorrelation: {type: event_count, rules: [r], group-by: [User], timespan: 1m, condition: {gte: 2}}\n" +
		"---\nname: r\nlogsource: {product: holdfast}\ndetection: {" + detection + "}\n"
	result, drawn := imported(t, "s.yml", []byte(text))
	if drawn != "" {
		t.Fatalf("%s:\n%s", detection, drawn)
	}
	set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, result.YAML)
	}
	return set.Rules[0].Match
}

func TestHostileFilesAreRefused(t *testing.T) {
	correlation := "title: t\ncorrelation: {type: event_count, rules: [r], group-by: [User], timespan: 1m, condition: {gte: 2}}\n---\nname: r\nlogsource: {product: holdfast}\ndetection:\n"
	values := strings.Repeat("'"+strings.Repeat("x", 90)+"?', ", 100)
	for name, tt := range map[string]struct{ content, want string }{
		"too large":           {strings.Repeat("#", sigma.MaxFileSize+1), "larger than"},
		"aliases":             {"a: &a [x]\nb: [*a, *a]", "anchors and aliases"},
		"nesting":             {correlation + "  s: {User: a}\n  condition: " + strings.Repeat("(", 100) + "s", "nested more than"},
		"negation":            {correlation + "  s: {User: a}\n  condition: " + strings.Repeat("not ", 100) + "s", "nested more than"},
		"a long condition":    {correlation + "  s: {User: a}\n  condition: s" + strings.Repeat(" or s", 2000), "longer than 4096"},
		"a long expression":   {correlation + "  s: {User: [" + values + "]}\n  condition: s", "longer than 4096"},
		"one told very often": {correlation + "  s: {User: [" + values + "]}\n  condition: s" + strings.Repeat(" or s", 800), "longer than 4096"},
		"empty":               {"", "no Sigma rule"},
		"no YAML":             {"a: [", "not valid YAML"},
	} {
		result, drawn := imported(t, "s.yml", []byte(tt.content))
		if len(result.YAML) > 0 || !strings.Contains(drawn, tt.want) {
			t.Errorf("%s: %q, want %q", name, drawn, tt.want)
		}
	}
}

func TestMistakesInAMappingAreShownAtTheirPlace(t *testing.T) {
	source := rules.Source{Name: "m.yaml", Content: []byte("fields:\n  User: acount\n  out: {values: {a: 'typ == 1'}, vals: {}}\nlogsources:\n  - {product: a}\n  - {product: b, match: type == \"alert\"}\nfield: {}\n")}
	_, err := sigma.ReadMapping(source)
	list, ok := err.(diag.List) //nolint:errorlint // the documented type itself
	if !ok {
		t.Fatalf("ReadMapping = %v", err)
	}
	var drawn strings.Builder
	if err := list.Render(&drawn, rules.SourceOf([]rules.Source{source})); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/mapping.golden", drawn.String())
}

// FuzzImport checks that whatever is read ends in findings that can be drawn and
// in rules that compile.
func FuzzImport(f *testing.F) {
	for _, file := range []string{"testdata/supported.yml", "testdata/refused.yml"} {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add("title: \"a: 'b' # \\u202e\"\ncorrelation: {type: event_count, rules: [r], group-by: [attrs.in], timespan: 1m, condition: {gte: 2}}\n" +
		"---\nname: r\nauthor: \"x\\ny: z\"\nlogsource: {product: holdfast}\ndetection: {s: {attrs.in: \"\\0\\xff'\"}, condition: s}\n")
	m := mapping(f)
	f.Fuzz(func(t *testing.T, text string) {
		result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(text)}}, m)
		for _, d := range result.Findings {
			if d.Message == "" || d.Line < 0 || d.Column < 0 {
				t.Errorf("finding %#v", d)
			}
		}
		if result.Rules == 0 {
			if len(result.YAML) > 0 || len(result.Findings) == 0 {
				t.Errorf("neither rules nor findings, or both: %q", result.YAML)
			}
			return
		}
		set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
		if err != nil {
			t.Fatalf("%v in\n%s", err, result.YAML)
		}
		if len(set.Rules) != result.Rules {
			t.Errorf("%d rules, want %d:\n%s", len(set.Rules), result.Rules, result.YAML)
		}
	})
}
