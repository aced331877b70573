package workbench

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/golden"
	"github.com/holdfastd/holdfast/rules"
)

func difference(t *testing.T, before, after *rules.Set, path string) *Difference {
	t.Helper()
	d := Diff{Old: before, New: after, Plan: asLevelsAsk}
	got, err := d.Run(t.Context(), Events{Files: []string{path}, Diagnostics: new(bytes.Buffer)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestASetDoesNotDifferFromItself goes over random events.
func TestASetDoesNotDifferFromItself(t *testing.T) {
	path := attacks(t, 20_000)
	for _, yaml := range []string{byAccount, everyEvent, byAccount + strings.TrimPrefix(everyEvent, "\nrules:\n")} {
		d := difference(t, compiled(t, yaml), compiled(t, yaml), path)
		if !d.Equal || len(d.Rules)+len(d.Added)+len(d.Removed)+len(d.Changed) > 0 || d.All.Old != d.All.New {
			t.Errorf("a set differs from itself: %+v", d)
		}
		var text bytes.Buffer
		if err := d.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text.String(), "no difference over 20,000 events of 60 accounts in 6 hours\n") {
			t.Errorf("the text is\n%s", &text)
		}
	}
}

// TestADifferenceTurnsRound compares both ways.
func TestADifferenceTurnsRound(t *testing.T) {
	path := attacks(t, 20_000)
	before, after := compiled(t, byAccount), compiled(t, strings.Replace(byAccount, "count: 3, timespan: 5m", "count: 2, timespan: 4m", 1))
	there, back := difference(t, before, after, path), difference(t, after, before, path)
	if len(there.Rules) == 0 || len(there.Rules) != len(back.Rules) {
		t.Fatalf("%d and %d rules differ", len(there.Rules), len(back.Rules))
	}
	for i, x := range there.Rules {
		y := back.Rules[i]
		got := []any{x.Old, x.New, x.Gained, x.Lost, x.More, x.Fewer, x.Earlier.Count, x.Later.Count, x.Earlier.Median, x.SMS, x.Ended}
		want := []any{y.New, y.Old, y.Lost, y.Gained, y.Fewer, y.More, y.Later.Count, y.Earlier.Count, y.Later.Median, turned(y.SMS), turned(y.Ended)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rule %s (-back +there):\n%s", x.Rule, diff)
		}
		if x.Old.Alerts+x.More.Count != x.New.Alerts+x.Fewer.Count {
			t.Errorf("rule %s: alerts are not accounted for: %+v", x.Rule, x)
		}
	}
}

func turned(c Change) Change { return Change{More: c.Less, Less: c.More} }

// TestWhichAlertsAreTheSameAttack writes spans as first evidence-alert, in minutes.
func TestWhichAlertsAreTheSameAttack(t *testing.T) {
	spans := func(text string) []found {
		var all []found
		for span := range strings.FieldsSeq(text) {
			var from, to int
			if _, err := fmt.Sscanf(span, "%d-%d", &from, &to); err != nil {
				t.Fatal(err)
			}
			minute := holdfast.Instant(time.Minute)
			all = append(all, found{who: span, from: holdfast.Instant(from) * minute, to: holdfast.Instant(to) * minute, time: holdfast.Instant(to) * minute})
		}
		return all
	}
	for _, test := range []struct{ before, after, want string }{
		{"1-5", "1-5", "more 0 fewer 0 earlier 0 later 0"},
		{"1-5", "1-3", "more 0 fewer 0 earlier 1 by 120 later 0"},
		{"1-5", "4-9", "more 0 fewer 0 earlier 0 later 1 by 240"},
		{"1-5", "5-9", "more 0 fewer 0 earlier 0 later 1 by 240"}, // they share an event
		{"1-5", "6-9", "more 1 fewer 1 earlier 0 later 0"},
		{"1-5", "", "more 0 fewer 1 earlier 0 later 0"},
		{"", "1-5", "more 1 fewer 0 earlier 0 later 0"},
		{"1-5 6-9", "1-9", "more 0 fewer 1 earlier 0 later 1 by 240"}, // once at most
		{"1-5 10-15 20-25", "2-4 20-27 30-31", "more 1 fewer 1 earlier 1 by 60 later 1 by 120"},
		{"20-25 1-5", "1-4 20-24", "more 0 fewer 0 earlier 2 by 60 later 0"},
	} {
		var d RuleDifference
		var earlier, later shifts
		compareGroup(&d, spans(test.before), spans(test.after), &earlier, &later)
		got := fmt.Sprintf("more %d fewer %d", d.More.Count, d.Fewer.Count)
		for _, s := range []struct {
			word string
			of   Shift
		}{{"earlier", earlier.sum()}, {"later", later.sum()}} {
			got += fmt.Sprintf(" %s %d", s.word, s.of.Count)
			if s.of.Count > 0 {
				got += fmt.Sprint(" by ", s.of.Median)
			}
		}
		if got != test.want {
			t.Errorf("from %q to %q: %s, want %s", test.before, test.after, got, test.want)
		}
	}
}

// TestDifference shows a change of every kind.
func TestDifference(t *testing.T) {
	const before = `
rules:
- {id: burst, title: T, level: high, group_by: account, match: type == "code.requested" && !device.trusted, count: 3, timespan: 5m, cancel: {match: type == "code.accepted", same: device.id}}
- {id: wrong, title: T, level: medium, group_by: [account, device.id], match: type == "code.rejected", count: 2, timespan: 2m, suppress: 10m}
- {id: same, title: T, level: low, group_by: account, match: type == "session.started", suppress: 1h}
- {id: gone, title: T, level: low, group_by: device.id, match: type == "code.rejected", count: 10, timespan: 10m}
- {id: trial, title: T, level: critical, status: test, group_by: account, match: type == "code.rejected", count: 3, timespan: 10m}
`
	after := strings.NewReplacer(
		"count: 3, timespan: 5m", "count: 4, timespan: 6m",
		"medium, group_by: [account, device.id]", "high, group_by: [account, device.id]",
		"status: test, ", "",
		"id: gone", "id: come",
	).Replace(before)
	path := attacks(t, 3000)
	d := difference(t, compiled(t, before), compiled(t, after), path)
	if d.Equal || d.Same != 1 {
		t.Errorf("equal is %v, %d rules are the same", d.Equal, d.Same)
	}
	var text, encoded bytes.Buffer
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "diff.golden"), text.String())
	if err := d.WriteJSON(&encoded); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "diff.json.golden"), encoded.String())
}

func TestADifferenceShowsNoControlCharacters(t *testing.T) {
	d := Difference{Rules: []RuleDifference{{Rule: "r", By: "account", Gained: Cases{1, &Example{Who: "\x1b[2J\u202e"}}}}}
	var text bytes.Buffer
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), `\u001b[2J\u202e`) {
		t.Errorf("the text is %q", &text)
	}
}

// TestRulesGroupedInAnotherWayAreComparedByAccount: else everything would be lost,
// and everything gained.
func TestRulesGroupedInAnotherWayAreComparedByAccount(t *testing.T) {
	const head = "rules:\n- {id: wrong, title: T, level: medium, match: type == \"code.rejected\", count: 2, timespan: 5m, group_by: "
	path := attacks(t, 3000)
	for _, test := range []struct{ before, after, said string }{
		{"account", "[account, device.id]", "  group_by account → account, device.id: compared by account\n"},
		{"account", "device.id", "  group_by account → device.id: compared by account\n"},
		{"all", "account", "  group_by all → account: compared by account\n"},
	} {
		d := difference(t, compiled(t, head+test.before+"}"), compiled(t, head+test.after+"}"), path)
		if len(d.Rules) != 1 {
			t.Fatalf("%d rules differ", len(d.Rules))
		}
		r := d.Rules[0]
		if r.By != "account" || r.More.Count == r.New.Alerts {
			t.Errorf("from %s to %s: %+v", test.before, test.after, r)
		}
		if r.Old.Accounts+r.Gained.Count != r.New.Accounts+r.Lost.Count || r.Old.Alerts+r.More.Count != r.New.Alerts+r.Fewer.Count {
			t.Errorf("from %s to %s, something is not accounted for: %+v", test.before, test.after, r)
		}
		var text bytes.Buffer
		if err := d.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), test.said) || strings.Contains(text.String(), "group lost") || strings.Contains(text.String(), "groups lost") {
			t.Errorf("the text is\n%s", &text)
		}
	}
}

func TestWhatChangesInARule(t *testing.T) {
	const rule = `id: r, title: T, level: low, group_by: account, match: type == "code.requested", count: 3, timespan: 10m`
	for _, test := range []struct{ before, after, want string }{
		{rule, strings.NewReplacer("3", "2", "10m", "15m").Replace(rule), "r: count 3 → 2, timespan 10m → 15m\n"},
		{rule, strings.Replace(rule, "title: T", "title: Other, description: D", 1), ""},
		{rule, rule + ", suppress: 1h", "r: suppress 10m → 1h\n"},
		{rule, strings.Replace(rule, "count: 3", "count: 03", 1), "r: wording\n"},
		{rule, rule + ", status: test, respond: [{hold_codes: {for: 30m}}]", "r: status stable → test, respond none → hold_codes 30m\n"},
		{rule, rule + ", distinct: {client.ip: 3}", "r: distinct none → client.ip 3\n"},
		{rule, strings.Replace(rule, "account", "[account, client.ip]", 1), "r: group_by account → account, client.ip\n"},
		{
			rule, strings.NewReplacer("low", "high", `"code.requested"`, `"code.requested" && !device.trusted`).Replace(rule),
			"r: level low → high, match\n" +
				"         - match: type == \"code.requested\"\n" +
				"         + match: type == \"code.requested\" && !device.trusted\n",
		},
		{
			rule, rule + `, without: {match: type == "code.accepted", same: device.id, for: 5m}, cancel: {match: type == "x.y"}`,
			"r: cancel none → type == \"x.y\", without\n" +
				"         - without: none\n" +
				"         + without: type == \"code.accepted\", same device.id, for 5m\n",
		},
		{
			rule, rule + `, exceptions: [{name: n, match: account == "a", until: 2027-01-31}], overrides: [{match: account == "b", count: 9}]`,
			"r: exceptions, overrides none → account == \"b\": count 9\n" +
				"         - exceptions: none\n" +
				"         + exceptions: n: account == \"a\", until 2027-01-31\n",
		},
		{
			`id: r, title: T, level: low, group_by: account, score: {threshold: 30, half_life: 3m, points: [{match: type == "a.b", add: 10}]}`,
			`id: r, title: T, level: low, group_by: account, timespan: 5m, sequence: [{match: type == "a.b", count: 2}, {match: type == "a.c"}], until: type == "a.d"`,
			"r: sequence, until none → type == \"a.d\", score, timespan none → 5m\n" +
				"         - sequence: none\n" +
				"         + sequence: 2 × type == \"a.b\"; 1 × type == \"a.c\"\n" +
				"         - score: threshold 30, half_life 3m; 10 for type == \"a.b\"\n" +
				"         + score: none\n",
		},
	} {
		d := new(Difference)
		d.compareRules(compiled(t, "rules:\n- {"+test.before+"}"), compiled(t, "rules:\n- {"+test.after+"}"))
		var text bytes.Buffer
		d.writeRuleChanges(&text)
		want := ""
		if test.want != "" {
			want = "\nchanged  " + test.want
		}
		if diff := cmp.Diff(want, text.String()); diff != "" {
			t.Errorf("to %s (-want +got):\n%s", test.after, diff)
		}
	}
}
