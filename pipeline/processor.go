package pipeline

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// eventsAtOnce is how many events go through the engine in one piece.
const eventsAtOnce = 512

// processor is the pipeline of one partition. One goroutine at a time has it;
// what a snapshot that is being written shares with it is said.
type processor struct {
	*Pipeline
	store     Store
	partition int32
	claim     store.Claim
	redone    int64 // what is rejected before this offset is in the dead-letter topic already

	engine  *detector.Engine
	inForce *RuleSet // that the engine applies
	known   bool     // the journal says so
	// pending are the entries of the journal that are still to take effect.
	pending []store.Entry
	ordinal int64 // of the journal's last entry that has taken effect

	next        int64  // offset after the last record that was processed
	last        int64  // that record's offset, -1 before the first
	fingerprint uint64 // that record's

	events     [eventsAtOnce]holdfast.Event
	inputs     []detector.Input
	out        detector.Output
	letters    []stream.DeadLetter
	tooOld     int                // alerts too old for anything to follow, that the log has not named yet
	tooOldSaid time.Time          // when the log last named some
	unsaid     map[string]*unsaid // of rejected events, by reason
	splits     int                // events of split accounts that the log has not named yet
	splitsSaid time.Time          // when the log last named some
	counted    detector.Stats     // up to which the metrics are

	// Of the snapshots. While one is being written, writing is open, and what
	// follows it belongs to the writer.
	begun   time.Time     // when the last one was, or the partition was opened
	writing chan struct{} // closed once it has ended; nil if there is none
	current state         // that the current one holds
	good    []snapshot.Name
	failing bool // the last one could not be kept

	committable atomic.Int64
	fenced      atomic.Pointer[error] // that a writer met
	life        context.Context       // of the writer
	end         context.CancelFunc
	showing     sync.Mutex // held while the metrics of the partition change beside the work
	closed      bool       // guarded by showing
}

// state is how far an engine's state has come.
type state struct{ next, ordinal int64 }

// Committable is up to where the current snapshot goes, or the one that the
// partition was restored from.
func (p *processor) Committable() int64 { return p.committable.Load() }

// Process takes a batch through the engine and returns once everything that
// follows from it is durable. While something it needs is down it waits: the
// engine has gone on, so the same results are written until they are written.
func (p *processor) Process(ctx context.Context, batch stream.Batch) error {
	if err := p.fenced.Load(); err != nil {
		return taken(*err)
	}
	p.reset()
	// What lies between is no record, or is gone.
	p.next = max(p.next, batch.Records[0].Offset)
	if err := p.catchUp(ctx, p.next); err != nil {
		return err
	}
	if err := p.activate(ctx); err != nil {
		return err
	}
	if err := p.take(ctx, batch.Records); err != nil {
		return err
	}
	last := &batch.Records[len(batch.Records)-1]
	p.next, p.last, p.fingerprint = last.Offset+1, last.Offset, stream.Fingerprint(last)
	if err := p.catchUp(ctx, p.next); err != nil {
		return err
	}
	if err := p.write(ctx, batch.Records); err != nil {
		return err
	}
	p.snapshotIfDue()
	return nil
}

// Idle moves the watermark with the wall clock, if an alert waits for that; see
// pass.
func (p *processor) Idle(ctx context.Context, asOf time.Time) error {
	if err := p.fenced.Load(); err != nil {
		return taken(*err)
	}
	p.reset()
	if err := p.catchUp(ctx, p.next); err != nil {
		return err
	}
	if err := p.activate(ctx); err != nil {
		return err
	}
	if err := p.pass(ctx, asOf); err != nil {
		return err
	}
	if err := p.write(ctx, nil); err != nil {
		return err
	}
	p.snapshotIfDue()
	return nil
}

func (p *processor) reset() {
	p.out.Reset()
	p.letters = p.letters[:0]
}

// take takes records through the engine, and the journal's entries between them.
func (p *processor) take(ctx context.Context, records []stream.Record) error {
	for len(records) > 0 {
		if err := p.catchUp(ctx, records[0].Offset); err != nil {
			return err
		}
		n := min(len(records), eventsAtOnce)
		if len(p.pending) > 0 {
			place := func(r stream.Record, after int64) int {
				if r.Offset <= after {
					return -1
				}
				return 1
			}
			before, _ := slices.BinarySearchFunc(records[:n], p.pending[0].After, place)
			n = before
		}
		p.inputs = p.inputs[:0]
		for i := range records[:n] {
			if err := p.decode(&records[i]); err != nil {
				return err
			}
		}
		p.engine.ProcessAll(p.inputs, &p.out)
		records = records[n:]
	}
	return nil
}

// decode makes an input of a record, or a dead letter. The error says that the
// record should not have come in this partition.
func (p *processor) decode(r *stream.Record) error {
	event := &p.events[len(p.inputs)]
	if err := p.decoder.Scan(r.Value, r.Time, event); err != nil {
		p.reject(r, err)
		return nil
	}
	if err := p.whole(event.Account, r.Offset); err != nil {
		return err
	}
	broker, err := holdfast.InstantOf(r.Time)
	if err != nil {
		broker = 0
	}
	p.inputs = append(p.inputs, detector.Input{Event: event, Offset: r.Offset, Broker: broker})
	return nil
}

// write makes durable what has come out, and counts it. Dead letters go first: by
// what the store says was written they are known to be where they belong, so a
// batch that has nothing else is written too.
func (p *processor) write(ctx context.Context, records []stream.Record) error {
	p.logRejected()
	if len(p.letters) > 0 {
		err := p.untilDone(ctx, p.partition, theDeadLetters, func() error {
			return p.opts.DeadLetters.DeadLetters(ctx, p.opts.DeadLetterTopic, p.letters)
		})
		if err != nil {
			return err
		}
	}
	if len(p.letters) > 0 || len(p.out.Alerts) > 0 || len(p.out.Occurrences) > 0 {
		var written store.Written
		err := p.untilDone(ctx, p.partition, theStore, func() error {
			w, err := p.store.Write(ctx, store.Batch{
				Claim: p.claim, Next: p.next, Alerts: p.out.Alerts, Occurrences: p.out.Occurrences,
			})
			// A failed write may have made a part durable, which is not new to the next.
			written.New, written.TooOld = append(written.New, w.New...), written.TooOld+w.TooOld
			return err
		})
		if err != nil {
			return err
		}
		p.claim.Written = max(p.claim.Written, p.next)
		p.measure(records, written)
	}
	p.counted = p.metrics.engine(p.counted, p.engine.Stats())
	return nil
}

// measure counts the alerts that are new, tells of them, and measures how long
// each took from the broker's receipt of the event that completed it until now,
// when it is durable. One that a deadline brought was not late by that.
func (p *processor) measure(records []stream.Record, written store.Written) {
	if written.TooOld > 0 {
		p.metrics.tooOld.Add(float64(written.TooOld))
		p.tooOld += written.TooOld
	}
	now := p.opts.Now()
	if p.tooOld > 0 && now.Sub(p.tooOldSaid) >= logPause {
		p.opts.Logger.Warn("Alerts are older than max_action_age: they are recorded, and nothing follows from them",
			"count", p.tooOld, "partition", p.partition)
		p.tooOld, p.tooOldSaid = 0, now
	}
	for i := range written.New {
		a := &written.New[i]
		p.metrics.alerts.WithLabelValues(a.Rule, a.Level.String(), string(a.Status)).Inc()
		var latency time.Duration
		if received, ok := timeOf(records, a.Trigger.Offset); ok && a.Time == a.Trigger.Time {
			latency = now.Sub(received)
			p.metrics.latency.Observe(latency.Seconds())
		}
		p.opts.OnAlert(a, latency)
	}
}

// timeOf returns the broker time of the record at an offset of a batch.
func timeOf(records []stream.Record, offset int64) (time.Time, bool) {
	i, ok := slices.BinarySearchFunc(records, offset, func(r stream.Record, o int64) int { return int(r.Offset - o) })
	if !ok {
		return time.Time{}, false
	}
	return records[i].Time, true
}
