package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

func TestFingerprintTellsRecordsApart(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 8, 34, 0, 123e6, time.UTC)
	seen := map[uint64]int{}
	for i, r := range []stream.Record{
		{Offset: 7, Time: at, Key: []byte("k"), Value: []byte("v")},
		{Offset: 8, Time: at, Key: []byte("k"), Value: []byte("v")},
		{Offset: 7, Time: at.Add(time.Millisecond), Key: []byte("k"), Value: []byte("v")},
		{Offset: 7, Key: []byte("k"), Value: []byte("v")},
		{Offset: 7, Time: at, Key: []byte("kv")},
		{Offset: 7, Time: at, Key: []byte("kv"), Value: []byte{}},
		{Offset: 7, Time: at, Value: []byte("kv")},
		{Offset: 7, Time: at, Key: []byte{}, Value: []byte("kv")},
		{},
	} {
		f := stream.Fingerprint(&r)
		if other, ok := seen[f]; ok {
			t.Errorf("records %d and %d have the same fingerprint", other, i)
		}
		seen[f] = i
	}
}

// TestFingerprintStays is about snapshots that an earlier version has kept.
func TestFingerprintStays(t *testing.T) {
	t.Parallel()
	r := stream.Record{Offset: 7, Time: time.UnixMilli(1795509240123), Key: []byte("k"), Value: []byte("v")}
	const kept = uint64(0x975e012bc8829aed)
	if got := stream.Fingerprint(&r); got != kept {
		t.Errorf("the fingerprint is %#x, want %#x", got, kept)
	}
}

// after is where a processor resumes that has processed some records.
func after(records []stream.Record) *stream.Resume {
	last := records[len(records)-1]
	return &stream.Resume{Next: last.Offset + 1, Last: last.Offset, Fingerprint: stream.Fingerprint(&last)}
}

// read is all records of partition 0, n of them.
func read(t *testing.T, connection stream.Connection, topic string, n int) []stream.Record {
	t.Helper()
	r := run(t, connection, topic, newProbe())
	r.wait(t, "all records arrive", func() bool { return r.total() == n })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	return r.records[0]
}

// ends runs a consumer that must end by itself, with an error that says some
// things.
func ends(t *testing.T, connection stream.Connection, topic string, p *probe, says ...string) {
	t.Helper()
	err := run(t, connection, topic, p).end()
	for _, want := range says {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run ended with %v, want an error that says %q", err, want)
		}
	}
	if n := p.total(); n > 0 {
		t.Errorf("%d records were processed, want none", n)
	}
}

func startOver(o *stream.ConsumerOptions) { o.Replaced = stream.StartOverIfReplaced }

func skipMissing(o *stream.ConsumerOptions) { o.Missing = stream.SkipMissing }

func testResume(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	c := client(t, connection)
	write(t, c, topic, "a", "b", "c", "d")
	p := newProbe()
	p.resume = after(read(t, connection, topic, 4)[:2])
	r := run(t, connection, topic, p)
	r.wait(t, "the rest arrives", func() bool { return slices.Equal(r.values(), []string{"c", "d"}) })
	r.ready()
	write(t, c, topic, "e")
	r.wait(t, "reading goes on", func() bool { return slices.Equal(r.values(), []string{"c", "d", "e"}) })
}

func testRecreated(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	write(t, client(t, connection), topic, "a", "b", "c")
	resume := after(read(t, connection, topic, 3)[:2])
	recreate(t, connection, topic)
	want := []string{"A", "B", "C", "D", "E"} // more than there were
	write(t, client(t, connection), topic, want...)

	p := newProbe()
	p.resume = resume
	ends(t, connection, topic, p, "partition 0", "another record at offset 1", "last before 2", "made anew", "--replaced-topic=start-over")

	p = newProbe()
	p.resume = resume
	opened := make(chan stream.Assignment, 2)
	r := run(t, connection, topic, p, startOver, assignments(opened))
	r.wait(t, "the new log arrives from its start", func() bool { return slices.Equal(r.values(), want) })
	r.ready()
	if first, second := <-opened, <-opened; first.Replaced || !second.Replaced || second.Committed != 0 {
		t.Errorf("Open was told %+v, then %+v; want to be told of the replaced log, with nothing committed, at the second time", first, second)
	}
	poll(t, "the new log's offset is committed", func() error {
		if got := committed(t, connection, topic); got != 5 {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if r.opened[0] != 2 {
		t.Errorf("%d processors were opened, want 2", r.opened[0])
	}
}

// recreate deletes a topic of one partition and creates it anew.
func recreate(t *testing.T, connection stream.Connection, topic string) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(connection.Brokers...), Transport: transport}
	answer, err := c.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err == nil {
		err = answer.Errors[topic]
	}
	if err != nil {
		t.Fatal(err)
	}
	poll(t, "the topic is created anew", func() error {
		answer, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: topic, NumPartitions: 1, ReplicationFactor: 1,
		}}})
		if err == nil {
			err = answer.Errors[topic]
		}
		return err
	})
	if err := stream.EnsureTopic(t.Context(), connection, topic, 1); err != nil {
		t.Fatal(err)
	}
}

func TestTopicThatIsMadeAnewWhileItIsRead(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c", "d", "e", "f")
	opened := make(chan stream.Assignment, 10)
	registry := prometheus.NewRegistry()
	r := run(t, connection, "events", newProbe(), startOver, assignments(opened), func(o *stream.ConsumerOptions) { o.Registerer = registry })
	r.wait(t, "the old log arrives", func() bool { return len(r.values()) == 6 })
	if err := errors.Join(cluster.DeleteTopic("events"), cluster.CreateTopic("events", 1, nil)); err != nil {
		t.Fatal(err)
	}
	write(t, client(t, connection), "events", "A", "B", "C", "D")
	r.wait(t, "the new log arrives from its start", func() bool { return strings.Join(r.values(), "") == "ABCD" })
	r.ready()
	lag(t, registry, 0)
	if first, second := <-opened, <-opened; first.Replaced || !second.Replaced {
		t.Errorf("Open was told %+v, then %+v", first, second)
	}
}

// TestOffsetOfAnotherLogGoesBack is about a restart before a processor allows a
// commit: it must not find the log replaced again. No commit
// succeeds before the group has divided the partitions anew.
func TestOffsetOfAnotherLogGoesBack(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	commit(t, connection, "events", 50)
	first, refused := int32(-1), make(chan struct{})
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request := r.(*kmsg.OffsetCommitRequest)
		if first == -1 {
			first = request.Generation
			close(refused)
		}
		if request.Generation != first {
			return nil, nil, false
		}
		partition := kmsg.NewOffsetCommitResponseTopicPartition()
		partition.ErrorCode = kerr.UnknownServerError.Code
		topic := kmsg.NewOffsetCommitResponseTopic()
		topic.Topic, topic.Partitions = "events", append(topic.Partitions, partition)
		answer := request.ResponseKind().(*kmsg.OffsetCommitResponse)
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	p := newProbe()
	p.committable = func(int64) int64 { return -1 }
	r := run(t, connection, "events", p, startOver)
	r.wait(t, "all records arrive", func() bool { return len(r.values()) == 2 })
	<-refused
	run(t, connection, "events", newProbe()) // makes the group rebalance
	poll(t, "the new log's start is committed", func() error {
		if got := committed(t, connection, "events"); got != 0 {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
	r.ready()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if r.opened[0] != 2 {
		t.Errorf("%d processors were opened, want 2: the log was replaced once", r.opened[0])
	}
}

// TestTopicThatIsMadeAnewWhileTheProcessorStands is about a time in which nothing
// is fetched, so that nothing fails.
func TestTopicThatIsMadeAnewWhileTheProcessorStands(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b", "c")
	p := newProbe()
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.process = func(ctx context.Context, _ stream.Batch) error {
		once.Do(func() { close(stuck) })
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	fetched := make(chan struct{})
	var asked sync.Once
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset == 1 {
			asked.Do(func() { close(fetched) })
		}
		return nil, nil, false
	})
	r := run(t, connection, "events", p, startOver, oneRecordPerFetch, stream.TrustNoSilence)
	<-stuck   // with a
	<-fetched // is b: the cluster does one thing after the other, what follows comes later
	if err := errors.Join(cluster.DeleteTopic("events"), cluster.CreateTopic("events", 1, nil)); err != nil {
		t.Fatal(err)
	}
	write(t, client(t, connection), "events", "A", "B", "C", "D")
	close(release)
	r.wait(t, "the new log arrives from its start", func() bool { return strings.Join(r.values(), "") == "ABCD" })
}

func TestLogThatEndsBeforeWhatIsNext(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	p := newProbe()
	p.resume = &stream.Resume{Next: 5}
	ends(t, connection, "events", p, `partition 0 of topic "events" ends at offset 2, but 5 is the next to be read`, "made anew", "--replaced-topic=start-over")
}

func TestRecordsThatAreMissing(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", strings.Split("0123456789", "")...)
	resume := after(read(t, connection, "events", 10)[:3])
	if err := cluster.DeleteRecords("events", 0, 8); err != nil {
		t.Fatal(err)
	}
	p := newProbe()
	p.resume = resume
	ends(t, connection, "events", p, "begins at offset 8, but 3 is the next", "retention", "up to 5", "--missing-records=skip")

	p = newProbe()
	p.resume = resume
	var log journal
	r := run(t, connection, "events", p, skipMissing, func(o *stream.ConsumerOptions) { o.Logger = log.logger() })
	r.wait(t, "what is left arrives", func() bool { return strings.Join(r.values(), "") == "89" })
	r.ready()
	if n := log.count("from=3 records=5"); n != 1 {
		t.Errorf("what is skipped was logged %d times, want once", n)
	}
}

// TestLogThatCanNotBeRecognized is about a log that no longer has the record that
// was processed last, but what comes next.
func TestLogThatCanNotBeRecognized(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		remove func(*kfake.Cluster) error
	}{
		{"retention", func(c *kfake.Cluster) error { return c.DeleteRecords("events", 0, 2) }},
		{"compaction", func(c *kfake.Cluster) error { c.Compact(); return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cluster, connection := fake(t)
			if err := cluster.CreateTopic("events", 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
				t.Fatal(err)
			}
			c := client(t, connection)
			for _, value := range []string{"a", "b", "c", "d"} { // d is in the part that is never compacted
				if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "events", Key: []byte("k"), Value: []byte(value)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			p := newProbe()
			p.resume = after(read(t, connection, "events", 4)[:2])
			if err := test.remove(cluster); err != nil {
				t.Fatal(err)
			}
			if left := read(t, connection, "events", 2); string(left[0].Value) != "c" {
				t.Fatalf("%q is the first that is left, want c", left[0].Value)
			}
			r := run(t, connection, "events", p)
			r.wait(t, "the rest arrives", func() bool { return slices.Equal(r.values(), []string{"c", "d"}) })
		})
	}
}

func TestResumeThatCanNotBeMeant(t *testing.T) {
	t.Parallel()
	for _, resume := range []stream.Resume{{Next: -1}, {Next: 2, Last: 2, Fingerprint: 1}, {Next: stream.FromStart, Fingerprint: 1}} {
		_, connection := fake(t, kfake.SeedTopics(1, "events"))
		write(t, client(t, connection), "events", "a", "b", "c")
		p := newProbe()
		p.resume = &resume
		ends(t, connection, "events", p, "opening partition 0")
		if p.closed[0] != 1 {
			t.Errorf("%+v: the processor was closed %d times", resume, p.closed[0])
		}
	}
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	p := newProbe()
	err := run(t, connection, "events", p, startOver, func(o *stream.ConsumerOptions) {
		o.Open = func(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
			processor, _, err := p.open(ctx, a)
			return processor, stream.Resume{Next: 9}, err // whatever it is told
		}
	}).end()
	if err == nil || !strings.Contains(err.Error(), "was replaced") {
		t.Errorf("Run ended with %v", err)
	}
}
