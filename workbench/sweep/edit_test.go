package sweep

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ruleFile = `# Käse before the rule.
rules:
  - {id: "flow", title: Ä, level: low, group_by: account, match: type == "x.a", count: 3, timespan: '10m'}
  - id: block
    title: T
    level: low # count: 9
    group_by: account
    match: type == "x.a"
    count: 3 # three
    timespan: "10m"
    distinct: {client.ip: 2}
  - title: "count: 3"
    id: steps
    level: low
    group_by: account
    timespan: 1h
    sequence:
      - match: type == "x.a"
      - {match: 'type == "x.b"', count: 2}
  - {id: points, title: T, level: low, group_by: account, score: {half_life: 1h, threshold: 50, points: [{match: type == "x.a", add: 1}]}}
  - {id: anchored, title: T, level: low, group_by: account, match: type == "x.a", count: &n 4, timespan: &t 5m}
  - {id: aliased, title: T, level: low, group_by: account, match: type == "x.a", count: *n, timespan: *t}
  - {id: many, title: T, level: low, group_by: account, match: type == "x.a", surge: {bucket: 5m, min: 50, sigmas: 6, warmup: 12, half_life: 1d}}
`

// TestAValueIsPutInItsPlace shows the lines that a change removes and adds.
func TestAValueIsPutInItsPlace(t *testing.T) {
	for _, tt := range []struct{ rule, setting, was, is string }{
		{"flow", "count", "count: 3, timespan: '10m'", "count: 7, timespan: '10m'"},
		{"flow", "timespan", "timespan: '10m'", "timespan: 7"},
		{"flow", "suppress", `{id: "flow"`, `{suppress: 7, id: "flow"`},
		{"block", "count", "count: 3 # three", "count: 7 # three"},
		{"block", "timespan", `timespan: "10m"`, "timespan: 7"},
		{"block", "suppress", "- id: block", "- suppress: 7\n    id: block"},
		{"block", "distinct.client.ip", "client.ip: 2", "client.ip: 7"},
		{"steps", "count", `- title: "count: 3"`, "- count: 7\n    title: \"count: 3\""},
		{"steps", "step.1", `- match: type == "x.a"`, "- count: 7\n        match: type == \"x.a\""},
		{"steps", "step.2", "count: 2}", "count: 7}"},
		{"points", "threshold", "threshold: 50", "threshold: 7"},
		{"aliased", "count", "count: *n", "count: 7"},
		{"many", "surge.min", "min: 50", "min: 7"},
		{"many", "surge.sigmas", "sigmas: 6", "sigmas: 7"},
	} {
		p, err := locate([]byte(ruleFile), tt.rule, tt.setting)
		if err != nil {
			t.Errorf("%s of %s: %v", tt.setting, tt.rule, err)
			continue
		}
		// From the rule on: what it holds is not unique in the file.
		begin := strings.Index(ruleFile, tt.was)
		if at := strings.Index(ruleFile, "id: "+tt.rule); at >= 0 && tt.rule != "block" {
			begin = max(0, at-40) + strings.Index(ruleFile[max(0, at-40):], tt.was)
		}
		want := ruleFile[:begin] + tt.is + ruleFile[begin+len(tt.was):]
		if diff := cmp.Diff(want, string(edited([]byte(ruleFile), []place{p}, []string{"7"}))); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.setting, tt.rule, diff)
		}
	}
}

func TestSeveralValuesAtOnce(t *testing.T) {
	var places []place
	for _, name := range []string{"timespan", "suppress", "count"} {
		p, err := locate([]byte(ruleFile), "flow", name)
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	got := string(edited([]byte(ruleFile), places, []string{"1m", "2m", "5"}))
	const want = `  - {suppress: 2m, id: "flow", title: Ä, level: low, group_by: account, match: type == "x.a", count: 5, timespan: 1m}` + "\n"
	if !strings.Contains(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestWhatHasNoPlace(t *testing.T) {
	for setting, rule := range map[string]string{
		"threshold": "block", "distinct.device.id": "block", "distinct.client.ip": "flow", "step.3": "steps", "step.1": "flow",
		"surge.min": "flow", "count": "anchored", "timespan": "nobody",
	} {
		if p, err := locate([]byte(ruleFile), rule, setting); err == nil {
			t.Errorf("%s of %s: %+v", setting, rule, p)
		}
	}
}
