package stream_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/holdfastd/holdfast/stream"
)

// assignments makes a consumer tell what Open is told.
func assignments(into chan<- stream.Assignment) func(*stream.ConsumerOptions) {
	return func(o *stream.ConsumerOptions) {
		open := o.Open
		o.Open = func(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
			into <- a
			return open(ctx, a)
		}
	}
}

func oneRecordPerFetch(o *stream.ConsumerOptions) { o.MaxBytes = 1 }

func testReplay(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	c := client(t, connection)
	write(t, c, topic, "a", "b", "c")
	opened := make(chan stream.Assignment, 1)
	told := func(want int64) {
		t.Helper()
		if got := <-opened; got.Committed != want {
			t.Errorf("Open was told that offset %d is committed, want %d", got.Committed, want)
		}
	}
	r := run(t, connection, topic, newProbe(), assignments(opened))
	told(0)
	r.wait(t, "all records arrive", func() bool { return r.total() == 3 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	unchanged := func(when string) {
		t.Helper()
		if got := committed(t, connection, topic); got != 3 {
			t.Errorf("%s offset %d is committed, want 3", when, got)
		}
	}
	unchanged("after the first run")

	p := newProbe()
	stuck := make(chan struct{})
	p.process = func(ctx context.Context, batch stream.Batch) error {
		if batch.Records[0].Offset == 0 {
			return nil
		}
		close(stuck)
		<-ctx.Done()
		return ctx.Err()
	}
	r = run(t, connection, topic, p, oneRecordPerFetch, assignments(opened))
	told(3)
	<-stuck
	if err := r.stop(); err != nil { // commits what it has
		t.Fatal(err)
	}
	unchanged("after a replay that did not get far")

	r = run(t, connection, topic, newProbe(), oneRecordPerFetch, assignments(opened))
	told(3)
	r.ready()
	write(t, c, topic, "d")
	poll(t, "commits go on after the replay", func() error {
		if got := committed(t, connection, topic); got != 4 {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
}

// TestInterruptedPartitionIsToldWhatWasCommitted is about a partition that is
// opened anew by the same consumer.
func TestInterruptedPartitionIsToldWhatWasCommitted(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	p := newProbe()
	first, stuck := true, make(chan struct{})
	p.process = func(ctx context.Context, batch stream.Batch) error {
		if batch.Records[0].Offset == 0 || !first {
			return nil
		}
		first = false
		close(stuck)
		<-ctx.Done()
		return ctx.Err()
	}
	opened := make(chan stream.Assignment, 10)
	run(t, connection, "events", p, oneRecordPerFetch, assignments(opened), func(o *stream.ConsumerOptions) { o.Handover = 1 })
	<-stuck
	run(t, connection, "events", newProbe()) // makes the group rebalance
	for _, want := range []int64{0, 1} {
		if got := <-opened; got.Committed != want {
			t.Errorf("Open was told that offset %d is committed, want %d", got.Committed, want)
		}
	}
}

func TestLogThatEndsBeforeWhatIsCommitted(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	commit(t, connection, "events", 5)
	p := newProbe()
	err := run(t, connection, "events", p).end()
	for _, want := range []string{`partition 0 of topic "events" ends at offset 2`, "has committed 5", "made anew", "--replaced-topic=start-over"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run ended with %v, want an error that says %q", err, want)
		}
	}
	if got := p.values(); len(got) > 0 {
		t.Errorf("records %q were processed, want none: they would pass for processed ones", got)
	}
	if got := committed(t, connection, "events"); got != 5 {
		t.Errorf("offset %d is committed, want 5 as before", got)
	}
}

func TestRecordsThatRetentionTookUnreadAreLogged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		committed int64
		lines     int
	}{{2, 1}, {4, 0}, {5, 0}} {
		cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
		write(t, client(t, connection), "events", strings.Split("abcdef", "")...)
		commit(t, connection, "events", test.committed)
		if err := cluster.DeleteRecords("events", 0, 4); err != nil {
			t.Fatal(err)
		}
		var log journal
		r := run(t, connection, "events", newProbe(), func(o *stream.ConsumerOptions) { o.Logger = log.logger() })
		r.wait(t, "what is left arrives", func() bool { return slices.Equal(r.values(), []string{"e", "f"}) })
		if n := log.count("Retention has deleted records that may not have been processed"); n != test.lines {
			t.Errorf("with offset %d committed and 4 the oldest, the loss was logged %d times, want %d", test.committed, n, test.lines)
		}
		_ = r.stop()
	}
}

// commit commits an offset for partition 0 in the name of the group of [run],
// which must have no members.
func commit(t *testing.T, connection stream.Connection, topic string, offset int64) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(connection.Brokers...), Transport: transport}
	answer, err := c.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{
		GroupID: topic + "-readers", GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{topic: {{Offset: offset}}},
	})
	if err == nil {
		err = answer.Topics[topic][0].Error
	}
	if err != nil {
		t.Fatal(err)
	}
}
