package workbench

import (
	"context"
	"fmt"
	"time"
)

// Log is a partitioned log of events as it stood at some moment, such as the
// records of a Kafka topic.
type Log interface {
	// Partitions are the partitions, in the order in which they are read.
	Partitions() []int32
	// Read hands on a partition's records in offset order, up to its end. The
	// records are valid until f returns. An error of f ends it.
	Read(ctx context.Context, partition int32, f func([]Record) error) error
}

// Record is one record of a [Log].
type Record struct {
	Offset int64
	Time   time.Time // the broker's; zero if there is none
	Value  []byte
}

// eachRecordBlock fills blocks with a partition's records, and hands them on to f.
// The block that it fills next is what f returns.
func eachRecordBlock(ctx context.Context, log Log, partition int32, f func(*block) (*block, error)) error {
	b := new(block)
	return log.Read(ctx, partition, func(records []Record) error {
		name := fmt.Sprintf("partition %d", partition)
		for len(records) > 0 {
			if len(b.buf) < 2*maxLine {
				b.buf = make([]byte, 2*maxLine)
			}
			b.lines = b.lines[:0]
			free, n := b.buf, 0
			for ; n < len(records); n++ {
				r := &records[n]
				value := r.Value[:min(len(r.Value), maxLine+1)]
				if len(value) > len(free) || n == recordsPerBlock {
					break
				}
				copy(free, value)
				b.lines = append(b.lines, line{
					file: name, record: true, offset: r.Offset, broker: r.Time,
					bytes: free[:len(value):len(value)], long: len(r.Value) > maxLine,
				})
				free = free[len(value):]
			}
			records = records[n:]
			var err error
			if b, err = f(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordsPerBlock bounds the records of a block: some are empty.
const recordsPerBlock = 4096
