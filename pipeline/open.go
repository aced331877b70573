package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// Open takes a partition over: it fences whoever had it before, and restores what
// is known of it. What the snapshot lacks, the stream then brings once more, and
// the journal's entries take effect at their places.
//
// The error is a [stream.ErrTaken] if another process has taken the partition
// meanwhile, and a [diag.List] if its rules can't be evaluated.
func (p *Pipeline) Open(ctx context.Context, kept Store, a stream.Assignment) (stream.Processor, stream.Resume, error) {
	if n := int32(min(a.Partitions, 1<<20)); p.partitions.Swap(n) != n {
		p.sayLeftOut()
	}
	// The configured rules were checked before the topic was known.
	if err := p.Check(p.rules.Load()); err != nil {
		return nil, stream.Resume{}, err
	}
	o := &opening{Pipeline: p, store: kept, partition: a.Partition}
	if err := o.take(ctx, a.Replaced); err != nil {
		return nil, stream.Resume{}, err
	}
	r, err := o.restore(ctx)
	if err != nil {
		return nil, stream.Resume{}, err
	}
	opened := &processor{
		Pipeline: p, store: kept, partition: a.Partition, claim: o.claim,
		redone: o.claim.Written, // not what the group has committed, which may be of another log
		last:   -1, current: state{next: -1}, begun: p.opts.Now(),
	}
	opened.committable.Store(-1)
	opened.life, opened.end = context.WithCancel(context.WithoutCancel(ctx))
	resume := stream.Resume{Next: stream.FromStart}
	if o.claim.Snapshot >= 0 {
		// There was a snapshot. Without one, only a log that is still whole gives
		// the same state: the stream refuses one that begins later.
		resume.Next = 0
	}
	if r != nil {
		m := r.mark
		resume = stream.Resume{Next: m.Next, Last: m.Last, Fingerprint: m.Fingerprint}
		opened.engine, opened.inForce, opened.known = r.engine, r.set, true
		opened.next, opened.last, opened.fingerprint, opened.ordinal = m.Next, m.Last, m.Fingerprint, m.Journal
		opened.pending, opened.good = r.journal, []snapshot.Name{r.name}
		opened.committable.Store(m.Next)
		if m.Next == o.claim.Snapshot {
			opened.current = state{m.Next, m.Journal}
		}
		p.metrics.inForce(a.Partition, r.set.Hash)
		p.metrics.isAsOf(a.Partition, r.written)
		return opened, resume, nil
	}
	if err := opened.begin(ctx); err != nil {
		opened.end()
		return nil, stream.Resume{}, err
	}
	return opened, resume, nil
}

// opening is a partition that is being taken over.
type opening struct {
	*Pipeline
	store     Store
	partition int32
	claim     store.Claim
}

// take claims the partition. If its log was replaced, all that belongs to the old
// one is forgotten.
func (o *opening) take(ctx context.Context, replaced bool) error {
	err := o.untilDone(ctx, o.partition, theStore, func() (err error) {
		if o.claim, err = o.store.Claim(ctx, o.opts.Topic, o.partition); err != nil || !replaced {
			return err
		}
		o.claim, err = o.store.StartOver(ctx, o.claim)
		return err
	})
	if err != nil || o.claim.Snapshot >= 0 {
		return err
	}
	// No snapshot is current. One that is there belongs to a log that is no more,
	// or its owner died before it counted.
	return o.untilDone(ctx, o.partition, theSnapshots, func() error {
		return o.clear(ctx, o.claim, func(snapshot.Name) (bool, error) { return false, nil })
	})
}

// clear removes the snapshots of the owner and of those before, but for those
// that are wanted.
func (p *Pipeline) clear(ctx context.Context, c store.Claim, wanted func(snapshot.Name) (bool, error)) error {
	all, err := p.opts.Snapshots.List(ctx, c.Topic, c.Partition)
	if err != nil {
		return err
	}
	for _, name := range all {
		if name.Generation > c.Generation {
			continue
		}
		isWanted, err := wanted(name)
		if err != nil {
			return err
		}
		if isWanted {
			continue
		}
		if err := p.opts.Snapshots.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// isForeign reports whether a snapshot is of a version that this one doesn't
// know. Such a one is not ours to remove: the version that wrote it may come back,
// and have nothing else to go by.
func (p *Pipeline) isForeign(ctx context.Context, name snapshot.Name) (bool, error) {
	file, err := p.opts.Snapshots.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	source := &source{r: file}
	_, err = detector.OpenSnapshot(source)
	return errors.Is(err, detector.ErrSnapshotVersion), source.failed
}

// begin makes the engine of a partition that nothing is known of, but what its
// log and its journal say.
func (p *processor) begin(ctx context.Context) error {
	err := p.untilDone(ctx, p.partition, theStore, func() (err error) {
		p.pending, err = p.store.Journal(ctx, p.opts.Topic, p.partition, -1)
		return err
	})
	if err != nil {
		return err
	}
	// Where the journal doesn't begin with a rule set, this one is in force until
	// it does.
	p.inForce = p.configured()
	if p.engine, err = detector.New(p.inForce.options(p.partition)); err != nil {
		return err
	}
	if len(p.pending) == 0 && p.claim.Written <= 0 {
		return p.activate(ctx)
	}
	return nil
}

// restored is what was got back of a partition.
type restored struct {
	engine  *detector.Engine
	set     *RuleSet
	mark    detector.Mark
	name    snapshot.Name
	written time.Time     // as its file says
	journal []store.Entry // that the engine does not know of
}
