package detector_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

// TestReferenceAgreesWithTheCases holds the reference to the conformance cases,
// which come from a reference that somebody else wrote: all rules, also those
// that the engine can't evaluate yet.
func TestReferenceAgreesWithTheCases(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../workbench/testdata/cases/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
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
			r := newReference(set, refOptions{})
			for i, line := range linesOf(t, filepath.Join(dir, "events.ndjson")) {
				r.process(refInput{Event: caseEvent(t, line), Offset: int64(i)})
			}
			r.finish()

			var got, want []string
			for _, a := range r.fired {
				group := map[string]string{}
				for i, f := range a.rule.GroupBy {
					group[f.Name] = a.group[i]
				}
				got = append(got, caseAlert(a.rule.ID, a.rule.Level, a.time, group, a.trigger, a.evidence))
			}
			for _, line := range linesOf(t, filepath.Join(dir, "expected.ndjson")) {
				want = append(want, expectedAlert(t, line))
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("alerts differ (-want +got):\n%s", diff)
			}
		})
	}
}

func linesOf(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(content)))
}

// caseEvent reads an event of a case, without the strictness of intake.
func caseEvent(t *testing.T, line string) holdfast.Event {
	t.Helper()
	var in struct {
		ID, Type, Account, Channel, Purpose, Attempt, Phone string

		Time    holdfast.Instant
		Session struct{ ID string }
		Device  struct {
			ID, Platform string
			Trusted      *bool
		}
		Client struct {
			IP, Country string
			ASN         int64
		}
	}
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	e := holdfast.Event{
		ID: in.ID, Time: in.Time, Type: in.Type, Account: in.Account,
		Channel: in.Channel, Purpose: in.Purpose, Attempt: in.Attempt, Phone: in.Phone, Session: in.Session.ID,
		Device: holdfast.Device{ID: in.Device.ID, Platform: in.Device.Platform},
		Client: holdfast.Client{IP: in.Client.IP, Country: in.Client.Country, ASN: in.Client.ASN},
	}
	if in.Device.Trusted != nil {
		e.Device.Trusted = holdfast.Untrusted
		if *in.Device.Trusted {
			e.Device.Trusted = holdfast.Trusted
		}
	}
	return e
}

func expectedAlert(t *testing.T, line string) string {
	t.Helper()
	var a struct {
		Rule     string
		Level    holdfast.Level
		Time     holdfast.Instant
		Group    map[string]string
		Trigger  int64
		Evidence []any
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	evidence := make([]string, len(a.Evidence))
	for i, e := range a.Evidence {
		evidence[i] = fmt.Sprint(e)
	}
	return caseAlert(a.Rule, a.Level, a.Time, a.Group, a.Trigger, evidence)
}

// caseAlert writes an alert in a form in which the cases can be compared: they
// say nothing of an order.
func caseAlert(rule string, level holdfast.Level, at holdfast.Instant, group map[string]string, trigger int64, evidence []string) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(group)) {
		fields = append(fields, name+"="+group[name])
	}
	return fmt.Sprintf("%s %s %s %q trigger %d evidence %v", rule, level, at, fields, trigger, slices.Sorted(slices.Values(evidence)))
}
