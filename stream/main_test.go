package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// running is a consumer at work.
type running struct {
	*stream.Consumer
	*probe
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

// run starts a consumer that stops with the test at the latest.
func run(t *testing.T, connection stream.Connection, topic string, p *probe, change ...func(*stream.ConsumerOptions)) *running {
	t.Helper()
	opts := stream.ConsumerOptions{
		Connection: connection, Topic: topic, Group: topic + "-readers", Open: p.open,
		MaxWait: 100 * time.Millisecond, BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		CloseWithin: time.Second,
	}
	for _, f := range change {
		f(&opts)
	}
	consumer, err := stream.NewConsumer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Consumer: consumer, probe: p, t: t, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		r.ended <- consumer.Run(ctx)
		close(r.ended)
	}()
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// stop ends the consumer and returns what Run returned, nil if it had ended.
func (r *running) stop() error {
	r.t.Helper()
	r.cancel()
	return r.end()
}

// end waits for Run to end by itself.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.check(r.t)
		return err
	case <-time.After(patience):
		r.t.Fatal("Run does not end")
		return nil
	}
}

// ready waits until the consumer is.
func (r *running) ready() {
	r.t.Helper()
	poll(r.t, "the consumer is ready", func() error { return r.Ready() })
}

// poll is for what nothing announces.
func poll(t *testing.T, what string, condition func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s: %v", what, err)
		}
	}
}

// fake starts a cluster inside the test.
func fake(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, stream.Connection) {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, stream.Connection{Brokers: cluster.ListenAddrs()}
}

// name is a topic's name that no other run of the tests uses: a real broker
// keeps what it is given.
func name(t *testing.T) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%s-%08x", clean, rand.Uint32())
}

// client is a second opinion: another implementation of Kafka's protocol.
func client(t *testing.T, connection stream.Connection, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(connection.Brokers...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// write writes values to partition 0 with the other implementation.
func write(t *testing.T, c *kgo.Client, topic string, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, v := range values {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// journal is a log to look into.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(line))
	return len(line), nil
}

// count is how many lines hold a text.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// metric is the value of a series, and whether there is one.
func metric(t *testing.T, registry *prometheus.Registry, name, partition string) (float64, bool) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if labels := m.GetLabel(); partition == "" || len(labels) == 1 && labels[0].GetValue() == partition {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
			}
		}
	}
	return 0, false
}

// create makes a topic for the test: twice, as a topic that is there must be left
// alone.
func create(t *testing.T, connection stream.Connection, partitions int) string {
	t.Helper()
	topic := name(t)
	for range 2 {
		if err := stream.EnsureTopic(t.Context(), connection, topic, partitions); err != nil {
			t.Fatal(err)
		}
	}
	return topic
}

func newProducer(t *testing.T, connection stream.Connection) *stream.Producer {
	t.Helper()
	producer, err := stream.NewProducer(stream.ProducerOptions{Connection: connection})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(); err != nil {
			t.Error(err)
		}
	})
	return producer
}

// committed is the offset that the group of [run] has committed for partition 0,
// -1 if none.
func committed(t *testing.T, connection stream.Connection, topic string) int64 {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(connection.Brokers...), Transport: transport}
	answer, err := c.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{
		GroupID: topic + "-readers", Topics: map[string][]int{topic: {0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Topics[topic][0].CommittedOffset
}
