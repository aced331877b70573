package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// readTries is how often one offset is tried that can't be made sense of. A
// broker may hand over damaged data once; what it has on disk stays damaged.
const readTries = 5

// keptMemory is how many times MaxBytes a fetch may keep for the next one.
const keptMemory = 8

// read fetches the partition's records, from where it stands, until ctx ends.
func (p *partition) read(ctx context.Context, ahead chan<- *fetched, spare <-chan *fetched) error {
	c := p.consumer
	retry := newBackoff(c.opts.BackoffMin, c.opts.BackoffMax)
	next, tries := p.next.Load(), 0
	for ctx.Err() == nil {
		f, err := p.fetch(ctx, next, spare)
		switch {
		case ctx.Err() != nil:
			continue
		case errors.Is(err, kafka.OffsetOutOfRange) && next != fromStart:
			return p.outOfRange(ctx, next)
		case errors.Is(err, errLogShrank):
			return err
		case err != nil:
			if damage, ok := errors.AsType[*unreadableError](err); ok {
				if tries++; tries == readTries {
					return p.unreadable(damage)
				}
			}
			// A leader that has moved, a broker that is gone: the next try asks
			// for the layout first.
			c.outage.fails(p.name, err)
			c.cluster.refresh()
			pause(ctx, retry)
			continue
		}
		c.outage.works(p.name)
		retry.Reset()
		tries = 0
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
		if next, err = p.start(ctx); err != nil {
			return nil, err
		}
	}
	f := new(fetched)
	select {
	case f = <-spare:
		// What an unusually large batch once took is not kept for good.
		if f.memory() > keptMemory*c.opts.MaxBytes {
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

// start is the offset of the partition's oldest record. It refuses a log that
// ends before what the group has committed: it is not the one that was read, and
// its records would be taken for processed ones.
func (p *partition) start(ctx context.Context) (int64, error) {
	first, last, err := p.consumer.bounds(ctx, p.id)
	if err != nil {
		return 0, err
	}
	if last < p.committed {
		return 0, p.shrank(last, fmt.Sprintf("the group has committed %d", p.committed))
	}
	if was := p.oldest.Swap(first); was == fromStart && 0 < p.committed && p.committed < first {
		p.consumer.logger.Warn("Retention has deleted records that were not read",
			"partition", p.id, "from", p.committed, "records", first-p.committed)
	}
	p.observe(last)
	return first, nil
}

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
	return p.shrank(last, fmt.Sprintf("%d is the next to be read", next))
}

// errLogShrank says that a partition ends before an offset that it once had.
var errLogShrank = errors.New("the topic was made anew or has lost records")

// shrank says how to go on with a partition that ends too early. The group's
// offsets belong to a log that is no more.
func (p *partition) shrank(last int64, reached string) error {
	return fmt.Errorf("partition %d ends at offset %d, but %s: %w; to read it from its start, stop all consumers of group %q, "+
		"delete the group's offsets (kafka-consumer-groups --delete-offsets --group %s --topic %s) and start again",
		p.id, last, reached, errLogShrank, p.consumer.opts.Group, p.consumer.opts.Group, p.consumer.opts.Topic)
}

// unreadable says how to go on with a partition that stays damaged. To skip
// records is for the operator to decide.
func (p *partition) unreadable(damage *unreadableError) error {
	return fmt.Errorf("partition %d of topic %q can't be read from offset %d on, after %d tries: %w; "+
		"let an intact replica lead the partition, or give up all its records before offset %d with kafka-delete-records, and start again",
		p.id, p.consumer.opts.Topic, damage.offset, readTries, damage, damage.next)
}
