package workbench_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

// conformanceCase is a case of the conformance tests: every operator is in them.
func conformanceCase(t *testing.T, dir string) (*rules.Set, string) {
	t.Helper()
	sources, err := rules.ReadFiles(filepath.Join(dir, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set, filepath.Join(dir, "events.ndjson")
}

func conformanceCases(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	return dirs
}

// TestTraceTellsWhatTheEngineDid holds a trace against the alerts: what it says to have
// fired fired, and for each alert it has an entry for all that the alert rests on.
func TestTraceTellsWhatTheEngineDid(t *testing.T) {
	outcomes := map[workbench.Outcome]int{}
	for _, dir := range conformanceCases(t) {
		set, file := conformanceCase(t, dir)
		engine, err := detector.New(detector.Options{Rules: set})
		if err != nil {
			t.Fatal(err)
		}
		tr := workbench.NewTrace(workbench.TraceOptions{MaxEntries: 1 << 20})
		engine.Observe(tr)
		var out detector.Output
		for i, line := range linesOf(t, file) {
			var e holdfast.Event
			if err := intake.NewDecoder(intake.Options{}).Scan(line, time.Time{}, &e); err != nil {
				t.Fatal(err)
			}
			engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
			clear(line) // what is kept must not lie in the input's memory
		}
		engine.Finish(&out)

		var fired, told []string
		for _, a := range out.Alerts {
			fired = append(fired, a.ID)
		}
		for _, e := range tr.Entries() {
			outcomes[e.Outcome]++
			if e.Outcome == workbench.Fired {
				told = append(told, e.Alert)
			}
			for _, part := range e.Conditions {
				if !part.Holds && e.Outcome != workbench.NotMatched && e.Outcome != workbench.OutOfTurn {
					t.Errorf("%s: %s at #%d is %s, and %s is said not to hold", dir, e.Rule, e.Event.Offset, e.Outcome, part.Source)
				}
			}
		}
		slices.Sort(fired)
		slices.Sort(told)
		if diff := cmp.Diff(fired, told); diff != "" {
			t.Errorf("%s (-fired +told)\n%s", dir, diff)
		}
		for i := range out.Alerts {
			a := &out.Alerts[i]
			var text bytes.Buffer
			if err := tr.WriteWhy(&text, a); err != nil {
				t.Fatal(err)
			}
			lines := strings.Count(text.String(), "\n") - 1 - strings.Count(text.String(), "(deadline)")
			if a.Count < 50 && lines != a.Count { // of more, not all are listed
				t.Errorf("%s: %s rests on %d events, and %d are told of:\n%s", dir, a.ID, a.Count, lines, &text)
			}
		}
	}
	for _, outcome := range []workbench.Outcome{
		workbench.NotMatched, workbench.Excepted, workbench.NoGroup, workbench.Suppressed, workbench.OutOfTurn, workbench.Counted,
		workbench.Advanced, workbench.Canceled, workbench.Ended, workbench.Answered, workbench.Holding, workbench.Fired, workbench.Folded,
	} {
		if outcomes[outcome] == 0 {
			t.Errorf("no event of the cases is %s", outcome)
		}
	}
}

// TestExplainEveryCase explains all alerts and accounts of the conformance cases.
func TestExplainEveryCase(t *testing.T) {
	for _, dir := range conformanceCases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			set, file := conformanceCase(t, dir)
			alerts := firingIn(t, set, file)
			x := workbench.Explain{Rules: set, Files: []string{file}, Diagnostics: io.Discard}
			for _, a := range alerts[:min(len(alerts), 10)] {
				story, err := x.Alert(t.Context(), a.ID)
				if err != nil {
					t.Fatal(err)
				}
				events := slices.DeleteFunc(slices.Clone(story.Evidence), func(e workbench.TraceEntry) bool {
					return e.Deadline != 0 && e.Outcome == workbench.Fired
				})
				if story.ID != a.ID || len(events) != a.Count {
					t.Errorf("%s rests on %d events, and the story tells of %d", a.ID, a.Count, len(events))
				}
				for _, on := range story.On {
					if !slices.ContainsFunc(a.Evidence, func(e holdfast.Evidence) bool { return e.Alert == on.ID }) {
						t.Errorf("%s does not build on %s", a.ID, on.ID)
					}
				}
				if err := story.WriteText(io.Discard); err != nil {
					t.Error(err)
				}

				account, err := x.Account(t.Context(), a.Account, a.Rule)
				if err != nil {
					t.Fatal(err)
				}
				want := 0
				for _, other := range alerts {
					if other.Rule == a.Rule && other.Account == a.Account {
						want++
					}
				}
				if len(account.Rules) != 1 || account.Rules[0].Alerts != want {
					t.Errorf("%s fired %d times for %s, and the story tells otherwise: %+v", a.Rule, want, a.Account, account.Rules)
				}
				if err := account.WriteText(io.Discard); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestExplainSaysWhatItCannot(t *testing.T) {
	set, file := conformanceCase(t, "testdata/cases/telegram-story")
	x := workbench.Explain{Rules: set, Files: []string{file}, Diagnostics: io.Discard}
	for name, tt := range map[string]struct {
		ask  func() error
		want error
	}{
		"an alert that does not fire": {func() error { _, err := x.Alert(t.Context(), set.Rules[0].ID+"-0"); return err }, workbench.ErrNoAlert},
		"an alert of no rule":         {func() error { _, err := x.Alert(t.Context(), "\x1b[31mx"); return err }, workbench.ErrNoAlert},
		"an account without events":   {func() error { _, err := x.Account(t.Context(), "nobody", ""); return err }, workbench.ErrNoAccount},
		"a rule that is not there":    {func() error { _, err := x.Account(t.Context(), "nobody", "nothing"); return err }, workbench.ErrNoRule},
	} {
		err := tt.ask()
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		} else if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q reaches the terminal", name, err)
		}
	}
	x.Files = []string{workbench.Stdin}
	if _, err := x.Alert(t.Context(), set.Rules[0].ID+"-0"); !errors.Is(err, workbench.ErrReadOnce) {
		t.Errorf("the standard input is read twice: %v", err)
	}
}

// firingIn are the alerts that fire in a file.
func firingIn(t *testing.T, set *rules.Set, file string) []holdfast.Alert {
	t.Helper()
	engine, err := detector.New(detector.Options{Rules: set})
	if err != nil {
		t.Fatal(err)
	}
	var out detector.Output
	for i, line := range linesOf(t, file) {
		var e holdfast.Event
		if err := intake.NewDecoder(intake.Options{}).Scan(line, time.Time{}, &e); err != nil {
			t.Fatal(err)
		}
		engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
	}
	engine.Finish(&out)
	return out.Alerts
}

func linesOf(t *testing.T, file string) [][]byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(content), []byte("\n"))
}
