//go:build integration

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// collect gathers what is left of the run, once no replica runs any more.
func (r *run) collect(ctx context.Context) (evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.until(ctx, "the end of the log", func(context.Context) bool { return r.recorder.complete() }); err != nil {
		return evidence{}, err
	}
	e := evidence{log: r.recorder.log, journal: map[int32][]store.Entry{}, deadLetters: map[place]bool{}}
	if err := errors.Join(r.readDeadLetters(ctx, &e), r.readStore(ctx, &e)); err != nil {
		return evidence{}, fmt.Errorf("collecting what is left of the run: %w", err)
	}
	return e, nil
}

// readDeadLetters reads which records are in the dead-letter topic. Its end it
// knows by a record that it writes there itself.
func (r *run) readDeadLetters(ctx context.Context, e *evidence) error {
	const end = "the end of the run"
	dead := topic + ".dead-letter"
	if err := r.client.ProduceSync(ctx, &kgo.Record{Topic: dead, Value: []byte(end)}).FirstErr(); err != nil {
		return err
	}
	var bad error
	err := r.read(ctx, dead, map[int32]kgo.Offset{0: kgo.NewOffset().AtStart()}, func(m *kgo.Record) bool {
		if string(m.Value) == end {
			return false
		}
		headers := map[string]string{}
		for _, h := range m.Headers {
			headers[h.Key] = string(h.Value)
		}
		partition, err := strconv.ParseInt(headers[stream.HeaderPartition], 10, 32)
		bad = errors.Join(bad, err)
		offset, err := strconv.ParseInt(headers[stream.HeaderOffset], 10, 64)
		bad = errors.Join(bad, err)
		e.deadLetters[place{int32(partition), offset}] = true
		return true
	})
	return errors.Join(err, bad)
}

// read reads partitions of a topic for as long as each wants another record.
func (r *run) read(ctx context.Context, topic string, from map[int32]kgo.Offset, each func(*kgo.Record) bool) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", topic, err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if !each(records.Next()) {
				return nil
			}
		}
	}
}

// readStore reads alerts and journal.
func (r *run) readStore(ctx context.Context, e *evidence) (err error) {
	kept, err := store.Open(ctx, store.Options{URL: r.postgres.address})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close(context.WithoutCancel(ctx))) }()
	for p := range int32(partitions) {
		if e.journal[p], err = kept.Journal(ctx, topic, p, -1); err != nil {
			return err
		}
	}
	const page = 500
	before := ""
	for {
		alerts, err := kept.Alerts(ctx, store.Query{Limit: page, Before: before})
		if err != nil {
			return err
		}
		e.alerts = append(e.alerts, alerts...)
		if len(alerts) < page {
			return nil
		}
		before = alerts[page-1].ID
	}
}

// delay is how long an alert took from its event's broker time until it was
// durable. It says something of probes, which are sent the moment they are due.
func delay(a store.StoredAlert) time.Duration { return a.Stored.Sub(a.Trigger.Time.Std()) }
