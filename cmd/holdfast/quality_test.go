package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const qualityPage = "../../docs/detection-quality.md"

// TestDetectionQuality judges the default pack by simulated weeks, and holds the
// figures of docs/detection-quality.md against what comes out.
func TestDetectionQuality(t *testing.T) {
	page, err := os.ReadFile(qualityPage)
	if err != nil {
		t.Fatal(err)
	}
	now := page
	for seed := 1; seed <= 3; seed++ {
		report := quality(t, seed)
		found := figure(t, report, `\| all attacks on an account \| (\d+) \|`)
		inTime := figure(t, report, `\| all attacks on an account \| \d+ \| \d+ \| (\d+) \|`)
		if inTime < 0.99*found {
			t.Errorf("seed %d: %v of %v attacks on an account are found in time, less than 99%%", seed, inTime, found)
		}
		if needless := figure(t, report, `\| needless, level high and above \| \d+ \| ([\d.]+) \|`); needless > 1 {
			t.Errorf("seed %d: %v needless messages of level high and above per 10,000 benign account-days, more than 1", seed, needless)
		}
		marked := regexp.MustCompile(fmt.Sprintf(`(?s)(<!-- seed %d -->\n).*?(\n<!-- end -->)`, seed))
		if !marked.Match(page) {
			t.Fatalf("%s has no place for seed %d", qualityPage, seed)
		}
		now = marked.ReplaceAllFunc(now, func(place []byte) []byte {
			parts := marked.FindSubmatch(place)
			return bytes.Join([][]byte{parts[1], []byte(report), parts[2]}, nil)
		})
	}
	if *update {
		if err := os.WriteFile(qualityPage, now, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(now, page) {
		t.Errorf("the figures differ; -update writes them (-page +now):\n%s", cmp.Diff(string(page), string(now)))
	}
}

// quality is what the pack makes of a simulated week, as Markdown.
func quality(t *testing.T, seed int) string {
	t.Helper()
	dir := t.TempDir()
	events, attacks := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "attacks.ndjson")
	command(t, io.Discard, "simulate", "--accounts", "20000", "--days", "7", "--seed", strconv.Itoa(seed), "--labels", attacks, "--out", events)
	var report strings.Builder
	command(t, &report, "backtest", "--format", "markdown", "--labels", attacks, events)
	return report.String()
}

func command(t *testing.T, out io.Writer, args ...string) {
	t.Helper()
	var said bytes.Buffer
	if code := run(context.Background(), args, streams{strings.NewReader(""), out, &said}); code != exitDone {
		t.Fatalf("holdfast %s exits with %d:\n%s", strings.Join(args, " "), code, &said)
	}
}

// figure is the number that a pattern finds in a report.
func figure(t *testing.T, report, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(report)
	if m == nil {
		t.Fatalf("%s is not in the report:\n%s", pattern, report)
	}
	x, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
