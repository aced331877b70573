package pipeline

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
)

// snapshotIfDue begins a snapshot if the interval has passed and there is
// something new. It must be called where everything is durable that follows from
// what the engine has seen.
func (p *processor) snapshotIfDue() {
	if p.writing != nil {
		select {
		case <-p.writing:
			p.writing = nil
		default:
			return
		}
	}
	now := p.opts.Now()
	if now.Sub(p.begun) < p.opts.SnapshotInterval {
		return
	}
	switch {
	case p.isNew():
		p.begun = now
		p.beginSnapshot()
	case p.state() == p.current:
		p.metrics.isAsOf(p.partition, now)
	}
}

// state is how far the engine has come.
func (p *processor) state() state { return state{p.next, p.ordinal} }

// isNew reports whether a snapshot would hold what the current one does not.
func (p *processor) isNew() bool {
	// The current one never goes back. Before the first record there is no place
	// in the log from which to go on.
	return p.last >= 0 && p.known && p.next >= p.claim.Snapshot && p.state() != p.current
}

// beginSnapshot cuts the state and has it written beside the work.
func (p *processor) beginSnapshot() {
	begun := p.opts.Now()
	mark := detector.Mark{
		Next: p.next, Last: p.last, Fingerprint: p.fingerprint, Journal: p.ordinal, RuleSet: p.inForce.Hash,
	}
	cut := p.engine.Snapshot(mark)
	p.metrics.snapshotStop.Observe(p.opts.Now().Sub(begun).Seconds())
	if cut == nil {
		return // another one is not released yet
	}
	if !p.writers.TryAcquire(1) {
		cut.Release()
		return // the pipeline is being closed
	}
	claim, done := p.claim, make(chan struct{})
	p.writing = done
	go func() {
		defer p.writers.Release(1)
		defer close(done)
		defer cut.Release()
		p.keep(p.life, claim, mark, cut, begun)
	}()
}

// keep writes a snapshot, makes it current and removes those that nobody needs
// any more. If it can't be written, the next one is another try.
func (p *processor) keep(ctx context.Context, claim store.Claim, mark detector.Mark, cut *detector.Snapshot, begun time.Time) {
	name := snapshot.Name{Topic: claim.Topic, Partition: claim.Partition, Next: mark.Next, Generation: claim.Generation}
	size, err := p.writeSnapshot(ctx, name, cut)
	cut.Release()
	switch {
	case err == nil:
		err = p.makeCurrent(ctx, claim, mark.Next)
	case !slices.Contains(p.good, name):
		err = errors.Join(err, p.opts.Snapshots.Remove(ctx, name)) // it may be there all the same
	}
	switch {
	case errors.Is(err, store.ErrFenced):
		p.fenced.Store(&err)
		return
	case ctx.Err() != nil:
		return // the partition is given up
	case err != nil:
		p.fails(mark.Next, err)
		return
	case p.failing:
		p.failing = false
		p.opts.Logger.Info("Snapshots are kept again", "partition", p.partition, "offset", mark.Next)
	}
	p.current = state{mark.Next, mark.Journal}
	p.committable.Store(mark.Next)
	p.metrics.snapshotDuration.Observe(p.opts.Now().Sub(begun).Seconds())
	p.shows(func() {
		p.metrics.snapshotBytes.WithLabelValues(label(p.partition)).Set(float64(size))
		p.metrics.isAsOf(p.partition, begun)
	})

	const most = 2
	p.good = slices.DeleteFunc(p.good, func(n snapshot.Name) bool { return n == name })
	p.good = slices.Insert(p.good, 0, name)
	p.good = p.good[:min(most, len(p.good))]
	wanted := func(n snapshot.Name) (bool, error) {
		if slices.Contains(p.good, n) {
			return true, nil
		}
		return p.isForeign(ctx, n)
	}
	if err := p.clear(ctx, claim, wanted); err != nil && ctx.Err() == nil {
		p.opts.Logger.Warn("Snapshots that are not needed any more could not be removed", "partition", p.partition, "error", err)
	}
}

// makeCurrent tries for as long as the store takes. The next snapshot is not begun
// before, so that no more than one is there that does not count.
func (p *processor) makeCurrent(ctx context.Context, claim store.Claim, next int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return keepTrying(ctx,
		func() error { return p.store.MakeCurrent(ctx, claim, next) },
		func(err error) { p.fails(next, err) })
}

// fails counts a snapshot that is not kept at the first try, and says so once.
func (p *processor) fails(next int64, err error) {
	p.metrics.snapshotFailures.Inc()
	if !p.failing {
		p.failing = true
		p.opts.Logger.Error("A snapshot could not be kept; the partition goes on, and it is tried again",
			"partition", p.partition, "offset", next, "error", err)
	}
}

func (p *processor) writeSnapshot(ctx context.Context, name snapshot.Name, cut *detector.Snapshot) (size int64, err error) {
	err = p.opts.Snapshots.Write(ctx, name, func(w io.Writer) error {
		counted := &counter{w: w}
		err := cut.Write(counted)
		size = counted.n
		return err
	})
	return size, err
}

// counter counts the bytes that are written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Close ends the partition. While ctx lives, what is known of it is kept in a
// last snapshot, so that the next owner has nothing to replay. A snapshot that a
// stalled disk holds up when ctx ends is left to [Pipeline.Close].
func (p *processor) Close(ctx context.Context) {
	defer p.shows(func() {
		p.closed = true
		p.metrics.forget(p.partition)
	})
	defer p.logUnsaidRejected()
	defer p.end()
	defer context.AfterFunc(ctx, p.end)()
	p.await(ctx)
	if ctx.Err() == nil && p.fenced.Load() == nil && p.isNew() {
		p.beginSnapshot()
		p.await(ctx)
		if ctx.Err() != nil {
			p.opts.Logger.Warn("The last snapshot was not finished in time: the records since the one before are replayed",
				"partition", p.partition, "offset", p.next)
		}
	}
}

// await waits for the snapshot that is being written, until ctx ends.
func (p *processor) await(ctx context.Context) {
	if p.writing == nil {
		return
	}
	select {
	case <-p.writing:
		p.writing = nil
	case <-ctx.Done():
	}
}

// shows changes what the metrics show of the partition, unless they have
// forgotten it: by now it may be another processor's.
func (p *processor) shows(change func()) {
	p.showing.Lock()
	defer p.showing.Unlock()
	if !p.closed {
		change()
	}
}
