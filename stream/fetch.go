package stream

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// Fetching goes through kafka-go's transport, which finds the leader and keeps
// the connections, but reads the answer itself. kafka-go's own Client.Fetch
// gives the producer's time where the broker stamped the record, the records of
// aborted transactions as if they were committed, and no way past the end of a
// batch that compaction emptied; and it copies every key and value.

const (
	// fetchVersion is the first with all that is needed: batches compressed
	// with zstd. Brokers have it since Kafka 2.1.
	fetchVersion = 10
	// maxAnswer bounds the size of an answer, in bytes. A broker exceeds what a
	// fetch asks for by one batch at most.
	maxAnswer = 256 << 20
	// correlation is an id for a request that is alone on its connection.
	correlation = 1
)

// fetched is what one fetch brought, and the memory it lies in.
type fetched struct {
	Batch
	next   int64 // offset after the last one seen
	stable int64 // offset after the last record whose transaction has ended
	known  mark  // of the last record before next
	// quiet is how long the log had held nothing more when this came.
	quiet time.Duration
	asked time.Time // when this was: what came into the log by then is in it, or before

	raw      []byte // the answer as it came
	unpacked []byte // the records of its compressed batches
}

// recordMemory is the size of a [Record] without what it points to, in bytes.
const recordMemory = 80

// memory is what f takes, in bytes.
func (f *fetched) memory() int {
	return cap(f.raw) + cap(f.unpacked) + cap(f.Records)*recordMemory
}

// unreadableError says that what a broker sent as records can't be used. If it
// lies so on its disk, no further try will help.
type unreadableError struct {
	offset int64 // asked for
	next   int64 // the first offset after what can't be read, as far as that can be told
	err    error
}

func (e *unreadableError) Error() string { return e.err.Error() }

func (e *unreadableError) Unwrap() error { return e.err }

// unreadable is err at f.next.
func (f *fetched) unreadable(next int64, err error) error {
	return &unreadableError{offset: f.next, next: max(next, f.next+1), err: err}
}

// fetchRequest is a fetch of one partition. The embedded request names its
// leader to the transport and encodes itself.
type fetchRequest struct {
	fetch.Request
	clientID string
	into     *fetched
	version  int16 // what kafka-go and the broker have in common
}

// fetch waits for records of a partition from into.next on, and reads them into
// into, whose memory it reuses. If it fails, into must not be used any more: the
// client library may still be writing to it.
func (c *cluster) fetch(ctx context.Context, topic string, partition int32, wait time.Duration, size int, into *fetched) error {
	ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	into.Batch = Batch{Partition: partition, Records: into.Records[:0]}
	into.unpacked = into.unpacked[:0]
	_, err := c.transport.RoundTrip(ctx, c.addr, &fetchRequest{
		clientID: c.clientID,
		into:     into,
		Request: fetch.Request{
			ReplicaID:      -1,
			MaxWaitTime:    int32(min(wait.Milliseconds(), math.MaxInt32)),
			MinBytes:       1,
			MaxBytes:       int32(size),
			IsolationLevel: int8(kafka.ReadCommitted),
			SessionID:      0,
			SessionEpoch:   -1, // no fetch session
			Topics: []fetch.RequestTopic{{
				Topic: topic,
				Partitions: []fetch.RequestPartition{{
					Partition:          partition,
					CurrentLeaderEpoch: -1,
					FetchOffset:        into.next,
					LogStartOffset:     -1,
					PartitionMaxBytes:  int32(size),
				}},
			}},
		},
	})
	return err
}

// Required makes the transport leave the exchange to RawExchange.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange sends the request and reads the answer.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchVersion {
		return nil, errors.New("the kafka broker is older than 2.1, the oldest supported")
	}
	if err := protocol.WriteRequest(rw, fetchVersion, correlation, r.clientID, &r.Request); err != nil {
		return nil, err
	}
	if err := r.into.read(rw); err != nil {
		return nil, err
	}
	return r, nil // the transport wants a message; what was read is in r.into
}

// read reads one answer.
func (f *fetched) read(r io.Reader) error {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > maxAnswer {
		return f.unreadable(f.next+1, fmt.Errorf("the kafka broker's answer has %d bytes, more than the %d allowed", size, maxAnswer))
	}
	f.raw = slices.Grow(f.raw[:0], int(size))[:size]
	if _, err := io.ReadFull(r, f.raw); err != nil {
		return err
	}
	return f.parse(f.raw)
}

// parse reads an answer about one partition: FetchResponse, version 10.
func (f *fetched) parse(answer []byte) error {
	c := cursor{rest: answer}
	id := c.int32()
	c.int32() // throttle time, ms: the broker itself delays the next answer
	code := c.int16()
	c.int32() // fetch session
	topics := c.int32()
	switch {
	case c.err != nil:
		return c.err
	case id != correlation:
		return errors.New("the kafka broker answered another request")
	case code != 0:
		return kafka.Error(code)
	case topics != 1:
		return fmt.Errorf("the kafka broker answered about %d topics, not 1", topics)
	}
	c.string() // topic
	partitions := c.int32()
	partition := c.int32()
	code = c.int16()
	f.HighWatermark = c.int64()
	f.stable = c.int64()
	c.int64() // log start offset
	aborted := make([]abortedTransaction, 0, 4)
	for n := c.int32(); n > 0 && c.err == nil; n-- {
		aborted = append(aborted, abortedTransaction{producer: c.int64(), first: c.int64()})
	}
	set := c.bytes()
	switch {
	case c.err != nil:
		return c.err
	case partitions != 1 || partition != f.Partition:
		return errors.New("the kafka broker answered about another partition")
	case code != 0:
		return kafka.Error(code)
	}
	slices.SortFunc(aborted, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	return f.decode(set, aborted)
}
