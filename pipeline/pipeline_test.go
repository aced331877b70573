package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

const anyRule = `- {id: any, title: T, level: low, group_by: account, match: type == "x.a"}`

// failing is a store and a dead-letter topic that fail as often as they are told.
type failing struct {
	*memory
	mu      sync.Mutex
	times   int
	letters []string
}

func (f *failing) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.times > 0 {
		f.times--
		return errors.New("connection refused")
	}
	return nil
}

func (f *failing) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	if err := f.fail(); err != nil {
		return store.Written{}, err
	}
	return f.memory.Write(ctx, b)
}

func (f *failing) DeadLetters(_ context.Context, topic string, letters []stream.DeadLetter) error {
	if err := f.fail(); err != nil {
		return err
	}
	for _, l := range letters {
		f.letters = append(f.letters, fmt.Sprintf("%s %s %d", topic, l.Reason, l.Record.Offset))
	}
	return nil
}

// simple is a pipeline over a store that may fail, and no snapshots to speak of.
func simple(t *testing.T, f *failing, log *strings.Builder) (*pipeline.Pipeline, *prometheus.Registry) {
	t.Helper()
	dir, err := snapshot.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	p, err := pipeline.New(pipeline.Options{
		Topic: topic, DeadLetterTopic: "dead", RuleSet: ruleSet(t, anyRule), DeadLetters: f, Snapshots: dir,
		Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, reg
}

func opened(t *testing.T, p *pipeline.Pipeline, f *failing, a stream.Assignment) stream.Processor {
	t.Helper()
	a.Partitions = max(1, a.Partitions)
	processor, _, err := p.Open(t.Context(), f, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		processor.Close(ended)
	})
	return processor
}

func batch(values ...string) stream.Batch {
	b := stream.Batch{HighWatermark: int64(len(values))}
	for i, v := range values {
		b.Records = append(b.Records, stream.Record{Offset: int64(i), Time: time.Now(), Value: []byte(v)})
	}
	return b
}

func now(fields string) string {
	return `{"time":"` + time.Now().UTC().Format(time.RFC3339Nano) + `",` + fields + `}`
}

func TestABatchWaitsUntilWhatFollowsFromItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := &failing{memory: newMemory(), times: 12}, &strings.Builder{}
		p, reg := simple(t, f, log)
		processor := opened(t, p, f, stream.Assignment{})
		done := make(chan error, 1)
		go func() { done <- processor.Process(t.Context(), batch(now(`"type":"x.a","account":"ana"`), "nonsense")) }()

		synctest.Wait()
		if err := p.Ready(); err == nil {
			t.Error("a partition that can't write is ready")
		}
		blocked := `
			# HELP holdfast_partitions_blocked Partitions that wait because something they need can't be used.
			# TYPE holdfast_partitions_blocked gauge
			holdfast_partitions_blocked{to="dead_letter_topic"} 1
			holdfast_partitions_blocked{to="snapshots"} 0
			holdfast_partitions_blocked{to="store"} 0
		`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(blocked), "holdfast_partitions_blocked"); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := p.Ready(); err != nil {
			t.Errorf("not ready once it works again: %v", err)
		}
		if len(f.alerts) != 1 || len(f.letters) != 1 || f.letters[0] != "dead invalid_json 1" {
			t.Errorf("alerts %v and letters %v, want one each", f.alerts, f.letters)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("the outage is said %d times:\n%s", n, log)
		}
		if n := strings.Count(log.String(), "The partition goes on"); n != 1 {
			t.Errorf("its end is said %d times", n)
		}
	})
}

func TestAStoppedProcessorDoesNotReportSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{memory: newMemory(), times: 1 << 30}
		p, _ := simple(t, f, &strings.Builder{})
		processor := opened(t, p, f, stream.Assignment{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := processor.Process(ctx, batch(now(`"type":"x.a","account":"ana"`))); err == nil {
			t.Error("a batch whose alert is not stored counts as processed: its offset would be committed")
		}
	})
}

func TestReplayedRecordsAreNotDeadLettersAgain(t *testing.T) {
	for name, c := range map[string]struct {
		committed, written int64
	}{"written": {0, 2}, "written and committed": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			f := &failing{memory: newMemory()}
			f.claim.Written = c.written
			p, _ := simple(t, f, &strings.Builder{})
			processor := opened(t, p, f, stream.Assignment{Committed: c.committed})
			if err := processor.Process(t.Context(), batch("nonsense", now(`"type":"x.a","account":"ana"`), "more nonsense")); err != nil {
				t.Fatal(err)
			}
			if len(f.letters) != 1 || f.letters[0] != "dead invalid_json 2" {
				t.Errorf("letters are %v, want only the one that is new", f.letters)
			}
			if len(f.alerts) != 1 {
				t.Errorf("%d alerts of replayed events, want 1: the store knows which are new", len(f.alerts))
			}
		})
	}
}

func TestRejectedEventsDontFloodTheLog(t *testing.T) {
	f, log := &failing{memory: newMemory()}, &strings.Builder{}
	p, reg := simple(t, f, log)
	processor := opened(t, p, f, stream.Assignment{})
	log.Reset()
	values := make([]string, 1000)
	for i := range values {
		values[i] = `secret-number-of-the-owner`
	}
	if err := processor.Process(t.Context(), batch(values...)); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "count=1000") {
		t.Errorf("%d lines for one batch:\n%s", lines, log)
	}
	if strings.Contains(log.String(), "secret-number") {
		t.Errorf("the log repeats an event: %s", log)
	}
	if (&replica{world: &world{t: t}, registry: reg}).metric("holdfast_events_rejected_total") != 1000 {
		t.Error("not all are counted")
	}
}

func TestRulesAcrossAccountsNeedOnePartition(t *testing.T) {
	f := &failing{memory: newMemory()}
	p, _ := simple(t, f, &strings.Builder{})
	opened(t, p, f, stream.Assignment{Partitions: 6})
	across := ruleSet(t, `
- {id: fine, title: T, level: low, group_by: [account, client.ip], match: 'true'}
- {id: torn, title: T, level: low, group_by: client.ip, match: 'true'}
- {id: held, title: T, level: low, group_by: all, match: 'true'}
- {id: old, title: T, level: low, status: deprecated, group_by: all, match: 'true'}`)
	want := "r.yaml:4:8: rule `torn` is not grouped by account, and no partition sees the whole group: the topic has 6 partitions; use a topic of one partition, or leave the rule out\n" +
		"r.yaml:5:8: rule `held` is not grouped by account, and no partition sees the whole group: the topic has 6 partitions; use a topic of one partition, or leave the rule out"
	for what, err := range map[string]error{"Check": p.Check(across), "Use": p.Use(across)} {
		if err == nil || err.Error() != want {
			t.Errorf("the error of %s is\n%v\nwant\n%s", what, err, want)
		}
	}

	p, _ = simple(t, f, &strings.Builder{})
	if err := p.Use(across); err != nil {
		t.Errorf("before it is known that there are several partitions: %v", err)
	}
	if _, _, err := p.Open(t.Context(), f, stream.Assignment{Partitions: 6}); err == nil || err.Error() != want {
		t.Errorf("a partition of six is opened for rules that none of them sees whole: %v", err)
	}
}

func TestARuleMustNotCountMoreThanAGroupRemembers(t *testing.T) {
	f := &failing{memory: newMemory()}
	p, _ := simple(t, f, &strings.Builder{})
	set, err := pipeline.NewRuleSet(
		compile(t, `- {id: many, title: T, level: low, group_by: account, match: 'true', count: 500, timespan: 1h}`),
		detector.Options{MaxEntries: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Use(set); err == nil || !strings.Contains(err.Error(), "rule `many` counts 500 events") {
		t.Errorf("it is let in: %v", err)
	}
}
