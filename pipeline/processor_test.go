package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

// TestABatchIsFinishedUnderTheRulesItWasBegunWith has a process die when a part of
// what follows from a batch is durable, and the next one come with other rules.
func TestABatchIsFinishedUnderTheRulesItWasBegunWith(t *testing.T) {
	w := newWorld(t)
	w.memory.rows = 1
	r := w.start(ruleSet(t, anyRule), nil)
	planned := 0
	w.memory.plan = func(holdfast.Alert) {
		if planned++; planned == 2 {
			r.die()
		}
	}
	w.happens(time.Second, `"type":"x.a","account":"ana"`)
	w.happens(time.Second, `"type":"x.a","account":"ben"`)
	if err := r.reads(2); err == nil || w.memory.torn != 1 || len(w.memory.alerts) != 1 {
		t.Fatalf("the write was not torn: %v, alerts %v", err, w.memory.alerts)
	}
	r.crashes()
	w.memory.plan = nil
	again := w.start(ruleSet(t, `- {id: other, title: T, level: low, group_by: account, match: type == "x.a"}`), nil)
	again.readsAll(2)
	again.stops()
	w.judge()
}

// slowToKeep is a store that is away when rules are to be kept.
type slowToKeep struct {
	*memory
	meanwhile func()
}

func (s *slowToKeep) KeepRuleSet(ctx context.Context, hash string, content []byte) error {
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return s.memory.KeepRuleSet(ctx, hash, content)
}

// TestTheClockDoesNotOvertakeTheLog has the answer to an event come into the log
// while the partition, which was idle, waits for the store.
func TestTheClockDoesNotOvertakeTheLog(t *testing.T) {
	w := newWorld(t)
	slow := &slowToKeep{memory: w.memory}
	w.store = slow
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.happens(time.Second, `"type":"x.b","account":"ana"`) // which must be answered in 3 minutes
	r.readsAll(1)
	w.passes(31 * time.Second)
	slow.meanwhile = func() {
		w.happens(time.Minute, `"type":"x.c","account":"ana"`)
		w.passes(9 * time.Minute)
	}
	if err := r.pipeline.Use(ruleSet(t, livelyRules[2])); err != nil {
		t.Fatal(err)
	}
	r.idles()
	if len(w.memory.alerts) != 0 {
		t.Error("an event counts as unanswered whose answer was in the log in time")
	}
	r.readsAll(1)
	r.stops()
	w.judge()
	if len(w.memory.alerts) != 0 {
		t.Error("the answer did not count")
	}
}

func TestEveryAlertIsToldOf(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, `
- {id: now, title: T, level: low, group_by: account, match: type == "x.a"}
- {id: unanswered, title: T, level: low, group_by: account, match: type == "x.b", without: {match: type == "x.c", for: 3m}}`), nil)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	w.happens(time.Second, `"type":"x.a","account":"ana"`)
	w.happens(time.Hour, `"type":"x.quiet","account":"ana"`) // the deadline passes in the batch of its event
	w.happens(time.Second, `"type":"x.b","account":"ben"`)
	w.passes(2 * time.Second)
	r.readsAll(10)
	w.passes(time.Hour)
	r.idles()
	if len(w.memory.alerts) != 3 || len(w.told) != 3 {
		t.Errorf("there are %d alerts, and %d were told of; want 3", len(w.memory.alerts), len(w.told))
	}
	for id, a := range w.memory.alerts {
		want := time.Duration(0)
		if a.Rule == "now" {
			want = time.Hour + 3*time.Second // since the broker got it
		}
		if w.told[id] != want {
			t.Errorf("an alert of %s: told of with a latency of %s, want %s", a.Rule, w.told[id], want)
		}
	}
	if n := r.metric("holdfast_detection_latency_seconds"); n != 1 {
		t.Errorf("%v latencies are measured, want that of the event's own alert", n)
	}
	r.stops()
	w.judge()
}
