// Package pipeline is the way of an event through the daemon: decoded, shown to
// the engine of its partition, and what follows made durable. It also gives what
// reaches an engine from elsewhere its place in the partition's journal, keeps
// snapshots of the engine's state, and gets the state back from both.
//
// The log and the journal determine everything: a partition that is taken over
// goes on as if nothing had happened. So nothing may reach an engine that a
// replay would not meet at the same place, and a snapshot must not count before
// everything that follows from the records in it is durable.
package pipeline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// Store keeps what follows from a partition's records, and what determines it
// beside them; see package store.
type Store interface {
	Claim(ctx context.Context, topic string, partition int32) (store.Claim, error)
	StartOver(ctx context.Context, c store.Claim) (store.Claim, error)
	Write(ctx context.Context, b store.Batch) (store.Written, error)
	MakeCurrent(ctx context.Context, c store.Claim, next int64) error

	AppendJournal(ctx context.Context, c store.Claim, e store.Entry) (ordinal int64, err error)
	Journal(ctx context.Context, topic string, partition int32, after int64) ([]store.Entry, error)
	KeepRuleSet(ctx context.Context, hash string, content []byte) error
	RuleSet(ctx context.Context, hash string) ([]byte, error)
}

// DeadLetters keeps records that can't be read.
type DeadLetters interface {
	DeadLetters(ctx context.Context, topic string, letters []stream.DeadLetter) error
}

// Snapshots keeps snapshots; see [snapshot.Dir].
type Snapshots interface {
	Write(ctx context.Context, name snapshot.Name, write func(io.Writer) error) error
	List(ctx context.Context, topic string, partition int32) ([]snapshot.Name, error)
	Open(ctx context.Context, name snapshot.Name) (*snapshot.File, error)
	Remove(ctx context.Context, name snapshot.Name) error
}

// Options say what a [Pipeline] consists of.
type Options struct {
	// Topic is the input topic, DeadLetterTopic that of records that can't be
	// read. Both are required.
	Topic, DeadLetterTopic string
	// RuleSet is to be in force, until [Pipeline.Use]. Required.
	RuleSet *RuleSet
	// DeadLetters and Snapshots are where those go. Required.
	DeadLetters DeadLetters
	Snapshots   Snapshots
	// SnapshotInterval is how long after one snapshot of a partition the next is
	// begun. Defaults to 1m.
	SnapshotInterval time.Duration
	// Split says how to go on where an account has events in two partitions.
	// Defaults to [StopIfSplit].
	Split SplitPolicy
	// OnAlert is told of each alert once it is durable, and of how long after the
	// broker's receipt of its last event that was; 0 for an alert that a deadline
	// brought, which nobody has waited for. It may be called from several
	// goroutines. Defaults to nobody.
	OnAlert func(a *holdfast.Alert, latency time.Duration)
	// Now is the clock by which snapshots are due and latency is measured.
	// Defaults to time.Now.
	Now func() time.Time
	// Logger defaults to silence, Registerer to none.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Pipeline is what the partitions have in common. It is safe for concurrent use.
type Pipeline struct {
	opts     Options
	decoder  *intake.Decoder
	accounts *accounts
	metrics  *metrics

	rules      atomic.Pointer[RuleSet] // to be in force
	partitions atomic.Int32            // of the topic; 0 until the first is opened
	blocked    atomic.Int32            // partitions that wait for something to take writes
	writers    *semaphore.Weighted     // of snapshots
}

// mostWriters is how many snapshots can be in writing: more than there ever are.
const mostWriters = 1 << 30

// New makes a pipeline. The error is a [diag.List] if the rule set can't be
// evaluated.
func New(opts Options) (*Pipeline, error) {
	if opts.SnapshotInterval == 0 {
		opts.SnapshotInterval = time.Minute
	}
	if opts.OnAlert == nil {
		opts.OnAlert = func(*holdfast.Alert, time.Duration) {}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{
		opts: opts, decoder: intake.NewDecoder(intake.Options{}), accounts: newAccounts(), metrics: newMetrics(opts.Registerer),
		writers: semaphore.NewWeighted(mostWriters),
	}
	return p, p.Use(opts.RuleSet)
}

// Check reports, as a [diag.List], why a rule set can't be put in force.
func (p *Pipeline) Check(set *RuleSet) error {
	partitions := int(p.partitions.Load())
	return set.in(partitions).evaluable(partitions)
}

// Use puts a rule set in force, in each partition at its next batch, or when it
// is idle. It refuses what Check does, and then nothing changes.
func (p *Pipeline) Use(set *RuleSet) error {
	if err := p.Check(set); err != nil {
		return err
	}
	p.metrics.expect(set)
	p.rules.Store(set)
	p.sayLeftOut()
	return nil
}

// configured is what is to be in force.
func (p *Pipeline) configured() *RuleSet { return p.rules.Load().in(int(p.partitions.Load())) }

// sayLeftOut names the rules that the topic has too many partitions for.
func (p *Pipeline) sayLeftOut() {
	partitions := int(p.partitions.Load())
	if rules := p.rules.Load().leavesOut(partitions); len(rules) > 0 {
		p.opts.Logger.Warn("Rules that look across accounts are left out: no partition sees the whole of their groups",
			"rules", rules, "partitions", partitions)
	}
}

// Ready reports partitions that can't go on.
func (p *Pipeline) Ready() error {
	if n := p.blocked.Load(); n > 0 {
		return fmt.Errorf("partitions that wait because the store, the snapshots or the dead-letter topic can't be used: %d", n)
	}
	return nil
}

// Close waits for the snapshots that are still being written, once the last
// processor is closed: a disk that stalls can hold one up past that, and no context
// ends it. The error says that ctx has ended first; the file is then of no use, and
// whoever opens the directory later removes it.
func (p *Pipeline) Close(ctx context.Context) error {
	if err := p.writers.Acquire(ctx, mostWriters); err != nil {
		return fmt.Errorf("waiting for snapshots that are being written: %w", err)
	}
	p.writers.Release(mostWriters)
	return nil
}
