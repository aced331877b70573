package workbench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

// TestConformance runs the conformance cases, which come from an independent
// reference implementation of the rule language: every alert comes out as the
// reference has it, and no other.
func TestConformance(t *testing.T) {
	dirs, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	if extra := os.Getenv("HOLDFAST_CASES"); extra != "" {
		more, err := filepath.Glob(filepath.Join(extra, "*", "rules.yaml"))
		if err != nil || len(more) == 0 {
			t.Fatalf("no cases in HOLDFAST_CASES: %v", err)
		}
		for _, m := range more {
			dirs = append(dirs, filepath.Dir(m))
		}
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			sources, err := rules.ReadFiles(filepath.Join(dir, "rules.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			set, err := rules.Compile(sources, rules.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var out, diagnostics bytes.Buffer
			b := workbench.Backtest{Rules: set, Reporter: workbench.JSONReporter{W: &out}, Diagnostics: &diagnostics}
			summary, err := b.Run(context.Background(), filepath.Join(dir, "events.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			if summary.BadLines > 0 {
				t.Errorf("bad lines:\n%s", &diagnostics)
			}
			expected, err := os.ReadFile(filepath.Join(dir, "expected.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			got, want := normalize(t, out.Bytes()), normalize(t, expected)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("alerts differ from the reference (-want +got):\n%s", diff)
			}
			if len(got) == 0 {
				t.Error("the case has no alerts and can't fail")
			}
		})
	}
}

type position struct {
	Offset *int64 `json:"offset"`
	Alert  string `json:"alert"`
}

// normalize brings alerts into one form: the engine's
// output names evidence by offset or alert id, the reference by line number or
// rule@trigger.
func normalize(t *testing.T, ndjson []byte) []string {
	t.Helper()
	byID := map[string]string{}
	var all []string
	for text := range strings.Lines(string(ndjson)) {
		var a struct {
			ID, Rule, Level, Time string
			Group                 map[string]string
			Trigger               json.RawMessage
			Evidence              []json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		trigger := place(t, a.Trigger, byID)
		byID[a.ID] = a.Rule + "@" + trigger
		evidence := make([]string, len(a.Evidence))
		for i, e := range a.Evidence {
			evidence[i] = place(t, e, byID)
		}
		slices.Sort(evidence)
		all = append(all, fmt.Sprintf("%s %s %s %v trigger %s evidence %v", a.Rule, a.Level, a.Time, a.Group, trigger, evidence))
	}
	slices.Sort(all)
	return all
}

func place(t *testing.T, raw json.RawMessage, byID map[string]string) string {
	t.Helper()
	var p position
	if raw[0] != '{' {
		var line any
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(line)
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	if p.Alert != "" {
		name, ok := byID[p.Alert]
		if !ok {
			t.Fatalf("evidence names an alert that was not written before: %s", p.Alert)
		}
		return name
	}
	return fmt.Sprint(*p.Offset)
}
