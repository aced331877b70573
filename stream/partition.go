package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// fromStart is the next offset of a partition that has no processor yet: the
// oldest the broker has, whatever that is.
const fromStart = kafka.FirstOffset

// partition is one partition of the topic while it is ours. It outlives the
// generations of the consumer group, and its processor with it, for as long as
// it is assigned to us without a break.
type partition struct {
	consumer  *Consumer
	id        int32
	name      string    // for messages
	processor Processor // nil until it is opened
	caughtUp  bool
	// interrupted says that the processor's state may be ahead of what is
	// durable: it is discarded once that is committed.
	interrupted bool
	// committed is the offset up to which the group has committed, 0 if it has
	// not. Once next is set, it belongs to the one who commits.
	committed int64

	next          atomic.Int64 // offset after the last one that is durably processed
	oldest        atomic.Int64 // offset of the first record, as when it was last asked for
	highWatermark atomic.Int64

	consumed prometheus.Counter
	lag      prometheus.Gauge
}

func newPartition(c *Consumer, id int32) *partition {
	label := strconv.Itoa(int(id))
	p := &partition{
		consumer: c,
		id:       id,
		name:     "partition " + label,
		consumed: c.metrics.consumed.WithLabelValues(label),
		lag:      c.metrics.lag.WithLabelValues(label),
	}
	p.next.Store(fromStart)
	p.oldest.Store(fromStart)
	c.progress.behind(id)
	return p
}

// close gives the partition up.
func (p *partition) close() {
	p.discard()
	p.consumer.metrics.lag.DeleteLabelValues(strconv.Itoa(int(p.id)))
	p.consumer.progress.done(p.id)
}

// discard closes the processor. The next one begins at the topic's start.
func (p *partition) discard() {
	if p.processor != nil {
		p.processor.Close()
	}
	p.processor, p.caughtUp, p.interrupted = nil, false, false
	p.next.Store(fromStart)
}

// run consumes until fetching ends; a batch that is then being processed may
// finish while processing lives. partitions is how many the topic has. An error
// is one that the consumer can't go on with.
func (p *partition) run(fetching, processing context.Context, partitions int) error {
	if p.processor == nil {
		processor, err := p.consumer.opts.Open(processing, Assignment{Partition: p.id, Partitions: partitions, Committed: p.committed})
		switch {
		case processing.Err() != nil:
			if err == nil {
				processor.Close()
			}
			return nil
		case err != nil:
			return fmt.Errorf("opening partition %d: %w", p.id, err)
		}
		p.processor = processor
	}

	// While one fetch is processed, one more waits on the channel: that bounds
	// both the memory and what is fetched in vain when the partition goes.
	ahead := make(chan *fetched)
	spare := make(chan *fetched, 2)
	work, fetching := errgroup.WithContext(fetching)
	work.Go(func() error {
		defer close(ahead)
		return p.read(fetching, ahead, spare)
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
	err := work.Wait()
	if errors.Is(err, errInterrupted) {
		p.interrupted = true
		return nil
	}
	return err
}

// errInterrupted says that a batch was left half processed.
var errInterrupted = errors.New("processing was interrupted")

// process hands one fetch's records to the processor and moves on.
func (p *partition) process(ctx context.Context, f *fetched) error {
	if len(f.Records) > 0 {
		err := p.processor.Process(ctx, f.Batch)
		switch {
		case err != nil && ctx.Err() != nil:
			return errInterrupted
		case err != nil:
			return fmt.Errorf("processing partition %d from offset %d: %w", p.id, f.Records[0].Offset, err)
		}
		p.consumed.Add(float64(len(f.Records)))
	}
	p.next.Store(f.next)
	p.observe(f.HighWatermark)
	if !p.caughtUp && f.next >= f.stable {
		p.caughtUp = true
		p.consumer.progress.done(p.id)
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
	next := p.next.Load()
	if next == fromStart {
		next = p.oldest.Load()
	}
	if next >= 0 {
		p.lag.Set(float64(max(0, p.highWatermark.Load()-next)))
	}
}
