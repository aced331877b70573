package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// EnsureTopic creates a topic with the broker's own settings, unless it exists:
// then it stays as it is. It returns once every partition has a leader that
// answers, which takes brokers a moment after they have said that the topic is
// created.
func EnsureTopic(ctx context.Context, connection Connection, topic string, partitions int) error {
	cluster, err := connection.cluster([]string{topic})
	if err != nil {
		return err
	}
	defer cluster.close()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	const brokersDefault = -1
	answer, err := cluster.client().CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic:             topic,
		NumPartitions:     partitions,
		ReplicationFactor: brokersDefault,
	}}})
	if err == nil {
		err = answer.Errors[topic]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %q: %w", topic, err)
	}
	retry := newBackoff(10*time.Millisecond, time.Second)
	for {
		err := cluster.serves(ctx, topic)
		if err == nil {
			return nil
		}
		if pause(ctx, retry); ctx.Err() != nil {
			return fmt.Errorf("waiting for topic %q: %w", topic, err)
		}
		cluster.refresh()
	}
}

// serves asks every partition of a topic for its end.
func (c *cluster) serves(ctx context.Context, topic string) error {
	layout, err := c.client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	if err := layout.Topics[0].Error; err != nil {
		return err
	}
	partitions := layout.Topics[0].Partitions
	ends := make([]kafka.OffsetRequest, len(partitions))
	for i, p := range partitions {
		ends[i] = kafka.LastOffsetOf(p.ID)
	}
	answer, err := c.client().ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ends}})
	if err != nil {
		return err
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return p.Error
		}
	}
	return nil
}
