// Package stream joins Holdfast to Kafka: it hands the records of one topic to
// one [Processor] per partition, in offset order, and produces messages and
// dead letters. It is the only package that knows the Kafka client.
//
// It must never lose a record between a processor and the offset it commits,
// skip one without saying so, or show a record's key or value in a log, a
// metric or an error.
package stream

import (
	"context"
	"time"
)

// Record is one record of the input topic. Its slices are valid until the
// Process call that got them returns: whoever keeps them copies them.
type Record struct {
	Offset int64
	// Time is the record's timestamp, to the millisecond, in UTC: when the
	// broker appended it where the topic's message.timestamp.type is
	// LogAppendTime, when its producer made it otherwise. Zero if the record
	// carries none.
	Time  time.Time
	Key   []byte // nil if there is none
	Value []byte // nil is a tombstone
}

// Batch is some consecutive records of one partition: at least one, in offset
// order. Offsets may have gaps, where the log holds transaction markers, aborted
// records, or what compaction removed.
type Batch struct {
	Partition int32
	Records   []Record
	// HighWatermark is the offset after the partition's newest record, as of
	// the fetch: the partition's reader has caught up when its last record's
	// offset is HighWatermark-1.
	HighWatermark int64
}

// Assignment is a partition that the group has given to this consumer.
type Assignment struct {
	Partition  int32
	Partitions int // how many the topic has
	// Committed is the offset up to which the group has committed: the records
	// below it were processed to the end once before, by whichever member held
	// the partition then. 0 if nothing was committed. It may be behind: what was
	// processed last before a crash is above it.
	Committed int64
}

// Processor consumes one partition. No two calls to it run at the same time,
// though they may come from different goroutines.
type Processor interface {
	// Process consumes a batch. It returns nil once everything that follows
	// from the batch is durable: the offset after it may then be committed. It
	// rides out outages of what it depends on by itself, for as long as ctx
	// lives. An error it returns while ctx lives ends [Consumer.Run].
	//
	// ctx ends when Run is told to stop, or when another member waits for the
	// partition longer than ConsumerOptions.Handover. What Process returns then
	// does not matter: if it is an error, the processor is closed and not called
	// again, since its state may be ahead of what is durable.
	Process(ctx context.Context, batch Batch) error
	// Close releases what the processor holds. It is called once, when the
	// partition has gone to another member or Run ends.
	Close()
}
