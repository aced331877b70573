package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// alertWriter makes alerts durable; the store is one.
type alertWriter interface {
	Claim(ctx context.Context, topic string, partition int32) (store.Claim, error)
	Write(ctx context.Context, b store.Batch) (store.Written, error)
}

// deadLetterWriter keeps records that can't be read; the producer is one.
type deadLetterWriter interface {
	DeadLetters(ctx context.Context, topic string, letters []stream.DeadLetter) error
}

// pipeline is the way of an event through the daemon: decoded, shown to the
// engine, and what follows made durable before its offset is committed. Each
// partition has an engine of its own; all else is shared.
type pipeline struct {
	topic       string
	deadTopic   string
	engine      detector.Options
	decoder     *intake.Decoder
	alerts      alertWriter
	deadLetters deadLetterWriter
	metrics     *pipelineMetrics
	logger      *slog.Logger
	now         func() time.Time
	// onAlert is told of each alert once it is durable, and of how long after
	// the broker's receipt of its last event that was. It may be nil.
	onAlert func(a *holdfast.Alert, latency time.Duration)

	rules      atomic.Pointer[rules.Set]
	partitions atomic.Int32 // of the topic; 0 until the first is opened
	blocked    atomic.Int32 // partitions that wait for the store or the dead-letter topic
}

// What a partition can be blocked by, as metric labels.
const (
	toStore       = "store"
	toDeadLetters = "dead_letter_topic"
)

// ready reports partitions that can't go on.
func (p *pipeline) ready() error {
	if n := p.blocked.Load(); n > 0 {
		return fmt.Errorf("partitions that wait because the store or the dead-letter topic takes no writes: %d", n)
	}
	return nil
}

// use puts a set of rules in force, from each partition's next batch on. It
// refuses a set that can't be evaluated, and then nothing changes.
func (p *pipeline) use(set *rules.Set) error {
	if err := evaluable(set, p.engine.MaxEntries, int(p.partitions.Load())); err != nil {
		return err
	}
	p.rules.Store(set)
	return nil
}

// evaluable reports, as a diag.List, every rule that the daemon can't evaluate:
// those that count more than a group remembers, and those whose groups would be
// torn apart because the topic has several partitions and is divided by account.
func evaluable(set *rules.Set, maxEntries, partitions int) error {
	var found diag.List
	for _, r := range set.Rules {
		if r.Status == holdfast.Deprecated {
			continue
		}
		if maxEntries > 0 && r.Count > maxEntries {
			found.Add(r.File, r.Pos, "rule `%s` counts %d events, and engine.max_entries lets a group remember %d", r.ID, r.Count, maxEntries)
		}
		if partitions > 1 && !r.ByAccount() {
			found = append(found, diag.Diagnostic{
				File: r.File, Pos: r.Pos,
				Message: fmt.Sprintf("rule `%s` is not grouped by account, and no partition sees the whole group: the topic has %d partitions", r.ID, partitions),
				Hint:    "use a topic of one partition, or leave the rule out",
			})
		}
	}
	return found.Err()
}

// open makes the processor of a partition.
func (p *pipeline) open(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
	p.partitions.Store(int32(min(a.Partitions, 1<<20)))
	set := p.rules.Load()
	if err := evaluable(set, p.engine.MaxEntries, a.Partitions); err != nil {
		return nil, stream.Resume{}, usageError(err)
	}
	opts := p.engine
	opts.Partition, opts.Rules = a.Partition, set
	engine, err := detector.New(opts)
	if err != nil {
		return nil, stream.Resume{}, err
	}
	opened := &processor{pipeline: p, engine: engine, set: set, partition: a.Partition, replayed: a.Committed}
	err = opened.untilDone(ctx, toStore, func() (err error) {
		opened.claim, err = p.alerts.Claim(ctx, p.topic, a.Partition)
		return err
	})
	if err != nil {
		return nil, stream.Resume{}, err
	}
	opened.next.Store(-1)
	return opened, stream.Resume{Next: stream.FromStart}, nil
}

// processor is the pipeline of one partition.
type processor struct {
	*pipeline
	engine    *detector.Engine
	set       *rules.Set // that the engine applies
	partition int32
	claim     store.Claim
	next      atomic.Int64 // offset after the last record that is processed, -1 before the first
	replayed  int64        // records before this offset were processed to the end once before
	event     holdfast.Event
	out       detector.Output
	letters   []stream.DeadLetter
	counted   detector.Stats // up to which the metrics are
}

// Idle does nothing yet.
func (p *processor) Idle(context.Context) error { return nil }

// Committable is what was processed.
func (p *processor) Committable() int64 { return p.next.Load() }

// Close forgets the partition.
func (p *processor) Close(context.Context) {}

// Process takes a batch through the engine and returns once everything that
// follows from it is durable. While the dead-letter topic or the store is down
// it waits: the engine has gone on, so the same results are written until they
// are written.
func (p *processor) Process(ctx context.Context, batch stream.Batch) error {
	if set := p.rules.Load(); set != p.set {
		p.engine.SetRules(set)
		p.set = set
	}
	p.out.Reset()
	p.letters = p.letters[:0]
	for i := range batch.Records {
		p.record(&batch.Records[i])
	}
	p.logRejected()
	if len(p.letters) > 0 {
		err := p.untilDone(ctx, toDeadLetters, func() error { return p.deadLetters.DeadLetters(ctx, p.deadTopic, p.letters) })
		if err != nil {
			return err
		}
	}
	if len(p.out.Alerts) > 0 || len(p.out.Occurrences) > 0 {
		var written store.Written
		err := p.untilDone(ctx, toStore, func() error {
			w, err := p.alerts.Write(ctx, store.Batch{
				Claim: p.claim, Next: batch.Records[len(batch.Records)-1].Offset + 1,
				Alerts: p.out.Alerts, Occurrences: p.out.Occurrences,
			})
			// A failed write may have made a part durable, which is not new to the next.
			written.New, written.TooOld = append(written.New, w.New...), written.TooOld+w.TooOld
			if errors.Is(err, store.ErrFenced) {
				err = backoff.Permanent(err)
			}
			return err
		})
		if err != nil {
			return err
		}
		p.measure(batch.Records, written)
	}
	p.counted = p.metrics.engine(p.counted, p.engine.Stats())
	p.next.Store(batch.Records[len(batch.Records)-1].Offset + 1)
	return nil
}

func (p *processor) record(r *stream.Record) {
	err := p.decoder.Scan(r.Value, r.Time, &p.event)
	if err == nil {
		broker, err := holdfast.InstantOf(r.Time)
		if err != nil {
			broker = 0
		}
		p.engine.Process(detector.Input{Event: &p.event, Offset: r.Offset, Broker: broker}, &p.out)
		return
	}
	reason := intake.InvalidJSON
	if bad, ok := errors.AsType[*intake.Error](err); ok {
		reason = bad.Reason
	}
	if r.Offset < p.replayed {
		return // it is in the dead-letter topic already
	}
	p.metrics.rejected.WithLabelValues(string(reason)).Inc()
	p.letters = append(p.letters, stream.DeadLetter{Topic: p.topic, Partition: p.partition, Record: *r, Reason: string(reason)})
}

// logRejected says which records of a batch were rejected. It is one line a
// reason and batch, however many there are: whoever can write bad events must
// not be able to fill the disk with the log of them. The rest is in the
// dead-letter topic.
func (p *processor) logRejected() {
	const most = 10 // offsets that a line names
	byReason := map[string][]int64{}
	for _, l := range p.letters {
		byReason[l.Reason] = append(byReason[l.Reason], l.Record.Offset)
	}
	for reason, offsets := range byReason {
		p.logger.Warn("Rejected events", "reason", reason, "count", len(offsets),
			"partition", p.partition, "offsets", offsets[:min(most, len(offsets))])
	}
}

// untilDone tries again until it succeeds or ctx ends, saying once that what it
// needs is down and once that it is back.
func (p *processor) untilDone(ctx context.Context, what string, try func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	down := false
	defer func() {
		if down {
			p.metrics.blocked.WithLabelValues(what).Dec()
			p.blocked.Add(-1)
		}
	}()
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, try() },
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !down {
				p.logger.Error("Can't write; consumption of the partition pauses until it works again",
					"to", what, "partition", p.partition, "error", err)
				down = true
				p.metrics.blocked.WithLabelValues(what).Inc()
				p.blocked.Add(1)
			}
		}))
	if err == nil && down {
		p.logger.Info("Writing works again", "to", what, "partition", p.partition)
	}
	return err
}

// measure counts the alerts that are new and how long each took from the
// broker's receipt of the event that completed it until now, when it is durable.
func (p *processor) measure(records []stream.Record, written store.Written) {
	if written.TooOld > 0 {
		p.metrics.tooOld.Add(float64(written.TooOld))
		p.logger.Warn("Alerts are older than max_action_age: they are recorded, and nothing follows from them",
			"count", written.TooOld, "partition", p.partition)
	}
	now := p.now()
	for i := range written.New {
		a := &written.New[i]
		p.metrics.alerts.WithLabelValues(a.Rule, a.Level.String(), string(a.Status)).Inc()
		received, ok := timeOf(records, a.Trigger.Offset)
		if !ok {
			continue
		}
		latency := now.Sub(received)
		p.metrics.latency.Observe(latency.Seconds())
		if p.onAlert != nil {
			p.onAlert(a, latency)
		}
	}
}
