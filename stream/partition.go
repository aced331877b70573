package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// partition is one partition of the topic while it is ours. It outlives the
// generations of the consumer group, and its processor with it, for as long as
// it is assigned to us without a break.
type partition struct {
	consumer *Consumer
	id       int32
	name     string // for messages

	processor Processor // nil until it is opened
	caughtUp  bool
	// failed says that a call of the processor failed: its state may be ahead of
	// what is durable.
	failed bool
	// replaced says that the next processor is to start over.
	replaced bool
	last     mark          // of the record processed last
	idled    time.Duration // how long the partition had been quiet when it was last called idle

	processed     atomic.Int64 // offset after the last one that is durably processed, FromStart before the first
	committable   atomic.Int64 // what the processor allows, as when it was last asked; negative for nothing
	committed     atomic.Int64 // what the group has committed, 0 if it has not, or void
	oldest        atomic.Int64 // offset of the first record, as when it was last asked for; FromStart before that
	highWatermark atomic.Int64

	consumed prometheus.Counter
	lag      prometheus.Gauge
}

// void, as what the group has committed, says that this is the offset of another
// log.
const void = -1

func newPartition(c *Consumer, id int32) *partition {
	label := strconv.Itoa(int(id))
	p := &partition{
		consumer: c,
		id:       id,
		name:     "partition " + label,
		consumed: c.metrics.consumed.WithLabelValues(label),
		lag:      c.metrics.lag.WithLabelValues(label),
	}
	p.reset()
	return p
}

// reset makes p one of which nothing is known but what the group has committed.
func (p *partition) reset() {
	p.processor, p.caughtUp, p.failed, p.last, p.idled = nil, false, false, mark{}, 0
	p.processed.Store(FromStart)
	p.committable.Store(-1)
	p.oldest.Store(FromStart)
	p.highWatermark.Store(0)
	p.consumer.progress.behind(p.id)
}

// close gives the partition up, with the processor's last effort.
func (p *partition) close(ctx context.Context) {
	p.closeProcessor(ctx)
	p.consumer.metrics.lag.DeleteLabelValues(strconv.Itoa(int(p.id)))
	p.consumer.progress.done(p.id)
}

// closeAll closes partitions at the same time.
func closeAll(ctx context.Context, partitions []*partition) {
	var closing sync.WaitGroup
	for _, p := range partitions {
		closing.Go(func() { p.close(ctx) })
	}
	closing.Wait()
}

// discard closes the processor, whose state is of no use. The next one is opened
// as if the partition had never been here.
func (p *partition) discard(ctx context.Context) {
	p.failed = true
	p.closeProcessor(ctx)
	p.reset()
}

func (p *partition) closeProcessor(ctx context.Context) {
	if p.processor == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.consumer.opts.CloseWithin)
	defer cancel()
	if p.failed {
		cancel()
	}
	p.processor.Close(ctx)
	p.ask()
	p.processor = nil
}

// run consumes until fetching ends; a batch that is then being processed may
// finish while processing lives. Opening ends with stop too: what is opened then
// is of no use. partitions is how many the topic has. An error is one that the
// consumer can't go on with, or ErrTaken.
func (p *partition) run(stop, fetching, processing context.Context, partitions int) error {
	opening, cancel := context.WithCancel(processing)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	for {
		var err error
		if p.processor == nil {
			err = p.open(opening, partitions)
		}
		if err == nil {
			err = p.consume(fetching, processing)
		}
		switch {
		case errors.Is(err, errInterrupted):
			return nil
		case errors.Is(err, errReplaced) && p.consumer.opts.Replaced == StartOverIfReplaced:
			p.consumer.logger.Warn("Starting over with a partition whose log is another one", "partition", p.id, "error", err)
			p.discard(processing)
			p.replaced = true
			p.committed.Store(void)
		default:
			return err
		}
	}
}

// open makes the processor, or fails and leaves none.
func (p *partition) open(ctx context.Context, partitions int) error {
	processor, resume, err := p.consumer.opts.Open(ctx, Assignment{
		Partition:  p.id,
		Partitions: partitions,
		Committed:  max(0, p.committed.Load()),
		Replaced:   p.replaced,
	})
	if err == nil {
		p.processor = processor
		err = p.position(resume)
	}
	switch {
	case ctx.Err() != nil: // too late, whatever came of it
		p.discard(ctx)
		return errInterrupted
	case err != nil:
		p.discard(ctx)
		return fmt.Errorf("opening partition %d: %w", p.id, err)
	}
	p.replaced = false
	p.ask()
	return nil
}

// position puts p where its processor resumes.
func (p *partition) position(resume Resume) error {
	if err := resume.check(); err != nil {
		return err
	}
	if p.replaced && resume.Next != FromStart {
		return fmt.Errorf("its log was replaced, it can't resume from offset %d", resume.Next)
	}
	p.last = mark{offset: resume.Last, fingerprint: resume.Fingerprint}
	p.processed.Store(resume.Next)
	return nil
}

// consume reads the log and has its records processed, one fetch after the other.
func (p *partition) consume(fetching, processing context.Context) error {
	// While one fetch is processed, one more waits on the channel: that bounds
	// both the memory and what is fetched in vain when the partition goes.
	ahead := make(chan *fetched)
	spare := make(chan *fetched, 2)
	reader := &reader{partition: p, next: p.processed.Load(), known: p.last}
	work, fetching := errgroup.WithContext(fetching)
	work.Go(func() error {
		defer close(ahead)
		return reader.read(fetching, ahead, spare)
	})
	work.Go(func() error {
		for f := range ahead {
			if fetching.Err() != nil {
				continue // it will be fetched again by whoever comes next
			}
			if err := p.process(processing, f); err != nil {
				return err
			}
			select {
			case spare <- f:
			default:
			}
		}
		return nil
	})
	return work.Wait()
}

// errInterrupted says that opening or processing was given up half way.
var errInterrupted = errors.New("interrupted")

// process hands one fetch to the processor and moves on.
func (p *partition) process(ctx context.Context, f *fetched) error {
	if err := p.call(ctx, f); err != nil {
		p.failed = true
		if ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	p.last = f.known
	p.processed.Store(f.next)
	p.ask()
	p.observe(f.HighWatermark)
	if !p.caughtUp && f.next >= f.stable {
		p.caughtUp = true
		p.consumer.progress.done(p.id)
	}
	return nil
}

// ask asks the processor what may be committed: no more than it was given. If
// that is all the records, it is also what follows them that is no record.
func (p *partition) ask() {
	to, processed := p.processor.Committable(), p.processed.Load()
	if p.last.fingerprint != 0 && to > p.last.offset {
		to = processed
	}
	p.committable.Store(min(to, processed))
}

// call has a fetch's records processed, or the processor told that there have
// been none for long.
func (p *partition) call(ctx context.Context, f *fetched) error {
	if f.quiet < p.idled {
		p.idled = 0 // it was not quiet in between
	}
	switch {
	case len(f.Records) > 0:
		if err := p.processor.Process(ctx, f.Batch); err != nil {
			return fmt.Errorf("processing partition %d from offset %d: %w", p.id, f.Records[0].Offset, err)
		}
		p.consumed.Add(float64(len(f.Records)))
	case f.quiet-p.idled >= p.consumer.opts.IdleAfter:
		p.idled = f.quiet
		if err := p.processor.Idle(ctx, f.asked); err != nil {
			return fmt.Errorf("partition %d being idle: %w", p.id, err)
		}
	}
	return nil
}

// observe sets the lag from the high watermark, which it moves up if need be. A
// partition of which nothing is processed yet lags by all that it has.
func (p *partition) observe(highWatermark int64) {
	for {
		old := p.highWatermark.Load()
		if highWatermark <= old || p.highWatermark.CompareAndSwap(old, highWatermark) {
			break
		}
	}
	next := p.processed.Load()
	if next == FromStart {
		next = p.oldest.Load()
	}
	if next >= 0 {
		p.lag.Set(float64(max(0, p.highWatermark.Load()-next)))
	}
}
