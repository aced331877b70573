//go:build integration

package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/stream"
)

// TestReplicasShareATopic divides a topic of six partitions between two daemons
// on one PostgreSQL, lets the story happen to accounts all over the partitions,
// kills one daemon and goes on.
func TestReplicasShareATopic(t *testing.T) {
	w := newWorldOf(t, os.Getenv("HOLDFAST_KAFKA"), os.Getenv("HOLDFAST_POSTGRES"), 6)
	const accounts, alerts = 12, 6
	first, second := w.start(t), w.start(t)
	for _, d := range []*process{first, second} {
		d.awaitMetric(t, "holdfast_stream_partitions", 3)
	}
	w.happens(t, 0, accounts)
	w.awaitAlerts(t, accounts*alerts)
	for _, d := range []*process{first, second} {
		d.awaitMetric(t, "holdfast_events_consumed_total", 1)
	}

	first.kill(t)
	w.happens(t, accounts, 2*accounts)
	second.awaitMetric(t, "holdfast_stream_partitions", 6)
	stored := w.awaitAlerts(t, 2*accounts*alerts)
	byAccount := map[string]int{}
	for _, a := range stored {
		byAccount[a.Account]++
	}
	for account, n := range byAccount {
		if n != alerts {
			t.Errorf("%s has %d alerts, want %d", account, n, alerts)
		}
	}
	// Each takeover ends the attacker's session, whichever daemon works the job.
	eventually(t, "a termination for each account", func() bool { return len(w.sessions.received()) == 2*accounts })
	second.stop(t)
}

// happens writes the story of each account, as if it had just ended.
func (w *world) happens(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		story := storyEvents(t)
		shift := time.Until(story[len(story)-1].Time.Std()) + time.Second
		messages := make([]stream.Message, 0, len(story))
		for _, e := range story {
			if e.Account != "owner" {
				continue
			}
			e.Account, e.Time = fmt.Sprint("owner-", i), e.Time.Add(-shift)
			messages = append(messages, stream.Message{Key: []byte(e.Account), Value: intake.Append(nil, &e)})
		}
		if err := w.producer.Produce(t.Context(), w.topic, messages); err != nil {
			t.Fatal(err)
		}
	}
}
