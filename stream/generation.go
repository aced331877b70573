package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// generation consumes the partitions that a generation of the group assigns,
// until the generation or run ends. Before it returns, what may be committed is:
// kafka-go lets no other generation begin until then.
func (c *Consumer) generation(run, generation context.Context, gen *kafka.Generation) error {
	leaving := c.take(run, gen.ID, gen.Assignments[c.opts.Topic])
	c.metrics.rebalances.Inc()
	c.logger.Info("Partitions are assigned", "generation", gen.ID, "partitions", c.claim.Load().partitions, "of", c.count)
	c.progress.join()
	c.outage.works(membership)

	fetching, stop := context.WithCancel(run)
	defer stop()
	defer context.AfterFunc(generation, stop)()
	processing, giveUp := context.WithCancel(context.WithoutCancel(run))
	defer giveUp()

	work, fetching := errgroup.WithContext(fetching)
	count, withheld := c.count, c.withheld.Swap(false)
	for _, p := range c.held {
		work.Go(func() error {
			err := p.run(run, fetching, processing, count)
			if errors.Is(err, ErrTaken) {
				return c.missed(fetching, err)
			}
			return err
		})
	}
	work.Go(func() error { // also keeps a generation without partitions alive
		if len(leaving) > 0 {
			closeAll(processing, leaving)
		} else {
			c.watch(fetching, withheld)
		}
		stop()
		return nil
	})

	ours := slices.AppendSeq(leaving, maps.Values(c.held))
	finished := make(chan struct{})
	var aside sync.WaitGroup
	aside.Go(func() { c.commitEvery(gen, ours, finished) })
	aside.Go(func() {
		if c.overdue(run, fetching, finished) {
			giveUp()
		}
	})
	err := work.Wait()
	close(finished)
	aside.Wait()
	if err != nil || run.Err() != nil {
		closeAll(context.WithoutCancel(run), ours)
	}
	_ = c.commit(gen, ours) // what is not committed now, the next generation commits
	for _, p := range c.held {
		if p.failed {
			p.discard(run)
		}
	}
	return err
}

// overdue waits until what is being processed is to be given up. It reports false
// if it has finished before.
func (c *Consumer) overdue(run, fetching context.Context, finished <-chan struct{}) bool {
	select {
	case <-finished:
		return false
	case <-fetching.Done():
	}
	handover := time.NewTimer(c.opts.Handover)
	defer handover.Stop()
	select {
	case <-finished:
		return false
	case <-handover.C:
		c.logger.Warn("A batch takes too long to be handed over, its partition will be read anew")
		return true
	case <-run.Done():
	}
	last := time.NewTimer(c.opts.CloseWithin)
	defer last.Stop()
	select {
	case <-finished:
		return false
	case <-last.C:
		c.logger.Warn("A batch takes too long to wait for it at the end, it will be read anew")
		return true
	}
}

// missed waits for the group to say that it has gone on without this consumer,
// which it does with the next heartbeat: fetching ends. If it says no such thing,
// whoever has taken the partition is not of this group.
func (c *Consumer) missed(fetching context.Context, err error) error {
	t := time.NewTimer(sessionTimeout)
	defer t.Stop()
	select {
	case <-fetching.Done():
		c.logger.Warn("Another process has taken a partition over", "error", err)
		return nil
	case <-t.C:
		return fmt.Errorf("%w, though consumer group %q gives it to this one: give each group a store of its own", err, c.opts.Group)
	}
}

// take begins a generation of the group: it makes room for what is ours now, and
// returns what is not any more, to be closed. The group then divides the
// partitions once more, for somebody else to get them.
func (c *Consumer) take(run context.Context, generation int32, assignments []kafka.PartitionAssignment) (leaving []*partition) {
	if last := c.claim.Load().generation; generation != last+1 {
		// In the generations in between, others may have had what we had.
		for _, p := range c.held {
			if p.processor != nil {
				c.logger.Warn("The group has gone on without this consumer, the partition is opened anew",
					"partition", p.id, "generation", generation, "last", last)
				p.discard(run)
			}
		}
	}
	committed := map[int32]int64{} // of the partitions that are assigned
	for _, a := range assignments {
		committed[int32(a.ID)] = max(0, a.Offset) // negative if there is none
		c.count = max(c.count, a.ID+1)            // the group's leader may have seen more than we did
	}
	for id, p := range c.held {
		if _, ours := committed[id]; !ours {
			leaving = append(leaving, p)
			delete(c.held, id)
			c.outage.works(p.name) // nobody here tries it any more
		}
	}
	for id, offset := range committed {
		p := c.held[id]
		if p == nil {
			p = newPartition(c, id)
			c.held[id] = p
		}
		if p.committed.Load() != void {
			p.committed.Store(offset)
		}
	}
	c.tally(generation)
	return leaving
}

// watch looks at the topic until ctx ends or the group has to divide the
// partitions anew: because their number changes, or because those that were kept
// back (withheld) for their holders to close have still not been divided.
func (c *Consumer) watch(ctx context.Context, withheld bool) {
	tick := time.NewTicker(c.opts.MeasureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		was := c.count
		if c.measure(ctx) == nil && c.count != was {
			c.logger.Info("The topic's partitions have changed", "from", was, "to", c.count)
			return
		}
		if withheld {
			return
		}
	}
}

// measure asks how many partitions the topic has, and how far those reach that
// are held.
func (c *Consumer) measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client := c.cluster.client()
	layout, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{c.opts.Topic}})
	if err != nil {
		return fmt.Errorf("asking for the topic: %w", c.cluster.explain(err))
	}
	topic := layout.Topics[0]
	switch {
	case errors.Is(topic.Error, kafka.UnknownTopicOrPartition):
		return fmt.Errorf("there is no topic %q: create it, or correct its name", c.opts.Topic)
	case topic.Error != nil:
		return fmt.Errorf("asking for topic %q: %w", c.opts.Topic, topic.Error)
	}
	c.count = len(topic.Partitions)
	if len(c.held) == 0 {
		return nil
	}
	ends := make([]kafka.OffsetRequest, 0, len(c.held))
	for id := range c.held {
		ends = append(ends, kafka.LastOffsetOf(int(id)))
	}
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{c.opts.Topic: ends}})
	if err != nil {
		return nil // the fetches will say so
	}
	for _, end := range answer.Topics[c.opts.Topic] {
		if p := c.held[int32(end.Partition)]; p != nil && end.Error == nil {
			p.observe(end.LastOffset)
		}
	}
	return nil
}

// bounds is the offset of a partition's oldest record, and the one after its
// newest.
func (c *Consumer) bounds(ctx context.Context, partition int32) (first, last int64, err error) {
	answer, err := c.cluster.client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{
			c.opts.Topic: {kafka.FirstOffsetOf(int(partition)), kafka.LastOffsetOf(int(partition))},
		},
	})
	if err != nil {
		return 0, 0, err
	}
	partitions := answer.Topics[c.opts.Topic]
	if len(partitions) != 1 {
		return 0, 0, kafka.UnknownTopicOrPartition
	}
	p := partitions[0]
	return p.FirstOffset, p.LastOffset, p.Error
}
