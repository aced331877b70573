package rules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// setOf writes rules r0, r1, …, by the conditions on alerts and further keys that
// are given for each, 2,000 to a file.
func setOf(n int, rule func(i int) (match, more string)) []rules.Source {
	const perFile = 2000
	var sources []rules.Source
	var b strings.Builder
	for i := range n {
		if i%perFile == 0 {
			b.WriteString("rules:\n")
		}
		match, more := rule(i)
		fmt.Fprintf(&b, "  - {id: r%d, title: T, level: low, group_by: account, match: %s, count: %d, timespan: %dm%s}\n", i, match, i+1, i+1, more)
		if i%perFile == perFile-1 || i == n-1 {
			sources = append(sources, rules.Source{Name: fmt.Sprintf("%03d.yaml", i/perFile), Content: []byte(b.String())})
			b.Reset()
		}
	}
	return sources
}

// everyNth names n rules, as a condition lists them.
func everyNth(n, step int, prefix string) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%q", fmt.Sprint(prefix, i*step)))
	}
	return strings.Join(names, ", ")
}

// TestFindingsBetweenRulesAreBounded checks what is said of sets in which pairs of
// rules, or the paths among them, have as many findings as there are pairs.
func TestFindingsBetweenRulesAreBounded(t *testing.T) {
	const longest = 400 // bytes of a message
	for _, tt := range []struct {
		name  string
		set   []rules.Source
		most  int // findings of this code
		wants []string
	}{
		{
			"every rule builds on all others",
			setOf(6000, func(int) (string, string) { return `'type == "alert"'`, "" }),
			12_000,
			[]string{
				"000.yaml:3:10: rules build on each other in a circle: `r0` builds on `r1`, which builds on `r0`; name the rules it builds on by rule in [\"…\"]",
				"rule `r11` and 5988 more build on each other in circles too",
			},
		},
		{
			"half of them in test",
			setOf(2000, func(i int) (string, string) { return `'type == "alert"'`, []string{"", ", status: test"}[i%2] }),
			12_000,
			[]string{
				"000.yaml:2:10: warning: a live rule does not see the alerts of `r5`, which is in test",
				"000.yaml:2:10: warning: nor does it see the alerts of 997 more rules, which are in test",
			},
		},
		{
			"one rule builds on all others",
			setOf(3000, func(i int) (string, string) {
				if i == 0 {
					return `'type == "alert"'`, ""
				}
				return `'type == "x.a"'`, ", status: deprecated"
			}),
			8,
			[]string{
				"000.yaml:2:10: warning: `r3` is deprecated and never fires",
				"000.yaml:2:10: warning: 2996 more rules that it builds on are deprecated",
				"000.yaml:2:10: warning: it is also less than the timespan and suppress of 2996 more rules",
			},
		},
		{
			"a long circle",
			setOf(6000, func(i int) (string, string) {
				return fmt.Sprintf(`'type == "alert" && rule == "r%d"'`, (i+1)%6000), ""
			}),
			6001,
			[]string{"002.yaml:2001:93: rules build on each other in a circle: `r0` builds on `r1`, which builds on `r2`, which builds on `r3`, which builds on `r4`, " +
				"which builds on `r5`, which builds on `r6`, which builds on `r7`, and so on by way of 5992 more, back to `r0`; leave out one of these"},
		},
		{
			"a list of rules, told again and again",
			setOf(300, func(i int) (string, string) {
				if i == 0 {
					return `&list 'type == "alert" && rule in [` + everyNth(300, 1, "r") + "]'", ""
				}
				return "*list", ""
			}),
			1800,
			[]string{"rule `r11` and 288 more build on each other in circles too"},
		},
		{
			"names of no rule",
			setOf(300, func(i int) (string, string) {
				if i == 0 {
					return `&list 'type == "alert" && rule in [` + everyNth(400, 3, "q") + "]'", ""
				}
				return "*list", ""
			}),
			1200,
			[]string{
				"there is no rule `q0` to build on; did you mean `r0`?",
				"there are no rules either of 397 more names that it builds on",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.Compile(tt.set, rules.Options{})
			_, found := rules.Check(tt.set, rules.Options{})
			if (found.Errors() > 0) != (err != nil) {
				t.Errorf("Check finds %d errors, Compile says %v", found.Errors(), err)
			}
			said := map[string]bool{}
			alerts := 0
			for _, d := range found {
				if len(d.Message) > longest {
					t.Errorf("a message of %d bytes: %.200s…", len(d.Message), d.Message)
				}
				if d.Code == "alerts" {
					alerts++
				}
				said[d.String()] = true
				said[d.String()[strings.Index(d.String(), ": ")+2:]] = true
			}
			if alerts == 0 || alerts > tt.most {
				t.Errorf("%d findings about alerts, want up to %d", alerts, tt.most)
			}
			for _, want := range tt.wants {
				if !said[want] {
					t.Errorf("nothing says %q", want)
				}
			}
			if t.Failed() {
				t.Log(first(found, 30))
			}
		})
	}
}

func first(found diag.List, n int) string { return found[:min(n, len(found))].Error() }

// TestCirclesAreTheShortest checks which circles are told, of sets written as the
// sources of each rule: a letter for a rule, * for all others.
func TestCirclesAreTheShortest(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sources []string // of rule a, b, …
		want    []string
	}{
		{"none", []string{"", "a", "ab"}, nil},
		{"one builds on all others", []string{"*", "", "b"}, nil},
		{"two of each other", []string{"b", "a"}, []string{"ab"}},
		{"a detour", []string{"bc", "c", "a"}, []string{"ac", "bca"}},
		{"two circles that share a rule", []string{"bc", "a", "a"}, []string{"ab", "ca"}},
		{"two circles apart", []string{"b", "a", "d", "c"}, []string{"ab", "cd"}},
		{"a way into a circle and out of it", []string{"b", "c", "bd", ""}, []string{"bc"}},
		{"on all others, and named", []string{"*", "a", ""}, []string{"ab"}},
		{"on all others, and named by way of another", []string{"*", "c", "a", ""}, []string{"ac", "bca"}},
		{"both on all others", []string{"*", "*", ""}, []string{"ab"}},
	} {
		id := func(i int) string { return string(rune('a' + i)) }
		var b strings.Builder
		b.WriteString("rules:\n")
		for i, sources := range tt.sources {
			match := `type == "x.a"`
			if sources == "*" {
				match = `type == "alert"`
			} else if sources != "" {
				match = `type == "alert" && rule in ["` + strings.Join(strings.Split(sources, ""), `", "`) + `"]`
			}
			fmt.Fprintf(&b, "  - {id: %s, title: T, level: low, group_by: account, match: '%s'}\n", id(i), match)
		}
		_, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(b.String())}}, rules.Options{})
		var got []string
		if err != nil {
			for d := range strings.Lines(err.Error()) {
				_, circle, ok := strings.Cut(d, "in a circle: `")
				if !ok {
					t.Errorf("%s: %s", tt.name, d)
				}
				links := ""
				for _, link := range strings.Split("builds on `"+circle, "builds on `")[1:] {
					links += link[:1]
				}
				got = append(got, links[:len(links)-1])
			}
		}
		slices.Sort(got) // they are reported where they are closed
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: circles %v, want %v", tt.name, got, tt.want)
		}
	}
}
