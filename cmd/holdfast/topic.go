package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/stream"
	"github.com/holdfastd/holdfast/workbench"
)

// topic is a Kafka topic's past as the workbench reads it.
type topic struct{ *stream.Replay }

// Read hands on a partition's records.
func (t topic) Read(ctx context.Context, partition int32, f func([]workbench.Record) error) error {
	var records []workbench.Record
	return t.Replay.Read(ctx, partition, func(batch []stream.Record) error {
		records = records[:0]
		for i := range batch {
			records = append(records, workbench.Record{Offset: batch[i].Offset, Time: batch[i].Time, Value: batch[i].Value})
		}
		return f(records)
	})
}

// openTopic opens a topic from a time on, which is one or how long ago it is. The
// brokers, if any are given, stand in for those of the configuration, which may be
// nil.
func openTopic(ctx context.Context, cfg *config.Config, brokers []string, name, from string) (topic, error) {
	begin, err := beginning(from, time.Now())
	if err != nil {
		return topic{}, usageError(fmt.Errorf("--from: %w", err))
	}
	var connection stream.Connection
	if cfg != nil {
		connection = connectionOf(cfg.Kafka)
	}
	if len(brokers) > 0 {
		connection.Brokers = brokers
	}
	replay, err := stream.OpenReplay(ctx, stream.ReplayOptions{Connection: connection, Topic: name, From: begin})
	if err != nil {
		return topic{}, fmt.Errorf("kafka: %w", err)
	}
	return topic{replay}, nil
}

// beginning reads a time, a date, or how long ago that is; nothing is the zero
// time.
func beginning(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := expression.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	var at eventTime
	if err := at.UnmarshalText([]byte(text)); err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a time, nor a date, nor a duration such as 7d", text)
	}
	return holdfast.Instant(at).Std(), nil
}

// wholeIn leaves out the rules that no single partition of a log can evaluate, and
// says so.
func wholeIn(log workbench.Log, set *rules.Set, w io.Writer) *rules.Set {
	partitions := len(log.Partitions())
	if partitions < 2 {
		return set
	}
	whole := *set
	whole.Rules = nil
	for _, r := range set.Rules {
		if r.Status == holdfast.Deprecated || r.ByAccount() {
			whole.Rules = append(whole.Rules, r)
			continue
		}
		say(w, "holdfast: rule `%s` is left out: it is not grouped by account, and none of the topic's %d partitions sees the whole group\n", r.ID, partitions)
	}
	return &whole
}
