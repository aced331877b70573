package stream

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// DeadLetter is a record that could not be used.
type DeadLetter struct {
	// Topic and Partition are where the record came from; its offset and time
	// are its own.
	Topic     string
	Partition int32
	Record    Record
	// Reason is a machine word from a bounded set, such as "invalid_json".
	Reason string
}

// The headers of a dead letter. Numbers are decimal.
const (
	HeaderReason    = "holdfast-reason"
	HeaderTopic     = "holdfast-source-topic"
	HeaderPartition = "holdfast-source-partition"
	HeaderOffset    = "holdfast-source-offset"
	HeaderTime      = "holdfast-source-time" // RFC 3339; absent if the record carries no time
	// HeaderTruncated is there if the record was too large to be written whole:
	// it is the size of the original's key and value together, in bytes.
	HeaderTruncated = "holdfast-truncated"
)

// DeadLetters writes records to a dead-letter topic: the original key and value,
// with headers that say where they come from and why they are there. It returns
// once all in-sync replicas have them; after an error the caller tries again, at
// the cost of duplicates. The letters' slices are free when it returns.
func (p *Producer) DeadLetters(ctx context.Context, topic string, letters []DeadLetter) error {
	batch := make([]kafka.Message, len(letters))
	for i, l := range letters {
		batch[i] = l.message(topic)
	}
	if err := p.write(ctx, topic, batch); err != nil {
		return err
	}
	p.metrics.deadLetters.Add(float64(len(letters)))
	return nil
}

func (l DeadLetter) message(topic string) kafka.Message {
	headers := []kafka.Header{
		{Key: HeaderReason, Value: []byte(l.Reason)},
		{Key: HeaderTopic, Value: []byte(l.Topic)},
		{Key: HeaderPartition, Value: decimal(int64(l.Partition))},
		{Key: HeaderOffset, Value: decimal(l.Record.Offset)},
	}
	if !l.Record.Time.IsZero() {
		headers = append(headers, kafka.Header{Key: HeaderTime, Value: l.Record.Time.AppendFormat(nil, time.RFC3339Nano)})
	}
	key, value := l.Record.Key, l.Record.Value
	// A record of the greatest size that the input topic takes has no room left
	// for headers. It must not stop the stream.
	if size, room := len(key)+len(value), maxRequest-overhead; size > room {
		key = key[:min(len(key), room)]
		value = value[:min(len(value), room-len(key))]
		headers = append(headers, kafka.Header{Key: HeaderTruncated, Value: decimal(int64(size))})
	}
	// The client library may go on writing after a call that ctx has ended, when
	// a record's memory holds the next records already.
	return kafka.Message{Topic: topic, Key: bytes.Clone(key), Value: bytes.Clone(value), Headers: headers}
}

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
