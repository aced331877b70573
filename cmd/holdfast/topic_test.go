package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestBacktestOfATopic runs over a topic of two partitions, each of which has half
// of a burst and a whole one.
func TestBacktestOfATopic(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	now := time.Now().UTC().Truncate(time.Second)
	for i, e := range []struct {
		partition int32
		account   string
		ago       time.Duration
	}{
		{0, "old", 30 * 24 * time.Hour},
		{0, "old", 30 * 24 * time.Hour},
		{0, "ana", 3 * time.Hour},
		{0, "split", 3 * time.Hour},
		{1, "split", 3 * time.Hour},
		{1, "ben", 2 * time.Hour},
		{0, "ana", 3 * time.Hour},
		{1, "ben", 2 * time.Hour},
	} {
		at := now.Add(-e.ago)
		value := fmt.Sprintf(`{"id":"e%d","time":%q,"type":"code.requested","account":%q}`, i, at.Format(time.RFC3339), e.account)
		record := &kgo.Record{Topic: "events", Partition: e.partition, Value: []byte(value), Timestamp: at}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(`rules:
- {id: two, title: Two, level: low, group_by: account, match: type == "code.requested", count: 2, timespan: 10m}
- {id: across, title: Across, level: low, group_by: all, match: type == "code.requested", count: 2, timespan: 10m}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{
		"backtest", "--kafka", "events", "--from", "7d", "--brokers", strings.Join(cluster.ListenAddrs(), ","), "--rules", rules, "--format", "json",
	}, streams{nil, &out, &errs})
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var a struct {
			Account string
			Trigger struct {
				Partition int32
				ID        string
			}
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(a.Account, " ", a.Trigger.Partition, " ", a.Trigger.ID))
	}
	if want := []string{"ana 0 e6", "ben 1 e7"}; !slices.Equal(got, want) {
		t.Errorf("alerts are %q, want %q", got, want)
	}
	if want := "rule `across` is left out: it is not grouped by account, and none of the topic's 2 partitions sees the whole group"; !strings.Contains(errs.String(), want) {
		t.Errorf("stderr says %q, and not %q", &errs, want)
	}
}

func TestWhereAReplayBegins(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"7d":                   now.AddDate(0, 0, -7),
		"90m":                  now.Add(-90 * time.Minute),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20T01:00:00Z": time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC),
	} {
		if got, err := beginning(text, now); err != nil || !got.Equal(want) {
			t.Errorf("beginning(%q) is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-7d", "lately", "7"} {
		if got, err := beginning(text, now); err == nil {
			t.Errorf("beginning(%q) is %v", text, got)
		}
	}
}

func TestProgressMakesWayForWhatIsWritten(t *testing.T) {
	t.Parallel()
	var w bytes.Buffer
	p := progressOf(&w, 1<<30, time.Now().Add(-time.Minute))
	p.read(1 << 29)
	if !strings.Contains(w.String(), "50%") {
		t.Errorf("half way, it shows %q", &w)
	}
	if _, err := p.Write([]byte("a line\n")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(w.String(), "\ra line\n") {
		t.Errorf("a line is written as %q", &w)
	}
	p.read(1 << 30)
	p.done()
	w.Reset()
	p = progressOf(&w, 1<<30, time.Now().Add(time.Hour))
	p.read(1 << 29)
	p.done()
	if w.Len() > 0 {
		t.Errorf("at once, it shows %q", &w)
	}
	(*progress)(nil).done()
	if newProgress(streams{nil, &w, &w}, []string{os.Args[0]}, true) != nil {
		t.Error("there is a bar where there is no terminal")
	}
}
