package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// manyRules writes rules that differ in their thresholds, with one of the given
// conditions each.
// The thresholds of a file are all the same if step is 0.
func manyRules(n, step int, conditions ...string) rules.Source {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {id: r-%d, title: T, level: low, group_by: account, count: %d, timespan: %dm, match: '%s'}\n",
			i, 2+i*step, 10+i*step, strings.ReplaceAll(conditions[i%len(conditions)], "#", fmt.Sprint(i)))
	}
	return rules.Source{Name: "many.yaml", Content: []byte(b.String())}
}

func BenchmarkCheck(b *testing.B) {
	var ors strings.Builder
	for i := range 40 {
		fmt.Fprintf(&ors, `(account contains "%d" || phone contains "%d") && `, i, i)
	}
	for name, source := range map[string]rules.Source{
		"1000 rules of one kind": manyRules(1000, 0, `type == "code.requested" && attrs.app == "#"`),
		"1000 rules": manyRules(1000, 1,
			`type == "code.requested" && channel in ["sms", "voice"] && !device.trusted && attrs.app == "#"`,
			`type == "login.failed" && client.country != "DE" && client.asn > #`,
			`type in ["code.rejected", "code.expired"] && (device.age < duration("3h") || !network.known) && attrs.app == "#"`),
		"1500 hostile rules": manyRules(1500, 0, ors.String()+`(channel == "a" || channel == "b") && attrs.app == "#" && channel == "c"`),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if set, _ := rules.Check([]rules.Source{source}, rules.Options{}); set == nil {
					b.Fatal("the rules don't compile")
				}
			}
		})
	}
}

func TestRulesThatDifferAddSomething(t *testing.T) {
	const before = `
rules:
  - {id: a, title: A, level: low, group_by: account, match: 'type == "x.a" && device.known', count: 3, timespan: 5m, suppress: 1h}
  - {id: b, title: B, level: low, group_by: account, match: 'type == "x.a" && device.known', count: 3, timespan: 5m, suppress: 1h}
`
	for _, tt := range []struct {
		name, old, new string
		adds           bool
	}{
		{"nothing", "", "", false},
		{"the order of the parts", `type == "x.a" && device.known`, `device.known and (type == "x.a")`, false},
		{"a title", "title: B", "title: Another", false},
		{"a higher count", "count: 3", "count: 5", false},
		{"a lower count", "count: 3", "count: 2", false}, // now it is the other that adds nothing
		{"a shorter timespan", "timespan: 5m", "timespan: 4m", false},
		{"a narrower condition", "&& device.known", "&& device.known && country.known", false},
		{"a higher count and a higher level", "level: low, group_by: account, match: 'type == \"x.a\" && device.known', count: 3", "level: high, group_by: account, match: 'type == \"x.a\" && device.known', count: 5", true},
		{"a higher count and a longer timespan", "count: 3, timespan: 5m", "count: 5, timespan: 1h", true},
		{"a higher count and a shorter silence", "count: 3, timespan: 5m, suppress: 1h", "count: 5, timespan: 5m, suppress: 5m", true},
		{"a higher count and another response", "count: 3, timespan: 5m, suppress: 1h", "count: 5, timespan: 5m, suppress: 1h, respond: [{notify_team: oncall}]", true},
		{"a higher count and an answer that is waited for", "count: 3, timespan: 5m, suppress: 1h", "count: 5, timespan: 5m, suppress: 1h, without: {match: 'type == \"x.b\"', for: 1m}", true},
		{"a higher count, being in test", "count: 3,", "status: test, count: 5,", true},
		{"another group", "group_by: account", "group_by: [account, device.id]", true},
		{"another condition", "x.a", "x.b", true},
		{"a condition that overlaps", "&& device.known", "&& country.known", true},
		{"deprecation", "count: 3,", "status: deprecated, count: 3,", true},
	} {
		first, second, _ := strings.Cut(before, "  - {id: b")
		source := first + "  - {id: b" + strings.Replace(second, tt.old, tt.new, 1)
		_, found := rules.Check([]rules.Source{{Name: "r.yaml", Content: []byte(source)}}, rules.Options{})
		if found.Errors() > 0 || len(found) > 1 || (len(found) == 0) != tt.adds {
			t.Errorf("a rule that differs by %s adds something: %v, want %v", tt.name, found, tt.adds)
		}
	}
}

func TestACheckedSetIsTheCompiledOne(t *testing.T) {
	sources := []rules.Source{manyRules(3, 1, `type == "code.requestd" && attrs.app == "#"`)}
	compiled, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		t.Fatal(err) // a new finding of check must not keep the daemon from starting
	}
	set, found := rules.Check(sources, rules.Options{})
	if set == nil || set.Hash != compiled.Hash || found.Errors() != 3 || set.Warnings.Errors() != 0 {
		t.Errorf("checked %+v with %v", set, found)
	}
	for _, d := range found {
		if d.Code == "" || d.Severity == diag.Error && d.Line == 0 {
			t.Errorf("%v has no code or no place", d)
		}
	}
}
