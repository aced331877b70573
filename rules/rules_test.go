package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

func compile(t *testing.T, yaml string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "rules.yaml", Content: []byte(yaml)}}, rules.Options{Lists: map[string][]string{"vip": {"ana"}}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTheWholeLanguageIsRead(t *testing.T) {
	set := compile(t, `
rules:
  - id: everything-of-match
    title: All that a match can have
    description: …
    level: medium
    status: test
    tags: [attack.t1621]
    falsepositives: [The owner retries.]
    group_by: [account, attrs.tenant]
    match: type == "code.requested"
    count: 3
    distinct: {device.id: 2}
    timespan: 1w2d
    cancel: {match: type == "code.accepted", same: [device.id, client.ip]}
    without: {match: type == "login.succeeded", same: device.id, for: 10m}
    exceptions:
      - {name: load-test, match: account startsWith "lt_", until: 2027-01-01, owner: qa}
    overrides:
      - {match: account in list("vip"), count: 2, timespan: 5m, suppress: 0s}
    respond:
      - notify_owner: code_burst
      - notify_team: oncall
      - hold_codes: {for: 30m}
      - terminate_sessions: {wipe: true}
  - id: sequence
    title: Steps
    level: high
    group_by: account
    timespan: 30m
    suppress: 0s
    sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}]
    until: type == "x.c"
  - id: score
    title: Points
    level: low
    group_by: all
    suppress: 5m
    score: {threshold: 50, half_life: 30m, points: [{match: type == "x.a", add: 2.5}]}
    overrides: [{match: 'account == "vip"', threshold: 20}]
  - id: surge
    title: More than ever
    level: low
    group_by: all
    match: type == "code.requested"
    surge: {bucket: 5m, min: 50, sigmas: 6, warmup: 12, half_life: 1d}
`)
	r := set.Rules[0]
	if r.Timespan != 9*24*time.Hour || r.Suppress != r.Timespan {
		t.Errorf("timespan %v, suppress %v: suppress defaults to the timespan of 9 days", r.Timespan, r.Suppress)
	}
	if until := r.Exceptions[0].Until.String(); until != "2027-01-02T00:00:00.000Z" {
		t.Errorf("the exception ends at %s, not with the end of its day", until)
	}
	if got := r.Respond[3]; got.Scope != "suspects" || got.When != holdfast.OwnerDenies || !got.Wipe {
		t.Errorf("termination is %+v: by default it is of suspects, once the owner denies", got)
	}
	if set.Rules[1].Suppress != 0 || set.Rules[1].Sequence[0].Count != 2 || set.Rules[1].Sequence[1].Count != 1 {
		t.Errorf("sequence is %+v", set.Rules[1])
	}
	if set.Rules[2].Suppress != 5*time.Minute || len(set.Rules[2].GroupBy) != 0 {
		t.Errorf("score is %+v", set.Rules[2])
	}
	if set.Rules[3].Count != 0 || set.Rules[3].Surge.HalfLife != 24*time.Hour {
		t.Errorf("surge is %+v", set.Rules[3])
	}
}

func TestVersionFollowsWhatIsDetected(t *testing.T) {
	const before = `
rules:
  - {id: a, title: A, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 5m}
`
	version := compile(t, before).Rules[0].Version
	for _, tt := range []struct {
		name, old, new string
		same           bool
	}{
		{"a title", "title: A", "title: Another", true},
		{"a level", "level: low", "level: high", true},
		{"the layout", "count: 2", "count:    2", true},
		{"a response", "count: 2", "count: 2, respond: [{notify_owner: code_burst}]", true},
		{"a count", "count: 2", "count: 3", false},
		{"a span", "5m", "6m", false},
		{"a condition", "x.a", "x.b", false},
		{"the status", "count: 2", "count: 2, status: test", true},
		{"the id", "id: a", "id: b", false},
	} {
		got := compile(t, strings.Replace(before, tt.old, tt.new, 1)).Rules[0].Version
		if (got == version) != tt.same {
			t.Errorf("another version after changing %s: %v, want %v", tt.name, got != version, !tt.same)
		}
	}
}

func TestTheSetsHashFollowsItsLists(t *testing.T) {
	hash := func(items ...string) (string, string) {
		source := rules.Source{Name: "r.yaml", Content: []byte(`rules: [{id: a, title: A, level: low, group_by: account, match: 'account in list("vip")'}]`)}
		set, err := rules.Compile([]rules.Source{source}, rules.Options{Lists: map[string][]string{"vip": items}})
		if err != nil {
			t.Fatal(err)
		}
		return set.Hash, set.Rules[0].Version
	}
	hash1, version1 := hash("ana")
	hash2, version2 := hash("ana", "bob")
	if hash1 == hash2 || version1 != version2 {
		t.Errorf("set %s and %s, rule %s and %s: another list is another set, and the rule keeps its windows", hash1, hash2, version1, version2)
	}
}

func TestWarningsDontRefuseTheSet(t *testing.T) {
	set := compile(t, `
rules:
  - {id: source, title: S, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 5m, suppress: 1h}
  - {id: old, title: O, level: low, status: deprecated, group_by: account, match: type == "x.a"}
  - {id: shadow, title: T, level: low, status: test, group_by: account, match: type == "x.a"}
  - id: short
    title: Looks back too short
    level: low
    group_by: account
    match: type == "alert" && rule in ["source", "old", "shadow"]
    count: 2
    timespan: 30m
`)
	var got []string
	for _, w := range set.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		"rules.yaml:10:40: warning: the rule's timespan of 30m is less than the timespan and suppress of `source` together: an attack that goes on falls out of its sight; write timespan: 1h5m or more",
		"rules.yaml:10:50: warning: `old` is deprecated and never fires",
		"rules.yaml:10:57: warning: a live rule does not see the alerts of `shadow`, which is in test",
	}
	if !slices.Equal(got, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRulesApplyInTheOrderOfTheirFiles(t *testing.T) {
	sources, err := rules.ReadFiles("testdata/order")
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range set.Rules {
		ids = append(ids, r.ID)
	}
	if want := []string{"first", "second", "third"}; !slices.Equal(ids, want) {
		t.Errorf("order is %v, want %v: hidden files and rule tests are no rules", ids, want)
	}
}

func TestMissingAndEmptyPathsAreNamed(t *testing.T) {
	for _, path := range []string{"testdata/nowhere", t.TempDir()} {
		if _, err := rules.ReadFiles(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	sources, err := rules.ReadFiles("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range sources {
		f.Add(s.Content)
	}
	f.Add([]byte("rules: &a [*a]"))
	f.Add([]byte("rules:\n- &a {id: a, title: *a, match: [*a, *a]}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		set, err := rules.Compile([]rules.Source{{Name: "f.yaml", Content: content}}, rules.Options{})
		if (set == nil) == (err == nil) {
			t.Fatalf("set %v with error %v", set, err)
		}
		if checked, found := rules.Check([]rules.Source{{Name: "f.yaml", Content: content}}, rules.Options{MaxEntries: 100}); (checked == nil) != (set == nil) {
			t.Fatalf("checked %v with %v, and compiled %v", checked, found, set)
		}
	})
}
