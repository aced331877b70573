package stream

import (
	"context"
	"errors"
	"fmt"
)

// Where a partition is read from, and whether its log is still the one that was
// read before. Kafka tells neither: a topic that was deleted and created anew
// takes the same offsets for other records.

// errReplaced says that a log is not the one that was read before.
var errReplaced = errors.New("the topic was made anew or has lost records")

// errMissing says that a log no longer holds what is to be read next.
var errMissing = errors.New("retention has deleted records that are needed")

// locate makes sure that r reads the log it is to read, and moves it to the log's
// oldest record if it is to begin there or may skip what is gone.
func (r *reader) locate(ctx context.Context) error {
	first, last, err := r.consumer.bounds(ctx, r.id)
	if err != nil {
		return err
	}
	committed := r.committed.Load()
	switch {
	case last < r.next:
		return r.replaced("ends at offset %d, but %d is the next to be read", last, r.next)
	case last < committed:
		// Nobody commits what was not there to be read.
		return r.replaced("ends at offset %d, but the group has committed %d", last, committed)
	}
	if r.known.fingerprint != 0 && r.known.offset >= first {
		if err := r.recognize(ctx); err != nil {
			return err
		}
	}
	unasked := r.oldest.Swap(first) == FromStart
	r.observe(last)
	switch {
	case r.next == FromStart:
		if unasked && 0 < committed && committed < first {
			r.consumer.logger.Warn("Retention has deleted records that may not have been processed",
				"partition", r.id, "from", committed, "records", first-committed)
		}
	case r.next >= first:
		return nil
	case r.consumer.opts.Missing == StopIfMissing:
		return fmt.Errorf("partition %d of topic %q begins at offset %d, but %d is the next to be read: %w, up to %d of them; "+
			"keep records for longer than the consumer may be down or behind; to go on without them, start with %s",
			r.id, r.consumer.opts.Topic, first, r.next, errMissing, first-r.next, skipMissingFlag)
	default:
		r.consumer.logger.Warn("Skipping records that retention has deleted unread",
			"partition", r.id, "from", r.next, "records", first-r.next)
	}
	r.next = first
	return nil
}

// recognize compares the record before the next one with what the log has at its
// offset. If compaction has removed it, there is nothing to compare.
func (r *reader) recognize(ctx context.Context) error {
	const oneBatch = 1 // byte: a fetch brings a whole batch at least
	f := &fetched{next: r.known.offset}
	if err := r.consumer.cluster.fetch(ctx, r.consumer.opts.Topic, r.id, r.consumer.opts.MaxWait, oneBatch, f); err != nil {
		return err
	}
	if f.next <= r.known.offset {
		return fmt.Errorf("kafka does not send the record at offset %d, which it has sent before", r.known.offset)
	}
	// The first record that is sent is the one asked for, if there is that one.
	if len(f.Records) > 0 && f.Records[0].Offset == r.known.offset && markOf(&f.Records[0]) != r.known {
		return r.replaced("has another record at offset %d than the one that was processed last before %d", r.known.offset, r.next)
	}
	return nil
}

// replaced says how a log was found to be another one, and how to go on.
func (r *reader) replaced(found string, offsets ...any) error {
	return fmt.Errorf("partition %d of topic %q %s: %w; to forget what is known of the partition and read it from its oldest record on, "+
		"start with %s", r.id, r.consumer.opts.Topic, fmt.Sprintf(found, offsets...), errReplaced, startOverFlag)
}
