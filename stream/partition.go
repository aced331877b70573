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

	next          atomic.Int64 // offset after the last one that is durably processed
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
	c.progress.behind(id)
	return p
}

// close gives the partition up.
func (p *partition) close() {
	p.discard()
	p.consumer.metrics.lag.DeleteLabelValues(strconv.Itoa(int(p.id)))
	p.consumer.progress.done(p.id)
	p.consumer.outage.works(p.name) // nobody tries it any more
}

// discard closes the processor. The next one begins at the topic's start.
func (p *partition) discard() {
	if p.processor != nil {
		p.processor.Close()
	}
	p.processor, p.caughtUp = nil, false
	p.next.Store(fromStart)
}

// run consumes until fetching ends; a batch that is then being processed may
// finish while processing lives. partitions is how many the topic has. An error
// is one that the consumer can't go on with.
func (p *partition) run(fetching, processing context.Context, partitions int) error {
	if p.processor == nil {
		processor, err := p.consumer.opts.Open(processing, p.id, partitions)
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
		p.discard()
		p.consumer.progress.behind(p.id)
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

// observe sets the lag from the high watermark, which it moves up if need be.
func (p *partition) observe(highWatermark int64) {
	for {
		old := p.highWatermark.Load()
		if highWatermark <= old || p.highWatermark.CompareAndSwap(old, highWatermark) {
			break
		}
	}
	if next := p.next.Load(); next >= 0 {
		p.lag.Set(float64(max(0, p.highWatermark.Load()-next)))
	}
}

// read fetches the partition's records, from where it stands, until ctx ends.
func (p *partition) read(ctx context.Context, ahead chan<- *fetched, spare <-chan *fetched) error {
	c := p.consumer
	retry := newBackoff(c.opts.BackoffMin, c.opts.BackoffMax)
	next := p.next.Load()
	for ctx.Err() == nil {
		f, err := p.fetch(ctx, next, spare)
		switch {
		case ctx.Err() != nil:
			continue
		case errors.Is(err, kafka.OffsetOutOfRange) && next != fromStart:
			return p.outOfRange(ctx, next)
		case err != nil:
			// A leader that has moved, a broker that is gone: the next try asks
			// for the layout first.
			c.outage.fails(p.name, err)
			c.cluster.refresh()
			pause(ctx, retry)
			continue
		}
		c.outage.works(p.name)
		retry.Reset()
		select {
		case ahead <- f:
			next = f.next
		case <-ctx.Done():
		}
	}
	return nil
}

// fetch fetches from an offset on.
func (p *partition) fetch(ctx context.Context, next int64, spare <-chan *fetched) (*fetched, error) {
	c := p.consumer
	if next == fromStart {
		var err error
		if next, _, err = c.bounds(ctx, p.id); err != nil {
			return nil, err
		}
	}
	f := new(fetched)
	select {
	case f = <-spare:
		// What an unusually large batch once took is not kept for good.
		if cap(f.raw)+cap(f.unpacked) > keptMemory*c.opts.MaxBytes {
			f = new(fetched)
		}
	default:
	}
	f.next = next
	if err := c.cluster.fetch(ctx, c.opts.Topic, p.id, c.opts.MaxWait, c.opts.MaxBytes, f); err != nil {
		return nil, err
	}
	return f, nil
}

// keptMemory is how many times MaxBytes a fetch may keep for the next one.
const keptMemory = 8

// outOfRange says what has become of an offset that the broker does not have.
func (p *partition) outOfRange(ctx context.Context, next int64) error {
	first, last, err := p.consumer.bounds(ctx, p.id)
	if err != nil {
		return fmt.Errorf("partition %d has no offset %d, the next to be read, and can't be asked what it has: %w", p.id, next, err)
	}
	if next < first {
		return fmt.Errorf("partition %d begins at offset %d, but %d is the next to be read: retention has deleted %d records "+
			"that were not read; keep records for longer than the consumer may be down or behind, and start it again to read what is left",
			p.id, first, next, first-next)
	}
	return fmt.Errorf("partition %d ends at offset %d, but %d is the next to be read: the topic was made anew or has lost records; "+
		"start again to read it from its start", p.id, last, next)
}
