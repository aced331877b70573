package workbench_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/workbench"
)

// BenchmarkBacktest runs the default pack over a file of 200,000 everyday events
// of 100,000 accounts, reading included.
func BenchmarkBacktest(b *testing.B) {
	const events, accounts = 200_000, 100_000
	path := filepath.Join(b.TempDir(), "events.ndjson")
	writeEveryday(b, path, events, accounts)
	set := defaultPack(b)
	for b.Loop() {
		t := workbench.Backtest{Rules: set, Reporter: &workbench.TableReporter{W: io.Discard}, Diagnostics: io.Discard}
		if summary, err := t.Run(b.Context(), path); err != nil || summary.Events != events {
			b.Fatalf("%d events, %v", summary.Events, err)
		}
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}

func writeEveryday(b *testing.B, path string, events, accounts int) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(file)
	start := holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())
	var line []byte
	for i := range events {
		login := i / 4
		who := login * 7919 % accounts
		e := holdfast.Event{
			ID: fmt.Sprintf("01JD%012d", i), Time: start.Add(time.Duration(i) * 10 * time.Millisecond),
			Type:    []string{"code.requested", "code.delivered", "code.accepted", "session.started"}[i%4],
			Account: fmt.Sprintf("u_%06d", who), Channel: "sms", Purpose: "login", Attempt: fmt.Sprintf("a_%07d", login),
			Session: fmt.Sprintf("s_%07d", login),
			Device:  holdfast.Device{ID: fmt.Sprintf("d_%06d", who), Trusted: holdfast.Untrusted, Platform: "ios", Name: "iPhone"},
			Client:  holdfast.Client{IP: fmt.Sprintf("203.0.113.%d", who%250), Country: "DE", ASN: 3320, UserAgent: "Mozilla/5.0 (iPhone)"},
			Phone:   fmt.Sprintf("+1555%07d", who), Attrs: []holdfast.Attr{{Name: "app_version", Value: "9.1"}},
		}
		if login%3 > 0 {
			e.Device.Trusted = holdfast.Trusted
		}
		line = append(intake.Append(line[:0], &e), '\n')
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}
