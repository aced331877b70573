package stream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// sureTries is how often what should not be is looked at, with pauses in
	// between, before it is believed: records that can't be made sense of, a log
	// that is another one. A broker may hand over damaged data once, or not know
	// yet that it no longer leads; what it has on disk stays as it is.
	sureTries = 5
	// keptMemory is how many times MaxBytes a fetch may keep for the next one.
	keptMemory = 8
)

// reader reads a partition's log ahead of its processor.
type reader struct {
	*partition
	next     int64     // offset to be fetched next; FromStart before the first fetch
	known    mark      // of the last record before next
	answered time.Time // when the last fetch ended, zero if it failed
	quiet    time.Time // since when every answer has been that there is nothing more; zero if the last was not
}

// read fetches the partition's records until ctx ends.
func (r *reader) read(ctx context.Context, ahead chan<- *fetched, spare <-chan *fetched) error {
	c := r.consumer
	retry := newBackoff(c.opts.BackoffMin, c.opts.BackoffMax)
	tries := 0
	for ctx.Err() == nil {
		f, err := r.fetch(ctx, spare)
		damage, damaged := errors.AsType[*unreadableError](err)
		if damaged || errors.Is(err, errReplaced) {
			tries++
		}
		switch {
		case ctx.Err() != nil:
			continue
		case errors.Is(err, errMissing):
			return err
		case damaged && tries >= sureTries:
			return r.unreadable(damage)
		case errors.Is(err, errReplaced) && tries >= sureTries:
			return err
		case err != nil:
			// A leader that has moved, a broker that is gone, an offset that is out
			// of range: the next try asks for the layout, and finds its place, first.
			c.outage.fails(r.name, err)
			c.cluster.refresh()
			pause(ctx, retry)
			continue
		}
		c.outage.works(r.name)
		retry.Reset()
		tries = 0
		select {
		case ahead <- f:
		case <-ctx.Done():
		}
	}
	return nil
}

// fetch fetches what comes next and moves on behind it.
func (r *reader) fetch(ctx context.Context, spare <-chan *fetched) (*fetched, error) {
	c := r.consumer
	asked, inTime := time.Now(), c.opts.MaxWait+c.opts.answerGrace
	if asked.Sub(r.answered) > inTime {
		r.answered, r.quiet = time.Time{}, time.Time{}
		if err := r.locate(ctx); err != nil {
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
	f.next, f.asked = r.next, time.Now()
	if err := c.cluster.fetch(ctx, c.opts.Topic, r.id, c.opts.MaxWait, c.opts.MaxBytes, f); err != nil {
		r.answered = time.Time{}
		return nil, err
	}
	r.answered, r.next = time.Now(), f.next
	switch {
	case len(f.Records) > 0 || f.next < f.HighWatermark:
		r.quiet = time.Time{}
	case r.quiet.IsZero() || r.answered.Sub(asked) > inTime:
		r.quiet = r.answered
	}
	f.quiet = 0
	if !r.quiet.IsZero() {
		f.quiet = r.answered.Sub(r.quiet)
	}
	if n := len(f.Records); n > 0 {
		r.known = markOf(&f.Records[n-1])
	}
	f.known = r.known
	return f, nil
}

// unreadable says how to go on with a partition that stays damaged. To skip
// records is for the operator to decide.
func (r *reader) unreadable(damage *unreadableError) error {
	return fmt.Errorf("partition %d of topic %q can't be read from offset %d on, after %d tries: %w; "+
		"let an intact replica lead the partition, or give up all its records before offset %d with kafka-delete-records, and start again",
		r.id, r.consumer.opts.Topic, damage.offset, sureTries, damage, damage.next)
}
