package main

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

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// writes is a store and a dead-letter topic that fail as often as they are told.
type writes struct {
	mu      sync.Mutex
	failing int
	alerts  []string
	letters []string
	tooOld  int
}

func (w *writes) fail() error {
	if w.failing > 0 {
		w.failing--
		return errors.New("connection refused")
	}
	return nil
}

func (*writes) Claim(_ context.Context, topic string, partition int32) (store.Claim, error) {
	return store.Claim{Topic: topic, Partition: partition, Generation: 1, Snapshot: -1, Written: -1}, nil
}

func (w *writes) Write(_ context.Context, b store.Batch) (store.Written, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail(); err != nil {
		return store.Written{}, err
	}
	for _, a := range b.Alerts {
		w.alerts = append(w.alerts, a.ID)
	}
	return store.Written{New: b.Alerts, TooOld: w.tooOld}, nil
}

func (w *writes) DeadLetters(_ context.Context, topic string, letters []stream.DeadLetter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail(); err != nil {
		return err
	}
	for _, l := range letters {
		w.letters = append(w.letters, fmt.Sprintf("%s %s %d", topic, l.Reason, l.Record.Offset))
	}
	return nil
}

func testPipeline(t *testing.T, w *writes, log *strings.Builder) *pipeline {
	t.Helper()
	p := &pipeline{
		topic: "events", deadTopic: "dead", decoder: intake.NewDecoder(intake.Options{}), alerts: w, deadLetters: w,
		metrics: newPipelineMetrics(prometheus.NewRegistry()), logger: slog.New(slog.NewTextHandler(log, nil)), now: time.Now,
	}
	if err := p.use(ruleSet(t, `- {id: any, title: T, level: low, group_by: account, match: type == "x.a"}`)); err != nil {
		t.Fatal(err)
	}
	return p
}

func ruleSet(t *testing.T, yaml string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func batch(values ...string) stream.Batch {
	b := stream.Batch{HighWatermark: int64(len(values))}
	for i, v := range values {
		b.Records = append(b.Records, stream.Record{Offset: int64(i), Time: time.Now(), Value: []byte(v)})
	}
	return b
}

func TestABatchWaitsUntilWhatFollowsFromItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := &writes{failing: 12}, &strings.Builder{}
		p := testPipeline(t, w, log)
		processor, _, err := p.open(t.Context(), stream.Assignment{Partitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- processor.Process(t.Context(), batch(now(`"type":"x.a","account":"ana"`), "nonsense")) }()

		synctest.Wait()
		if err := p.ready(); err == nil || testutil.ToFloat64(p.metrics.blocked.WithLabelValues(toDeadLetters)) != 1 {
			t.Errorf("a partition that can't write is ready: %v", err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := p.ready(); err != nil {
			t.Errorf("not ready once it works again: %v", err)
		}
		if len(w.alerts) != 1 || len(w.letters) != 1 || w.letters[0] != "dead invalid_json 1" {
			t.Errorf("alerts %v and letters %v, want one each", w.alerts, w.letters)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("the outage is said %d times:\n%s", n, log)
		}
		if n := strings.Count(log.String(), "Writing works again"); n != 1 {
			t.Errorf("its end is said %d times", n)
		}
	})
}

func TestAStoppedProcessorDoesNotReportSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{failing: 1 << 30}
		p := testPipeline(t, w, &strings.Builder{})
		processor, _, err := p.open(t.Context(), stream.Assignment{Partitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := processor.Process(ctx, batch(now(`"type":"x.a","account":"ana"`))); err == nil {
			t.Error("a batch whose alert is not stored counts as processed: its offset would be committed")
		}
	})
}

func TestReplayedRecordsAreNotDeadLettersAgain(t *testing.T) {
	w, log := &writes{}, &strings.Builder{}
	p := testPipeline(t, w, log)
	processor, _, err := p.open(t.Context(), stream.Assignment{Partitions: 1, Committed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := processor.Process(t.Context(), batch("nonsense", now(`"type":"x.a","account":"ana"`), "more nonsense")); err != nil {
		t.Fatal(err)
	}
	if len(w.letters) != 1 || w.letters[0] != "dead invalid_json 2" {
		t.Errorf("letters are %v, want only the one that is new", w.letters)
	}
	if len(w.alerts) != 1 {
		t.Errorf("%d alerts of replayed events, want 1: the store knows which are new", len(w.alerts))
	}
}

func TestRejectedEventsDontFloodTheLog(t *testing.T) {
	w, log := &writes{}, &strings.Builder{}
	p := testPipeline(t, w, log)
	processor, _, err := p.open(t.Context(), stream.Assignment{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
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
	if got := testutil.ToFloat64(p.metrics.rejected.WithLabelValues("invalid_json")); got != 1000 {
		t.Errorf("%v are counted", got)
	}
}

func TestRulesAcrossAccountsNeedOnePartition(t *testing.T) {
	p := testPipeline(t, &writes{}, &strings.Builder{})
	across := ruleSet(t, `
- {id: fine, title: T, level: low, group_by: [account, client.ip], match: 'true'}
- {id: torn, title: T, level: low, group_by: client.ip, match: 'true'}
- {id: held, title: T, level: low, group_by: all, match: 'true'}
- {id: old, title: T, level: low, status: deprecated, group_by: all, match: 'true'}`)
	err := evaluable(across, 0, 6)
	want := "r.yaml:4:8: rule `torn` is not grouped by account, and no partition sees the whole group: the topic has 6 partitions; use a topic of one partition, or leave the rule out\n" +
		"r.yaml:5:8: rule `held` is not grouped by account, and no partition sees the whole group: the topic has 6 partitions; use a topic of one partition, or leave the rule out"
	if err == nil || err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
	if err := evaluable(ruleSet(t, `- {id: many, title: T, level: low, group_by: account, match: 'true', count: 500, timespan: 1h}`), 100, 1); err == nil {
		t.Error("a rule that counts more than a group remembers is let in")
	}
	if err := p.use(ruleSet(t, `- {id: torn, title: T, level: low, group_by: client.ip, match: 'true'}`)); err != nil {
		t.Errorf("before it is known that there are several partitions: %v", err)
	}
	if _, _, err := p.open(t.Context(), stream.Assignment{Partitions: 6}); err == nil {
		t.Error("a partition of six is opened for a rule that none of them sees whole")
	}
	if err := p.use(across); err == nil {
		t.Error("a reload brings such a rule in")
	}
}

func TestWhatFollowsFromAnAlert(t *testing.T) {
	alert := holdfast.Alert{
		ID: "a", Level: holdfast.Critical, Status: holdfast.Stable, Account: "ana",
		Sessions: holdfast.Sessions{Suspect: []holdfast.Session{{ID: "s"}}},
		Respond: []holdfast.Response{
			{Kind: holdfast.NotifyOwner, Template: "takeover"},
			{Kind: holdfast.TerminateSessions, Scope: "suspects", When: holdfast.Now},
		},
	}
	for ends, want := range map[bool]string{
		true:  "terminate_sessions false, notify_owner in_app true, notify_owner sms true",
		false: "notify_owner in_app false, notify_owner sms false",
	} {
		var got []string
		for _, a := range (planner{endsSessions: ends}).plan(alert) {
			got = append(got, strings.TrimSpace(fmt.Sprint(a.Kind, " ", a.Channel))+fmt.Sprint(" ", a.Ending))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("where sessions can be ended is %v: %s, want %s: a message speaks of an ending only if there is one", ends, text, want)
		}
	}
}
