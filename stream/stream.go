// Package stream joins Holdfast to Kafka: it hands the records of one topic to
// one [Processor] per partition, in offset order, and produces messages and
// dead letters. It is the only package that knows the Kafka client.
//
// A processor says itself where its partition is read from: the group's offsets
// only divide the work, and tell tools how far it is. The log that is read has to
// be the one that the processor's state belongs to, and has to hold what comes
// next; else an operator chooses how to go on.
//
// It must never lose a record between a processor and the offset it commits,
// skip one without saying so, or show a record's key or value in a log, a
// metric or an error.
package stream

import (
	"context"
	"errors"
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
	// the partition then. 0 if nothing was committed. It never exceeds what a
	// [Processor.Committable] has said, so it may be far behind what was
	// processed.
	Committed int64
	// Replaced says that the log is not the one that was read before, and that
	// the operator has chosen to start over: what is kept of the partition belongs
	// to records that are no more and is to be forgotten. The processor has to
	// resume FromStart.
	Replaced bool
}

// Processor consumes one partition. No two of Process, Idle and Close run at the
// same time, though they may come from different goroutines.
type Processor interface {
	// Process consumes a batch. It returns nil once everything that follows
	// from the batch is durable. It rides out outages of what it depends on by
	// itself, for as long as ctx lives. An error it returns while ctx lives ends
	// [Consumer.Run], but for [ErrTaken].
	//
	// ctx ends when a batch is still being processed ConsumerOptions.CloseWithin
	// after Run was told to stop, or ConsumerOptions.Handover after the group has
	// begun to divide the partitions anew. What Process returns then does not
	// matter: if it is an error, the processor is closed and not called again,
	// since its state may be ahead of what is durable.
	Process(ctx context.Context, batch Batch) error
	// Idle is called when the partition has had no record for
	// ConsumerOptions.IdleAfter, all it has being processed, and again each time
	// as much has passed. As of asOf, by the wall clock, the log held nothing more:
	// that may be long ago, and a record of a later time may be in the log by now.
	// Its context and error are as those of Process.
	Idle(ctx context.Context, asOf time.Time) error
	// Committable is the offset up to which the group may commit: the one from
	// which a processor opened now would need the records at the latest. Negative
	// if there is none yet. It may be called at any time, from any goroutine, also
	// after Close.
	Committable() int64
	// Close releases what the processor holds. It is called once: when the
	// partition goes to another member, when Run ends, or when the processor is
	// of no use any more. Until ctx ends, ConsumerOptions.CloseWithin at the
	// latest, it may make a last effort, such as to keep its state for the next
	// one; what is Committable after that is committed if this consumer is still
	// in charge. ctx has ended from the start if the state is not worth keeping: a
	// call failed, others have had the partition since, or the log is another one.
	Close(ctx context.Context)
}

// ErrTaken is for a [Processor], and for ConsumerOptions.Open, to wrap if another
// process has taken the partition since it was opened, as when this one was
// paused. The processor is closed and the partition left to the consumer group,
// which has then moved on without this consumer. If it has not, Run ends.
var ErrTaken = errors.New("another process has taken the partition")
