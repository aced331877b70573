package ruletest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/internal/golden"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench/ruletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rulesUnderTest are what the tests written in this file are about.
const rulesUnderTest = `
rules:
- {id: burst, title: T, level: medium, group_by: account, match: type == "code.requested", count: 3, timespan: 10m}
- {id: unanswered, title: T, level: low, group_by: [account, attempt], match: type == "code.requested" && attempt != "", without: {match: type == "code.accepted", for: 10m}}
- {id: spread, title: T, level: low, group_by: client.ip, match: type == "login.failed", distinct: {account: 5}, timespan: 10m}
- {id: stranger, title: T, level: high, group_by: account, match: type == "session.started" && !device.known}
- {id: denied, title: T, level: high, group_by: account, match: type == "owner.denied"}
- {id: everywhere, title: T, level: low, group_by: all, match: type == "x.all"}
- {id: old, title: T, level: low, status: deprecated, group_by: all, match: type == "x.all"}
`

// load reads a file of tests against rulesUnderTest.
func load(yaml string) ([]ruletest.Suite, diag.List, error) {
	l := ruletest.Loader{Rules: []rules.Source{{Name: "r.yaml", Content: []byte(rulesUnderTest)}}}
	return l.Load([]rules.Source{{Name: "r_test.yaml", Content: []byte(yaml)}})
}

// run runs a single test, given by its keys.
func run(t *testing.T, keys string) ruletest.Result {
	t.Helper()
	suites, found, err := load("tests:\n- name: n\n  " + strings.ReplaceAll(strings.TrimSpace(keys), "\n", "\n  "))
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	results, err := ruletest.Runner{}.Run(t.Context(), suites)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestWhatPassesAndWhatFails(t *testing.T) {
	const burst = "events: [{at: 0s, repeat: 3, every: 1m, type: code.requested, account: ana}]\n"
	const sessions = "events: [{at: 0s, type: session.started, account: ana, device: {id: d}, session: {id: s1}}]\n"
	for name, tt := range map[string]struct {
		test   string
		passes bool
	}{
		"an alert as expected":                   {burst + "expect: [{rule: burst, at: 2m, group: {account: ana}, level: medium, account: ana, count: 3}]", true},
		"what is left open is not compared":      {burst + "expect: [{rule: burst}]", true},
		"an absolute time":                       {burst + "expect: [{rule: burst, at: 2026-01-01T00:02:00Z}]", true},
		"another time":                           {burst + "expect: [{rule: burst, at: 1m}]", false},
		"another group":                          {burst + "expect: [{rule: burst, group: {account: bob}}]", false},
		"another level":                          {burst + "expect: [{rule: burst, level: high}]", false},
		"another account":                        {burst + "expect: [{rule: burst, account: bob}]", false},
		"another count":                          {burst + "expect: [{rule: burst, count: 4}]", false},
		"a rule that must not fire":              {burst + "expect_not: [burst]", false},
		"a rule that does not fire":              {burst + "expect_not: [spread]", true},
		"other rules are ignored":                {burst + "expect_not: [spread]", true},
		"but not with only":                      {burst + "only: true", false},
		"only what is expected":                  {burst + "expect: [{rule: burst}]\nonly: true", true},
		"the same alert twice":                   {burst + "expect: [{rule: burst}, {rule: burst}]", false},
		"an alert more than expected":            {strings.Replace(burst, "account: ana", "account: 'u{n}', attempt: 'a{n}'", 1) + "expect: [{rule: unanswered, at: 11m}, {rule: unanswered, at: 12m}]", false},
		"deadlines pass at the end":              {strings.Replace(burst, "account: ana", "account: 'u{n}', attempt: 'a{n}'", 1) + "expect: [{rule: unanswered, group: {attempt: a3}}, {rule: unanswered}, {rule: unanswered, at: 11m}]", true},
		"open expectations don't take others'":   {strings.Replace(burst, "account: ana", "account: 'u{n}', attempt: 'a{n}'", 1) + "expect: [{rule: unanswered}, {rule: unanswered, count: 1}, {rule: unanswered, at: 10m}]", true},
		"suspect sessions":                       {sessions + "expect: [{rule: stranger, suspects: [s1], protected: []}]", true},
		"other suspect sessions":                 {sessions + "expect: [{rule: stranger, suspects: []}]", false},
		"many accounts by their number":          {"events: [{at: 0s, repeat: 5, every: 1s, type: login.failed, account: 'u{n}', client: {ip: 203.0.113.7}}]\nexpect: [{rule: spread, at: 4s, account: u5}]", true},
		"the owner's answer":                     {"events: [{at: 0s, type: owner.denied, account: ana}]\nexpect: [{rule: denied}]", true},
		"a history before the start":             {"events: [{at: -30d, type: login.succeeded, account: ana, device: {id: d}}, {at: 0s, type: session.started, account: ana, device: {id: d}}]\nexpect_not: [stranger]", true},
		"events are taken in the order of time":  {"events: [{at: 1m, type: session.started, account: ana, device: {id: d}}, {at: -30d, type: login.succeeded, account: ana, device: {id: d}}]\nexpect_not: [stranger]", true},
		"unless they arrive later":               {"events: [{at: 1m, type: session.started, account: ana, device: {id: d}}, {at: -30d, arrives: 2m, type: login.succeeded, account: ana, device: {id: d}}]\nexpect: [{rule: stranger}]", true},
		"a list in a list stands for its events": {"events: [&two [{at: 0s, type: code.requested, account: ana}, {at: 1m, type: code.requested, account: ana}], *two]\nexpect: [{rule: burst, at: 1m}]", true},
		"merged keys yield":                      {"events: [&e {at: 0s, type: code.requested, account: ana}, {<<: *e, at: 1m}, {at: 2m, <<: [*e, {account: bob, channel: sms}]}]\nexpect: [{rule: burst, at: 2m}]", true},
	} {
		t.Run(name, func(t *testing.T) {
			if r := run(t, tt.test); r.Passed() != tt.passes {
				t.Errorf("passed is %v; missing %v, fired %v", r.Passed(), r.Missing, r.Fired)
			}
		})
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	for _, name := range []string{"everything", "names", "long"} {
		content, err := os.ReadFile(filepath.Join("testdata", "broken", name+"_test.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		l := ruletest.Loader{Rules: []rules.Source{{Name: "r.yaml", Content: []byte(rulesUnderTest)}}}
		_, found, err := l.Load([]rules.Source{{Name: name + "_test.yaml", Content: content}})
		if err != nil {
			t.Fatal(err)
		}
		var drawn bytes.Buffer
		if err := found.Render(&drawn, l.SourceOf); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", filepath.Join("broken", name+".txt")), drawn.String())
	}
}

func TestBrokenFiles(t *testing.T) {
	events := "events: [{at: 0s, type: x.all, account: ana}]"
	for name, tt := range map[string]struct{ yaml, want string }{
		"empty":                   {"", "r_test.yaml: the file is empty; a file of tests starts with `tests:`"},
		"no YAML":                 {"tests: [", "not valid YAML"},
		"a list":                  {"- a", "a file of tests must be a mapping of keys to values, not a list"},
		"no tests":                {"rules: [a.yaml]", "a file of tests has a list of `tests`"},
		"an empty list of tests":  {"tests: []", "`tests` is an empty list"},
		"two documents":           {"tests: [{name: n, only: true, " + events + "}]\n---\na: b", "a file of tests holds one YAML document"},
		"what can't fail":         {"tests: [{name: n, " + events + "}]", "the test can't fail: it expects nothing"},
		"too large":               {strings.Repeat(" ", 5<<20), "the file is larger than 4 MiB"},
		"too many events":         {"tests: [{name: n, only: true, events: [&e {at: 0s, repeat: 60000, every: 1s, type: x.all, account: a}, *e]}]", "the file makes more than 100000 events"},
		"an alias bomb":           {bomb, "the file's aliases unfold to more than 1000000 values"},
		"a list in itself":        {"tests: [{name: n, only: true, events: &l [*l]}]", "lists are more than 16 deep"},
		"a mapping merged itself": {"tests: [{name: n, only: true, events: [&m {<<: *m, at: 0s, type: x.all, account: a}]}]", "an event merges mappings more than 16 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found, err := load(tt.yaml)
			if err != nil || !strings.Contains(found.Error(), tt.want) {
				t.Errorf("error %v, found:\n%v\nwant: %s", err, found, tt.want)
			}
		})
	}
}

// bomb unfolds to more values than there is room for.
const bomb = `templates:
- &a [{at: 0s, type: x.all, account: a},{at: 0s, type: x.all, account: a},{at: 0s, type: x.all, account: a}]
- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
- &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
- &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
- &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
tests: [{name: n, only: true, events: [*e]}]
`

func TestReports(t *testing.T) {
	sources, err := ruletest.ReadFiles("testdata/report")
	if err != nil {
		t.Fatal(err)
	}
	for i := range sources {
		sources[i].Name = filepath.ToSlash(sources[i].Name)
	}
	var l ruletest.Loader
	suites, found, err := l.Load(sources)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	results, err := ruletest.Runner{}.Run(t.Context(), suites)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		results[i].Elapsed = time.Duration(i+1) * 10 * time.Millisecond
	}
	report := ruletest.Report{Results: results, Untested: []string{"some-rule"}, Rules: 4}
	var text, json, junit bytes.Buffer
	for _, err := range []error{report.WriteText(&text, true), report.WriteJSON(&json), report.WriteJUnit(&junit)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden.Equal(t, filepath.Join("testdata", "report/report.txt"), text.String())
	golden.Equal(t, filepath.Join("testdata", "report/report.json"), json.String())
	golden.Equal(t, filepath.Join("testdata", "report/report.xml"), junit.String())
}

func TestTheDefaultStartIsADayThatPeopleKnow(t *testing.T) {
	if got := ruletest.DefaultStart.String(); got != "2026-01-01T00:00:00.000Z" {
		t.Errorf("tests start at %s", got)
	}
	if at := run(t, "start: 2026-11-24T08:30:00Z\nevents: [{at: 1m, type: x.all, account: a}]\nexpect: [{rule: everywhere}]").Fired[0].Time; at.Std() != time.Date(2026, 11, 24, 8, 31, 0, 0, time.UTC) {
		t.Errorf("a minute after the start is %s", at)
	}
}

func TestAnOwnersAnswerIsNoEventOfTheService(t *testing.T) {
	suites, _, err := load("tests: [{name: n, only: true, events: [{at: 0s, type: owner.denied, account: ana}]}]")
	if err != nil || suites[0].Tests[0].Events[0].Type != holdfast.TypeOwnerDenied {
		t.Errorf("%v, %v", suites, err)
	}
}
