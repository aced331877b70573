package sigma_test

import (
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/workbench/sigma"
)

// mapped returns the mapping of one log source, product a, with the condition as
// it is written in YAML after match:.
func mapped(match string) (*sigma.Mapping, error) {
	text := "logsources:\n  - product: a\n    match: " + match + "\n"
	return sigma.ReadMapping(rules.Source{Name: "m.yaml", Content: []byte(text)})
}

const overA = "title: t\ncorrelation: {type: event_count, rules: [r], group-by: [account], timespan: 1m, condition: {gte: 2}}\n" +
	"---\nname: r\nlogsource: {product: a}\ndetection: {s: {client.country: DE}, condition: "

// TestAMappedConditionMeansTheSameInARule asks the emitted condition of all events
// of which each says in one way whether the log source and the detection mean it.
func TestAMappedConditionMeansTheSameInARule(t *testing.T) {
	for _, match := range []string{
		`'true'`,
		`type == "login.failed"`,
		`'type=="login.failed"'`,
		`type in ["login.failed", "code.rejected"]`,
		"|\n      type == \"login.failed\" or\n      type == \"code.rejected\"",
		"|\n      type == \"login.failed\"\n      ||\n      type == \"code.rejected\"",
		"\"type == 'login.failed'\\tor\\ttype == 'code.rejected'\"",
		`'type == "login.failed" or(type == "code.rejected")'`,
		`'(type == "login.failed")or(type == "code.rejected")'`,
		`'(type == "login.failed") || (type == "code.rejected")'`,
		`'not (type == "login.failed")'`,
		`'!(type == "login.failed") && !(type == "code.rejected")'`,
		`'device.trusted'`,
		`'!device.trusted'`,
		`'attrs.note == "a  b"'`,
		`"attrs.note == 'a  b'"`,
		"'attrs.note == `a  b`'",
		`'attrs.note == "a // b"'`,
		`'attrs.note == "a \" or \\" || type == "login.failed"'`,
		`'attrs.note == "x" or attrs.note in ["a  b", "]"]'`,
		`'attrs.note contains ")" or attrs.note startsWith "("'`,
	} {
		m, err := mapped(match)
		if err != nil {
			t.Errorf("%s: %v", match, err)
			continue
		}
		source := meant(t, match)
		for detection, want := range map[string]func(source, detected bool) bool{
			"s":     func(source, detected bool) bool { return source && detected },
			"not s": func(source, detected bool) bool { return source && !detected },
		} {
			result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(overA + detection + "}\n")}}, m)
			set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
			if err != nil {
				t.Fatalf("%s: %v %v", match, err, result.Findings)
			}
			met := 0
			for _, eventType := range []string{"login.failed", "code.rejected", "login.succeeded"} {
				for _, note := range []string{"", "x", "a b", "a  b", "a // b", `a " or \`, "a)", "(a"} {
					for _, country := range []string{"DE", "FR"} {
						for _, trust := range []holdfast.Trust{holdfast.Trusted, holdfast.Untrusted} {
							e := holdfast.Event{
								Type: eventType, Attrs: []holdfast.Attr{{Name: "note", Value: note}},
								Client: holdfast.Client{Country: country}, Device: holdfast.Device{Trusted: trust},
							}
							scope := &expression.Scope{Event: &e}
							got, want := set.Rules[0].Match.Match(scope), want(source.Match(scope), country == "DE")
							if got != want {
								t.Errorf("%s and %s: %s is %v of a %s, note %q, from %s", match, detection, set.Rules[0].Match.Source, got, eventType, note, country)
							}
							if want {
								met++
							}
						}
					}
				}
			}
			if met == 0 {
				t.Errorf("%s and %s: no event tells anything", match, detection)
			}
		}
	}
}

// meant compiles a condition as it stands in the mapping.
func meant(t *testing.T, match string) *expression.Program {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(
		"rules:\n  - id: r\n    title: T\n    level: low\n    group_by: account\n    match: " + match + "\n")}}, rules.Options{})
	if err != nil {
		t.Fatalf("%s: %v", match, err)
	}
	return set.Rules[0].Match
}

func TestAMappedValueMeansTheSameInARule(t *testing.T) {
	m, err := sigma.ReadMapping(rules.Source{Name: "m.yaml", Content: []byte(
		"fields:\n  outcome:\n    values:\n      bad: |\n        type == \"login.failed\" or\n        type == \"code.rejected\"\nlogsources: [{product: a, match: 'true'}]\n")})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(overA, "s: {client.country: DE}", "s: {outcome: bad, client.country: DE}", 1) + "s}\n"
	result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(text)}}, m)
	set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
	if err != nil {
		t.Fatalf("%v %v", err, result.Findings)
	}
	for country, want := range map[string]bool{"DE": true, "FR": false} {
		e := holdfast.Event{Type: "login.failed", Client: holdfast.Client{Country: country}}
		if got := set.Rules[0].Match.Match(&expression.Scope{Event: &e}); got != want {
			t.Errorf("%s is %v of a failure from %s", set.Rules[0].Match.Source, got, country)
		}
	}
}

func TestAMappingRefusesWhatARuleWouldChange(t *testing.T) {
	for match, want := range map[string]string{
		`'type == "login.failed" // only failures'`:              "m.yaml:3:12: a comment in a condition",
		`'type == "login.failed" /* x */'`:                       "a comment in a condition",
		`'type == "a" //'`:                                       "a comment in a condition",
		`"type == 'a' // x || y\n or type == 'b'"`:               "a comment in a condition",
		"\"attrs.note == `a\\nb`\"":                              "does not print",
		`"attrs.note == 'a\tb'"`:                                 "does not print",
		"x.a\n  - {product: a, match: 'true'}":                   "unknown field `x.a`",
		"'true'\n  - {product: a, match: 'true'}":                "the log source with product `a` is given twice",
		"'true'\n  - {product: [b], match: 'true'}":              "m.yaml:4:15: `product` must be a text",
		"'true'\nfields: {f: {values: {A: 'true', a: 'false'}}}": "value `a` is given twice",
		"['true']": "a condition must be a text",
	} {
		if _, err := mapped(match); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", match, err, want)
		}
	}
}

// TestWhatIsNoTextIsRefusedAtItsPlace checks every place in which Sigma has texts:
// what is none must not be read as if it were not there.
func TestWhatIsNoTextIsRefusedAtItsPlace(t *testing.T) {
	const rule = `title: t
tags: [attack.t1110]
falsepositives: None
correlation:
    type: event_count
    rules: [r]
    group-by: [account]
    timespan: 1m
    condition: {gte: 2}
---
name: r
status: test
logsource: {product: a}
detection:
    s: {client.country: DE}
    condition: [s]
`
	m, err := mapped("'true'")
	if err != nil {
		t.Fatal(err)
	}
	imported := func(text string) (int, string) {
		result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(text)}}, m)
		return result.Rules, result.Findings.Error()
	}
	if n, findings := imported(rule); n != 1 || findings != "" {
		t.Fatalf("%d rules, %s", n, findings)
	}
	for _, tt := range []struct{ old, changed, want string }{
		{"[account]", "{a: b}", "s.yml:7:15: `group-by`"},
		{"[account]", "[[client.ip, account]]", "s.yml:7:16: `group-by`"},
		{"[account]", "[account, {x: y}]", "s.yml:7:25: `group-by`"},
		{"[attack.t1110]", "[attack.t1110, [x]]", "s.yml:2:22: `tags`"},
		{"[attack.t1110]", "{a: b}", "s.yml:2:7: `tags`"},
		{"None", "[None, {a: b}]", "s.yml:3:24: `falsepositives`"},
		{"None", "None\nfields: [a, [b]]", "s.yml:4:13: `fields`"},
		{"None", "None\nreferences: {a: b}", "s.yml:4:13: `references`"},
		{"None", "None\nlevel: [high]", "s.yml:4:8: `level`"},
		{"None", "None\ndescription: {a: b}", "s.yml:4:14: `description`"},
		{"None", "None\nname: [a]", "s.yml:4:7: `name`"},
		{"None", "None\nid: {a: b}", "s.yml:4:5: `id`"},
		{"status: test", "status: [deprecated]", "s.yml:12:9: `status`"},
		{"status: test", "taxonomy: [own]", "s.yml:12:11: `taxonomy`"},
		{"{product: a}", "{product: a, category: [x]}", "s.yml:13:35: `category`"},
		{"[s]", "[s, {a: b}]", "s.yml:16:20: `condition`"},
		{"[s]", "{a: s}", "s.yml:16:16: `condition`"},
		{"event_count", "[event_count]", "s.yml:5:11: `type`"},
		{"1m", "[1m]", "s.yml:8:15: `timespan`"},
	} {
		n, findings := imported(strings.Replace(rule, tt.old, tt.changed, 1))
		if n != 0 || !strings.Contains(findings, tt.want) {
			t.Errorf("%s: %d rules and %q, want none and %q", tt.changed, n, findings, tt.want)
		}
	}
	// What is only repeated in a comment may be of any shape, and is not cut short in silence.
	result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(strings.Replace(rule, "None", "None\nrelated: [{id: x, type: derived}]\nnotes: [a, {b: c}]", 1))}}, m)
	if result.Rules != 1 || !strings.Contains(string(result.YAML), "; related: …; notes: a, …\n") {
		t.Errorf("%v\n%s", result.Findings, result.YAML)
	}
}

// FuzzMapping checks that whatever a mapping says of a log source ends in findings
// or in a rule that asks just that.
func FuzzMapping(f *testing.F) {
	for _, seed := range []string{
		"true", "type == \"a\" or\n type == \"b\"", `type == "a" or(type == "b")`, `type == "a" // b`, `type == "a" /* b */`,
		`attrs.x == "a  b"`, "attrs.x == `a\n\"b`", `attrs.x == "\\" or attrs.x == "\""`, "!device.trusted", `attrs["a b"] == 'c'`,
		"device.trusted ? true : false", "not device.trusted", `attrs.x == "a #: b"`, "attrs.x == \"a\u0085b\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, condition string) {
		quoted := "\"" + strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\t", "\\t", "\r", "\\r", "\u0085", "\\N").Replace(condition) + "\""
		m, err := mapped(quoted)
		if err != nil {
			return
		}
		read, problems := expression.Compile(condition, nil)
		if read == nil {
			t.Skip(problems) // YAML reads it as something else
		}
		result := sigma.Import([]rules.Source{{Name: "s.yml", Content: []byte(overA + "s}\n")}}, m)
		if result.Rules == 0 {
			if result.Findings.Errors() == 0 {
				t.Fatalf("%q: neither a rule nor a finding", condition)
			}
			return
		}
		set, err := rules.Compile([]rules.Source{{Name: "imported.yaml", Content: result.YAML}}, rules.Options{})
		if err != nil {
			t.Fatalf("%q: %v in\n%s", condition, err, result.YAML)
		}
		want := "(" + condition + "\n) && lower(client.country) == \"de\""
		if condition == "true" {
			want = `lower(client.country) == "de"`
		}
		if same, _ := expression.Compile(want, nil); same != nil && same.Key() != set.Rules[0].Match.Key() {
			t.Errorf("%q became %s", condition, set.Rules[0].Match.Source)
		}
	})
}
