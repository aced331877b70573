package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// commitEvery is how often offsets are committed. Nothing but the view of tools
// depends on it.
const commitEvery = time.Second

// generation consumes the partitions that a generation of the group assigns,
// until the generation or run ends. Before it returns, what was processed is
// committed: kafka-go lets no other generation begin until then.
func (c *Consumer) generation(run, generation context.Context, gen *kafka.Generation) error {
	c.take(gen.Assignments[c.opts.Topic])
	c.metrics.rebalances.Inc()
	c.logger.Info("Partitions are assigned", "generation", gen.ID, "partitions", c.partitions(), "of", c.count)
	c.progress.join()
	c.outage.works(membership)

	fetching, stop := context.WithCancel(run)
	defer stop()
	defer context.AfterFunc(generation, stop)()
	processing, giveUp := context.WithCancel(run)
	defer giveUp()

	work, fetching := errgroup.WithContext(fetching)
	count := c.count
	for _, p := range c.held {
		work.Go(func() error { return p.run(fetching, processing, count) })
	}
	work.Go(func() error { // also keeps a generation without partitions alive
		c.watch(fetching)
		stop()
		return nil
	})

	finished := make(chan struct{})
	var aside sync.WaitGroup
	aside.Go(func() { c.commitAll(gen, finished) })
	aside.Go(func() {
		select {
		case <-finished:
			return
		case <-fetching.Done():
		}
		t := time.NewTimer(c.opts.Handover)
		defer t.Stop()
		select {
		case <-finished:
		case <-t.C:
			c.logger.Warn("A batch takes too long to be handed over, its partition will be read anew")
			giveUp()
		}
	})
	err := work.Wait()
	close(finished)
	aside.Wait()
	for id, p := range c.held {
		if p.interrupted {
			p.discard()
			c.progress.behind(id)
		}
	}
	return err
}

// take gives up what is no longer ours and makes room for what is.
func (c *Consumer) take(assignments []kafka.PartitionAssignment) {
	committed := map[int32]int64{} // of the partitions that are assigned
	for _, a := range assignments {
		committed[int32(a.ID)] = max(0, a.Offset) // negative if there is none
		c.count = max(c.count, a.ID+1)            // the group's leader may have seen more than we did
	}
	for id, p := range c.held {
		if _, ours := committed[id]; !ours {
			p.close()
			delete(c.held, id)
			c.outage.works(p.name) // nobody here tries it any more
		}
	}
	for id, offset := range committed {
		if c.held[id] == nil {
			c.held[id] = newPartition(c, id)
		}
		c.held[id].committed = offset
	}
	c.tally()
}

// commitAll commits what was processed, now and then and at the end. A partition
// that is read anew is left alone until it has passed what is committed.
func (c *Consumer) commitAll(gen *kafka.Generation, finished <-chan struct{}) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	failed := false
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-finished:
			last = true
		}
		offsets := map[int]int64{}
		for id, p := range c.held {
			if next := p.next.Load(); next > p.committed {
				offsets[int(id)] = next
			}
		}
		if len(offsets) == 0 {
			continue
		}
		if err := gen.CommitOffsets(map[string]map[int]int64{c.opts.Topic: offsets}); err != nil {
			// What is not committed now, the next generation commits.
			if !failed && !last && !movedOn(err) {
				c.logger.Warn("Offsets can't be committed, consuming goes on", "error", err)
			}
			failed = true
			continue
		}
		failed = false
		for id, offset := range offsets {
			c.held[int32(id)].committed = offset
		}
	}
}

// movedOn says whether an error only means that another generation has begun.
func movedOn(err error) bool {
	return errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId)
}

// watch looks at the topic until ctx ends or the number of partitions changes:
// then the group has to divide them anew.
func (c *Consumer) watch(ctx context.Context) {
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
