package stream

import (
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// commitInterval is how often offsets are committed. Nothing but the view of tools
// depends on it.
const commitInterval = time.Second

// commitEvery commits what may be, now and then.
func (c *Consumer) commitEvery(gen *kafka.Generation, partitions []*partition, finished <-chan struct{}) {
	tick := time.NewTicker(commitInterval)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
		case <-finished:
			return
		}
		err := c.commit(gen, partitions)
		if err != nil && !failed && !movedOn(err) {
			c.logger.Warn("Offsets can't be committed, consuming goes on", "error", err)
		}
		failed = err != nil
	}
}

// commit commits what the processors allow.
func (c *Consumer) commit(gen *kafka.Generation, partitions []*partition) error {
	type step struct{ from, to int64 }
	steps, offsets := map[*partition]step{}, map[int]int64{}
	for _, p := range partitions {
		if from, to := p.committed.Load(), p.toCommit(); to > from {
			steps[p], offsets[int(p.id)] = step{from, to}, to
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	if err := gen.CommitOffsets(map[string]map[int]int64{c.opts.Topic: offsets}); err != nil {
		return err
	}
	for p, s := range steps {
		// Unless it was made void in the meantime.
		p.committed.CompareAndSwap(s.from, s.to)
	}
	return nil
}

// toCommit is the offset up to which the group may commit, negative for none.
// What the group knows of another log goes back to this one's start.
func (p *partition) toCommit() int64 {
	to := p.committable.Load()
	if p.committed.Load() == void {
		to = max(to, p.oldest.Load())
	}
	return to
}

// movedOn says whether an error only means that another generation has begun.
func movedOn(err error) bool {
	return errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId)
}
