package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// alertWriter makes alerts durable; the store is one.
type alertWriter interface {
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
}

// use puts a set of rules in force, from each partition's next batch on. It
// refuses a set that can't be evaluated, and then nothing changes.
func (p *pipeline) use(set *rules.Set) error {
	if err := evaluable(set, int(p.partitions.Load())); err != nil {
		return err
	}
	p.rules.Store(set)
	return nil
}

// evaluable reports rules that the daemon can't evaluate, each by name: those
// whose operators are not there yet, and those whose groups would be torn apart
// because the topic has several partitions and is divided by account.
func evaluable(set *rules.Set, partitions int) error {
	if _, err := detector.New(detector.Options{Rules: set}); err != nil {
		return err
	}
	if partitions <= 1 {
		return nil
	}
	var across []string
	for _, r := range set.Rules {
		if !r.ByAccount() && r.Status != holdfast.Deprecated {
			across = append(across, fmt.Sprintf("%s:%d:%d: rule `%s` is not grouped by account, and no partition sees the whole group: "+
				"the topic has %d partitions", r.File, r.Pos.Line, r.Pos.Column, r.ID, partitions))
		}
	}
	if len(across) > 0 {
		return errors.New(strings.Join(across, "\n") + "\nuse a topic of one partition, or leave these rules out")
	}
	return nil
}

// open makes the processor of a partition.
func (p *pipeline) open(_ context.Context, partition int32, partitions int) (stream.Processor, error) {
	p.partitions.Store(int32(min(partitions, 1<<20)))
	set := p.rules.Load()
	if err := evaluable(set, partitions); err != nil {
		return nil, usageError(err)
	}
	opts := p.engine
	opts.Partition, opts.Rules = partition, set
	engine, err := detector.New(opts)
	if err != nil {
		return nil, err
	}
	return &processor{pipeline: p, engine: engine, set: set, partition: partition}, nil
}

// processor is the pipeline of one partition.
type processor struct {
	*pipeline
	engine    *detector.Engine
	set       *rules.Set // that the engine applies
	partition int32
	event     holdfast.Event
	out       detector.Output
	letters   []stream.DeadLetter
	counted   detector.Stats // up to which the metrics are
}

// Close forgets the partition.
func (p *processor) Close() {}

// Process takes a batch through the engine and returns once everything that
// follows from it is durable. While the dead-letter topic or the store is down
// it waits: the engine has gone on, so the same results are written until they
// are written.
func (p *processor) Process(ctx context.Context, batch stream.Batch) error {
	if set := p.rules.Load(); set != p.set {
		if err := p.engine.SetRules(set); err != nil {
			return fmt.Errorf("putting the new rules in force: %w", err)
		}
		p.set = set
	}
	p.out.Reset()
	p.letters = p.letters[:0]
	for i := range batch.Records {
		p.record(&batch.Records[i])
	}
	p.logRejected()
	if len(p.letters) > 0 {
		err := p.untilDone(ctx, "dead_letter_topic", func() error { return p.deadLetters.DeadLetters(ctx, p.deadTopic, p.letters) })
		if err != nil {
			return err
		}
	}
	if len(p.out.Alerts) > 0 || len(p.out.Occurrences) > 0 {
		var written store.Written
		err := p.untilDone(ctx, "store", func() (err error) {
			written, err = p.alerts.Write(ctx, store.Batch{Alerts: p.out.Alerts, Occurrences: p.out.Occurrences})
			return err
		})
		if err != nil {
			return err
		}
		p.measure(batch.Records, written.New)
	}
	p.counted = p.metrics.engine(p.counted, p.engine.Stats())
	return nil
}

func (p *processor) record(r *stream.Record) {
	err := p.decoder.Decode(r.Value, r.Time, &p.event)
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
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, try() },
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !down {
				p.logger.Error("Can't write; consumption of the partition pauses until it works again",
					"to", what, "partition", p.partition, "error", err)
				down = true
			}
		}))
	if err == nil && down {
		p.logger.Info("Writing works again", "to", what, "partition", p.partition)
	}
	return err
}

// measure counts the alerts that are new and how long each took from the
// broker's receipt of the event that completed it until now, when it is durable.
func (p *processor) measure(records []stream.Record, alerts []holdfast.Alert) {
	now := p.now()
	for i := range alerts {
		a := &alerts[i]
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
