package workbench_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

// writeHammering writes events of one account, at one address, as an attacker sends
// them who tries codes and passwords by script.
func writeHammering(tb testing.TB, path string, events int) {
	tb.Helper()
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(file)
	start := holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())
	var line []byte
	for i := range events {
		e := holdfast.Event{
			ID: fmt.Sprintf("i%d", i), Time: start.Add(time.Duration(i) * 50 * time.Millisecond), Account: "hot", Channel: "sms",
			Type:   []string{"login.failed", "code.requested", "code.rejected"}[i%3],
			Device: holdfast.Device{ID: fmt.Sprintf("d%d", i%7)},
			Client: holdfast.Client{IP: "203.0.113.7", Country: "NG"},
		}
		line = append(intake.Append(line[:0], &e), '\n')
		if _, err := w.Write(line); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkExplainAccount explains an account that an attacker hammers at, by the
// default pack: many events for many rules, in groups of thousands.
func BenchmarkExplainAccount(b *testing.B) {
	const events = 60_000
	path := filepath.Join(b.TempDir(), "events.ndjson")
	writeHammering(b, path, events)
	x := workbench.Explain{Rules: defaultPack(b), Files: []string{path}, Diagnostics: io.Discard}
	for b.Loop() {
		if s, err := x.Account(b.Context(), "hot", ""); err != nil || s.Events != events {
			b.Fatalf("%+v, %v", s, err)
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestExplainTakesNoMoreForAnEventHoweverManyCameBefore counts what is allocated, as
// evidence is for each remembered event that is shown: an attacker's thousandth
// event must not take more of it than the first.
func TestExplainTakesNoMoreForAnEventHoweverManyCameBefore(t *testing.T) {
	// Neither rule ever fires: what it gathers grows.
	set, err := rules.Compile([]rules.Source{{Name: "rules.yaml", Content: []byte(`rules:
- {id: count, title: T, level: low, group_by: account, match: type == "login.failed", count: 9000, timespan: 7d}
- {id: distinct, title: T, level: low, group_by: client.ip, match: type != "alert", count: 5, distinct: {account: 5}, timespan: 7d}`)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(events int) uint64 {
		path := filepath.Join(t.TempDir(), "events.ndjson")
		writeHammering(t, path, events)
		x := workbench.Explain{Rules: set, Files: []string{path}, Diagnostics: io.Discard}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := x.Account(t.Context(), "hot", ""); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	none := allocated(1) // buffers
	few, many := allocated(500)-none, allocated(4000)-none
	if many > 12*few {
		t.Errorf("500 events take %d KB, and 4000 take %d KB", few>>10, many>>10)
	}
}
