//go:build integration

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recorder reads the topic along with the run: the judge needs every record, and
// most are deleted before the run is over.
type recorder struct {
	mu    sync.Mutex
	log   map[int32][]logged
	ended int // partitions of which the last record is there
}

// record reads until ctx ends.
func (r *run) record(ctx context.Context, client *kgo.Client) {
	for ctx.Err() == nil {
		// What fails is what brokers are down for: the client tries again.
		for records := client.PollFetches(ctx).RecordIter(); !records.Done(); {
			if err := r.recorder.add(records.Next()); err != nil {
				r.fail(err)
				return
			}
		}
	}
}

func (r *recorder) add(m *kgo.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch next := int64(len(r.log[m.Partition])); {
	case m.Offset < next:
		return nil // it comes once more after the broker was killed
	case m.Offset > next:
		return fmt.Errorf("partition %d goes on with offset %d, and the judge has not read %d: it was deleted too early", m.Partition, m.Offset, next)
	}
	r.log[m.Partition] = append(r.log[m.Partition], logged{m.Offset, m.Timestamp, m.Value})
	if string(m.Key) == "last-"+strconv.Itoa(int(m.Partition)) {
		r.ended++
	}
	return nil
}

// next is the offset after the last record of a partition that was read.
func (r *recorder) next(partition int32) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.log[partition]))
}

// complete says whether all of the load was read.
func (r *recorder) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended == partitions
}
