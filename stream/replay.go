package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// ReplayOptions configure a Replay.
type ReplayOptions struct {
	// Connection says how the cluster is reached.
	Connection Connection
	// Topic is the topic to read. Required.
	Topic string
	// From is the time of the first record of each partition that is read, by the
	// records' own timestamps. Zero is the oldest there is.
	From time.Time
	// MaxBytes bounds a fetch, as it travels: it brings one batch at least.
	// Defaults to 4 MiB.
	MaxBytes int
	// BackoffMin and BackoffMax bound the pauses between tries. Default to 100ms
	// and 2s.
	BackoffMin, BackoffMax time.Duration
}

// Replay reads the past of a topic: all its partitions, each from where it begins
// to where it ended when the replay was opened. It belongs to no consumer group,
// commits nothing and writes nothing. It is not safe for concurrent use.
type Replay struct {
	opts    ReplayOptions
	cluster *cluster
	ranges  []offsets // by partition
}

// offsets are those of a partition that are read.
type offsets struct {
	partition  int32
	first, end int64 // end is behind the last one
}

// OpenReplay notes what there is to read. Close it.
func OpenReplay(ctx context.Context, opts ReplayOptions) (*Replay, error) {
	if opts.Topic == "" {
		return nil, errors.New("no kafka topic is given")
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 4 << 20
	}
	if opts.BackoffMin == 0 {
		opts.BackoffMin = 100 * time.Millisecond
	}
	if opts.BackoffMax == 0 {
		opts.BackoffMax = 2 * time.Second
	}
	cluster, err := opts.Connection.cluster([]string{opts.Topic})
	if err != nil {
		return nil, err
	}
	r := &Replay{opts: opts, cluster: cluster}
	if err := r.retry(ctx, r.locate); err != nil {
		cluster.close()
		return nil, err
	}
	return r, nil
}

// Close ends the connections.
func (r *Replay) Close() { r.cluster.close() }

// Partitions are the topic's partitions, in ascending order.
func (r *Replay) Partitions() []int32 {
	ids := make([]int32, len(r.ranges))
	for i, of := range r.ranges {
		ids[i] = of.partition
	}
	return ids
}

// Read hands on the committed records of a partition in offset order. They are
// valid until f returns; an error of f ends it. Where the broker fails, the same
// is asked for a few times; the error is one that did not go away.
func (r *Replay) Read(ctx context.Context, partition int32, f func([]Record) error) error {
	i := slices.IndexFunc(r.ranges, func(of offsets) bool { return of.partition == partition })
	if i < 0 {
		return fmt.Errorf("topic %q has no partition %d", r.opts.Topic, partition)
	}
	next, end := r.ranges[i].first, r.ranges[i].end
	spare := new(fetched)
	for next < end {
		var got *fetched
		err := r.retry(ctx, func(ctx context.Context) error {
			got, spare = spare, new(fetched) // what a fetch that failed used is not used again
			got.next = next
			const wait = time.Second // for what is there
			err := r.cluster.fetch(ctx, r.opts.Topic, partition, wait, r.opts.MaxBytes, got)
			if err == nil && got.next == next {
				err = fmt.Errorf("the kafka broker sends nothing, though the partition went up to offset %d: has it lost records?", end)
			}
			return err
		})
		switch {
		case errors.Is(err, kafka.OffsetOutOfRange):
			return fmt.Errorf("partition %d of topic %q no longer has the record at offset %d: retention has deleted it meanwhile; begin later", partition, r.opts.Topic, next)
		case err != nil:
			return fmt.Errorf("reading partition %d of topic %q at offset %d: %w", partition, r.opts.Topic, next, r.cluster.explain(err))
		}
		records := got.Records
		for len(records) > 0 && records[len(records)-1].Offset >= end {
			records = records[:len(records)-1]
		}
		if len(records) > 0 {
			if err := f(records); err != nil {
				return err
			}
		}
		next, spare = got.next, got
	}
	return ctx.Err()
}

// retry tries until it works, has failed sureTries times, or can't work.
func (r *Replay) retry(ctx context.Context, try func(context.Context) error) error {
	pauses := newBackoff(r.opts.BackoffMin, r.opts.BackoffMax)
	for n := 1; ; n++ {
		err := try(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case n == sureTries, errors.Is(err, kafka.OffsetOutOfRange), errors.Is(err, kafka.UnknownTopicOrPartition):
			return err
		}
		r.cluster.refresh()
		pause(ctx, pauses)
	}
}

// locate finds out which offsets are to be read.
func (r *Replay) locate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	layout, err := r.cluster.client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{r.opts.Topic}})
	if err != nil {
		return fmt.Errorf("asking for topic %q: %w", r.opts.Topic, r.cluster.explain(err))
	}
	topic := layout.Topics[0]
	switch {
	case errors.Is(topic.Error, kafka.UnknownTopicOrPartition):
		return fmt.Errorf("there is no topic %q: correct its name: %w", r.opts.Topic, topic.Error)
	case topic.Error != nil:
		return fmt.Errorf("asking for topic %q: %w", r.opts.Topic, topic.Error)
	}
	var bounds, times []kafka.OffsetRequest
	for _, p := range topic.Partitions {
		bounds = append(bounds, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
		times = append(times, kafka.TimeOffsetOf(p.ID, r.opts.From))
	}
	found, err := r.list(ctx, bounds)
	if err != nil {
		return err
	}
	r.ranges = r.ranges[:0]
	for _, p := range found {
		r.ranges = append(r.ranges, offsets{int32(p.Partition), p.FirstOffset, p.LastOffset})
	}
	slices.SortFunc(r.ranges, func(a, b offsets) int { return int(a.partition - b.partition) })
	if r.opts.From.IsZero() {
		return nil
	}
	// Apart from the bounds: where there is no record as new, the answer reads as
	// one about the end.
	if found, err = r.list(ctx, times); err != nil {
		return err
	}
	for _, p := range found {
		i := slices.IndexFunc(r.ranges, func(of offsets) bool { return of.partition == int32(p.Partition) })
		if i < 0 {
			continue
		}
		of := &r.ranges[i]
		of.first = of.end
		for offset := range p.Offsets {
			if offset >= 0 {
				of.first = min(of.end, offset)
			}
		}
	}
	return nil
}

// list asks for offsets of the topic, of the records that are committed.
func (r *Replay) list(ctx context.Context, requests []kafka.OffsetRequest) ([]kafka.PartitionOffsets, error) {
	answer, err := r.cluster.client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{r.opts.Topic: requests}, IsolationLevel: kafka.ReadCommitted,
	})
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of topic %q: %w", r.opts.Topic, r.cluster.explain(err))
	}
	found := answer.Topics[r.opts.Topic]
	for _, p := range found {
		if p.Error != nil {
			return nil, fmt.Errorf("asking for the offsets of partition %d of topic %q: %w", p.Partition, r.opts.Topic, p.Error)
		}
	}
	return found, nil
}
