package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/holdfastd/holdfast/internal/demo"
	"github.com/holdfastd/holdfast/stream"
)

func TestWithEmbeddedBroker(t *testing.T) {
	broker, err := demo.StartBroker(demo.BrokerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	suite(t, stream.Connection{Brokers: broker.Addrs()})
}

// TestWithKafka runs against the Apache Kafka whose address HOLDFAST_KAFKA has.
func TestWithKafka(t *testing.T) {
	address := os.Getenv("HOLDFAST_KAFKA")
	if address == "" {
		t.Skip("HOLDFAST_KAFKA names no broker")
	}
	connection := stream.Connection{Brokers: strings.Split(address, ",")}
	suite(t, connection)
	t.Run("the broker's time is taken where it stamps records", func(t *testing.T) {
		testLogAppendTime(t, connection) // the embedded broker does not know the setting
	})
}

// suite is what must hold with any broker.
func suite(t *testing.T, connection stream.Connection) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, stream.Connection)
	}{
		{"records arrive once, in order, with their times", testOrder},
		{"offsets are committed only after Process", testCommit},
		{"a restart reads from the start", testRestart},
		{"a replay takes no commit back", testReplay},
		{"reading resumes where the processor's state ends", testResume},
		{"a topic that was made anew is not taken for the old one", testRecreated},
		{"a partition that moves is closed before it is opened", testHandover},
		{"every compression is read", testCompression},
		{"aborted transactions never happened", testTransactions},
		{"dead letters say where they come from", testDeadLetters},
		{"equal keys go where Java clients put them", testPartitioner},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, connection) })
	}
}

func testOrder(t *testing.T, connection stream.Connection) {
	const partitions, count = 3, 5000
	topic := create(t, connection, partitions)
	producer := newProducer(t, connection)
	// Each account's events bear times that only go up.
	start := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	messages := make([]stream.Message, count)
	for i := range messages {
		messages[i] = stream.Message{
			Key:   fmt.Appendf(nil, "account-%d", i%50),
			Value: fmt.Appendf(nil, "%d", i),
			Time:  start.Add(time.Duration(i) * time.Millisecond),
		}
	}
	if err := producer.Produce(t.Context(), topic, messages); err != nil {
		t.Fatal(err)
	}

	r := run(t, connection, topic, newProbe(), func(o *stream.ConsumerOptions) { o.MaxBytes = 20_000 })
	r.wait(t, "all records arrive", func() bool { return r.total() == count })
	r.ready()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	got := map[string]stream.Record{}
	for partition, records := range r.records {
		for i, record := range records {
			if record.Offset != int64(i) {
				t.Fatalf("partition %d: record %d has offset %d", partition, i, record.Offset)
			}
			got[string(record.Value)] = record
		}
	}
	for i, m := range messages {
		record := got[string(m.Value)]
		if !bytes.Equal(record.Key, m.Key) || !record.Time.Equal(m.Time) {
			t.Fatalf("message %d arrived with key %q and time %s, want %q and %s", i, record.Key, record.Time, m.Key, m.Time)
		}
	}
}

func testCommit(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	write(t, client(t, connection), topic, "a", "b")

	p := newProbe()
	entered, release, stuck := make(chan struct{}), make(chan struct{}), make(chan struct{})
	p.process = func(ctx context.Context, batch stream.Batch) error {
		if batch.Records[0].Offset == 2 { // never finishes
			close(stuck)
			<-ctx.Done()
			return ctx.Err()
		}
		close(entered) // a and b come in one batch
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r := run(t, connection, topic, p)
	<-entered
	if err := r.Ready(); err == nil {
		t.Error("ready before the first batch was processed")
	}
	if got := committed(t, connection, topic); got != -1 {
		t.Errorf("offset %d is committed while its batch is being processed", got)
	}
	close(release)
	poll(t, "the offset is committed", func() error {
		if got := committed(t, connection, topic); got != 2 {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})

	write(t, client(t, connection), topic, "c")
	<-stuck
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if got := committed(t, connection, topic); got != 2 {
		t.Errorf("offset %d is committed, want 2: the batch after it was not finished", got)
	}
}

func testRestart(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	c := client(t, connection)
	write(t, c, topic, "a", "b")
	r := run(t, connection, topic, newProbe())
	r.wait(t, "both records arrive", func() bool { return r.total() == 2 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, connection, topic); got != 2 {
		t.Errorf("after the end offset %d is committed, want 2", got)
	}
	write(t, c, topic, "c")
	r = run(t, connection, topic, newProbe())
	r.wait(t, "all records arrive", func() bool { return slices.Equal(r.values(), []string{"a", "b", "c"}) })
}

func testCompression(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	var want []string
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		c := client(t, connection, kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for i := range 100 {
			v := fmt.Sprintf("%s %d %s", name, i, strings.Repeat("x", 100))
			records, want = append(records, &kgo.Record{Topic: topic, Value: []byte(v)}), append(want, v)
		}
		if err := c.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, connection, topic, newProbe())
	r.wait(t, "all records arrive", func() bool { return r.total() == len(want) })
	r.ready()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.values(), want) {
		t.Error("the records that arrived are not those that were written")
	}
}

func testTransactions(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	transact := func(id string) *kgo.Client { return client(t, connection, kgo.TransactionalID(topic+id)) }
	one, two := transact("1"), transact("2")
	end := func(c *kgo.Client, how kgo.TransactionEndTry) {
		t.Helper()
		if err := c.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(c *kgo.Client) {
		t.Helper()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	// Two producers' transactions lie within each other.
	write(t, client(t, connection), topic, "plain 1")
	begin(one)
	begin(two)
	write(t, one, topic, "aborted 1")
	write(t, two, topic, "committed 1")
	write(t, client(t, connection), topic, "plain 2")
	write(t, one, topic, "aborted 2")
	end(two, kgo.TryCommit)
	begin(two)
	write(t, two, topic, "aborted 3")
	end(one, kgo.TryAbort)
	begin(one)
	write(t, one, topic, "committed 2")
	end(one, kgo.TryCommit)
	end(two, kgo.TryAbort)

	r := run(t, connection, topic, newProbe())
	want := []string{"plain 1", "committed 1", "plain 2", "committed 2"}
	r.wait(t, "the committed records arrive", func() bool { return r.total() == len(want) })
	r.ready() // the log ends with markers: readiness and commits go past them
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got := r.values(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	const all = 7 + 4 // with the markers
	if got := committed(t, connection, topic); got != all {
		t.Errorf("offset %d is committed, want %d", got, all)
	}
}

func testLogAppendTime(t *testing.T, connection stream.Connection) {
	topic := name(t)
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(connection.Brokers...), Transport: transport}
	answer, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"}},
	}}})
	if err := errors.Join(err, answer.Errors[topic]); err != nil {
		t.Fatal(err)
	}
	producer := newProducer(t, connection)
	before := time.Now().Add(-time.Minute) // the broker's clock may differ a little
	tomorrow := time.Now().Add(24 * time.Hour)
	poll(t, "the record is written", func() error {
		return producer.Produce(t.Context(), topic, []stream.Message{{Value: []byte("v"), Time: tomorrow}})
	})
	r := run(t, connection, topic, newProbe())
	r.wait(t, "the record arrives", func() bool { return r.total() == 1 })
	_ = r.stop()
	if got := r.records[0][0].Time; got.Before(before) || !got.Before(tomorrow.Add(-time.Hour)) {
		t.Errorf("the record's time is %s, want the broker's, about now", got)
	}
}

func testDeadLetters(t *testing.T, connection stream.Connection) {
	topic := create(t, connection, 1)
	producer := newProducer(t, connection)
	at := time.Date(2026, 11, 24, 8, 34, 0, 123e6, time.UTC)
	large := bytes.Repeat([]byte("x"), 1<<20)
	letters := []stream.DeadLetter{
		{Topic: "in", Partition: 7, Reason: "invalid_json", Record: stream.Record{Offset: 1 << 40, Time: at, Key: []byte("k"), Value: []byte("{\xff")}},
		{Topic: "in", Partition: 7, Reason: "too_large", Record: stream.Record{Offset: 2, Key: []byte("k"), Value: large}},
		{Topic: "in", Reason: "invalid_json", Record: stream.Record{}},
	}
	if err := producer.DeadLetters(t.Context(), topic, letters); err != nil {
		t.Fatal(err)
	}
	c := client(t, connection, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []*kgo.Record
	for len(got) < len(letters) {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		got = append(got, fetches.Records()...)
	}
	slices.SortFunc(got, func(a, b *kgo.Record) int { return int(a.Offset - b.Offset) })
	for i, want := range []struct {
		key, value []byte
		headers    map[string]string
	}{
		{[]byte("k"), []byte("{\xff"), map[string]string{
			"holdfast-reason": "invalid_json", "holdfast-source-topic": "in", "holdfast-source-partition": "7",
			"holdfast-source-offset": "1099511627776", "holdfast-source-time": "2026-11-24T08:34:00.123Z",
		}},
		{[]byte("k"), large[:len(got[1].Value)], map[string]string{
			"holdfast-reason": "too_large", "holdfast-source-topic": "in", "holdfast-source-partition": "7",
			"holdfast-source-offset": "2", "holdfast-truncated": "1048577",
		}},
		{nil, nil, map[string]string{
			"holdfast-reason": "invalid_json", "holdfast-source-topic": "in", "holdfast-source-partition": "0",
			"holdfast-source-offset": "0",
		}},
	} {
		headers := map[string]string{}
		for _, h := range got[i].Headers {
			headers[h.Key] = string(h.Value)
		}
		if fmt.Sprint(headers) != fmt.Sprint(want.headers) {
			t.Errorf("letter %d has headers %v, want %v", i, headers, want.headers)
		}
		if !bytes.Equal(got[i].Key, want.key) || !bytes.Equal(got[i].Value, want.value) || (got[i].Value == nil) != (want.value == nil) {
			t.Errorf("letter %d does not have the record's key and value", i)
		}
	}
	if n := len(got[1].Value); n < 900_000 {
		t.Errorf("of a large record only %d bytes are left", n)
	}

	if err := producer.Produce(t.Context(), topic, []stream.Message{{Value: large}}); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a message that is too large: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := producer.DeadLetters(short, name(t), letters[:1]); err == nil {
		t.Error("a letter to a topic that does not exist is reported as written")
	}
}

func testPartitioner(t *testing.T, connection stream.Connection) {
	const partitions = 7
	ours, theirs := create(t, connection, partitions), create(t, connection, partitions)
	producer, c := newProducer(t, connection), client(t, connection) // kgo does as Java clients do, too
	var messages []stream.Message
	want := map[string]int32{}
	for i := range 100 {
		key := fmt.Sprintf("u_%d", i)
		messages = append(messages, stream.Message{Key: []byte(key), Value: []byte("v")})
		result := c.ProduceSync(t.Context(), &kgo.Record{Topic: theirs, Key: []byte(key)})
		if err := result.FirstErr(); err != nil {
			t.Fatal(err)
		}
		want[key] = result[0].Record.Partition
	}
	if err := producer.Produce(t.Context(), ours, messages); err != nil {
		t.Fatal(err)
	}
	r := run(t, connection, ours, newProbe())
	r.wait(t, "all records arrive", func() bool { return r.total() == len(messages) })
	_ = r.stop()
	for partition, records := range r.records {
		for _, record := range records {
			if key := string(record.Key); want[key] != partition {
				t.Errorf("key %s is in partition %d, Java clients put it into %d", key, partition, want[key])
			}
		}
	}
}
