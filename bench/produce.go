package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr" //nolint:depguard // what produces the load is no part of the product
	"github.com/twmb/franz-go/pkg/kgo"  //nolint:depguard // likewise
	"github.com/twmb/franz-go/pkg/kmsg" //nolint:depguard // likewise

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
	"github.com/holdfastd/holdfast/intake"
)

// producer writes events to a topic of one partition, uncompressed as Java
// producers do unless told otherwise.
type producer struct {
	client *kgo.Client
	failed chan error // the first failure
	// acknowledged is how long each event took from send until the broker had
	// it, of as many as it has room for. It is the client's until flush returns.
	acknowledged []time.Duration
}

// newProducer creates the topic. linger is how long an event waits for others to
// share its request.
func newProducer(ctx context.Context, address, topic string, linger time.Duration) (*producer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(50_000),
	)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{topic, topic + ".dead-letter"} {
		if err := createTopic(ctx, client, name); err != nil {
			client.Close()
			return nil, fmt.Errorf("creating topic %s: %w", name, err)
		}
	}
	return &producer{client: client, failed: make(chan error, 1)}, nil
}

func createTopic(ctx context.Context, client *kgo.Client, name string) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

// send hands an event over, which is then on its way.
func (p *producer) send(ctx context.Context, e *holdfast.Event) {
	record := &kgo.Record{Key: []byte(e.Account), Value: intake.Append(make([]byte, 0, 512), e)}
	begun := time.Now()
	p.client.Produce(ctx, record, func(_ *kgo.Record, err error) { // never two at once
		if n := len(p.acknowledged); n < cap(p.acknowledged) {
			p.acknowledged = append(p.acknowledged, time.Since(begun))
		}
		if err != nil {
			select {
			case p.failed <- err:
			default:
			}
		}
	})
}

// flush returns once every event is written.
func (p *producer) flush(ctx context.Context) error {
	err := p.client.Flush(ctx)
	select {
	case first := <-p.failed:
		err = errors.Join(err, first)
	default:
	}
	if err != nil {
		return fmt.Errorf("producing events: %w", err)
	}
	return nil
}

// fill writes that many events as fast as it can.
func (p *producer) fill(ctx context.Context, traffic *everyday.Traffic, events int) error {
	var e holdfast.Event
	for range events {
		traffic.Next(&e)
		p.send(ctx, &e)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return p.flush(ctx)
}
