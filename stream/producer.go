package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

// ProducerOptions is what a [Producer] needs.
type ProducerOptions struct {
	// Connection is how the cluster is reached.
	Connection Connection
	// Logger gets what an operator should know. Defaults to none.
	Logger *slog.Logger
	// Registerer gets the metrics. Defaults to none. It takes one producer.
	Registerer prometheus.Registerer
}

// Producer writes to topics. What it reports as written, all in-sync replicas
// have. It tries once: the caller knows how long it is worth trying again, and
// must reckon with a failed call having written some or all. It is safe for
// concurrent use.
type Producer struct {
	cluster *cluster
	writer  *kafka.Writer
	metrics *producerMetrics
	outage  *outage
}

const (
	// linger is how long a message waits for others to share its request.
	linger = 5 * time.Millisecond
	// maxMessages bounds the messages of a request.
	maxMessages = 1000
	// maxRequest bounds the bytes of a request, below the message.max.bytes of
	// 1048588 that brokers have by default.
	maxRequest = 1_000_000
)

// NewProducer checks the options. It does not connect yet.
func NewProducer(opts ProducerOptions) (*Producer, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	cluster, err := opts.Connection.cluster(nil)
	if err != nil {
		return nil, err
	}
	metrics := newProducerMetrics(opts.Registerer)
	p := &Producer{
		cluster: cluster,
		writer: &kafka.Writer{
			Addr:         cluster.addr,
			Transport:    cluster.transport,
			Balancer:     kafka.Murmur2Balancer{}, // as Java clients do
			RequiredAcks: kafka.RequireAll,        // the zero value is none
			MaxAttempts:  1,
			BatchSize:    maxMessages,
			BatchBytes:   maxRequest,
			BatchTimeout: linger,
			ReadTimeout:  requestTimeout,
			WriteTimeout: requestTimeout,
		},
		metrics: metrics,
		outage:  newOutage(opts.Logger, "Kafka output", metrics.up),
	}
	p.metrics.up.Set(1)
	return p, nil
}

// Message is what is to be written.
type Message struct {
	Key   []byte    // messages with equal keys go to one partition, in order; nil goes anywhere
	Value []byte    // nil is a tombstone
	Time  time.Time // defaults to now
}

// Produce writes messages to a topic, in order within each partition. If ctx
// ends the call, the messages may still be on their way, and their slices must
// not be changed.
func (p *Producer) Produce(ctx context.Context, topic string, messages []Message) error {
	batch := make([]kafka.Message, len(messages))
	for i, m := range messages {
		if size := len(m.Key) + len(m.Value); size > maxRequest-overhead {
			return fmt.Errorf("message %d of %d is too large to be written to topic %q: %d bytes", i+1, len(messages), topic, size)
		}
		batch[i] = kafka.Message{Topic: topic, Key: m.Key, Value: m.Value, Time: m.Time}
	}
	return p.write(ctx, topic, batch)
}

// overhead is more than a message takes beside its key and value.
const overhead = 4096

// Close waits for calls that are under way, then ends the connections.
func (p *Producer) Close() error {
	err := p.writer.Close()
	p.cluster.close()
	return err
}

func (p *Producer) write(ctx context.Context, topic string, batch []kafka.Message) error {
	err := p.writer.WriteMessages(ctx, batch...)
	if err == nil {
		p.outage.works(topic)
		return nil
	}
	p.metrics.failures.Inc()
	if ctx.Err() != nil {
		return ctx.Err() // says nothing of Kafka
	}
	err = fmt.Errorf("writing to topic %q: %w", topic, firstError(err))
	p.outage.fails(topic, err)
	p.cluster.refresh() // of a leader that has moved, kafka-go learns with time only
	return err
}

// firstError is what went wrong, where kafka-go only says with how many. None
// of its errors that carry the message itself is passed on.
func firstError(err error) error {
	if many, ok := errors.AsType[kafka.WriteErrors](err); ok {
		for _, one := range many {
			if one != nil {
				return firstError(one)
			}
		}
	}
	if errors.Is(err, kafka.MessageSizeTooLarge) {
		return fmt.Errorf("%w: raise the topic's max.message.bytes", kafka.MessageSizeTooLarge)
	}
	return err
}
