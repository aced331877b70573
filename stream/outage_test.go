package stream_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

const (
	fell = "Kafka input is interrupted"
	rose = "Kafka input works again"
)

func TestBrokerThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tries := make(chan struct{}, 1000)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				close(tries)
				return
			}
			_ = conn.Close()
			tries <- struct{}{}
		}
	}()
	address := listener.Addr().String()
	var log journal
	r := run(t, stream.Connection{Brokers: []string{address}}, "events", newProbe(), func(o *stream.ConsumerOptions) {
		o.Logger = log.logger()
	})
	for range 5 {
		<-tries
	}
	if err := r.Ready(); err == nil {
		t.Error("ready without a broker")
	}
	_ = listener.Close()
	for range tries {
	}
	if n := log.count(fell); n != 1 {
		t.Errorf("the outage was logged %d times, want once", n)
	}

	fake(t, kfake.Ports(port(t, address)), kfake.SeedTopics(1, "events"))
	r.ready()
	if n := log.count(rose); n != 1 {
		t.Errorf("the recovery was logged %d times, want once", n)
	}
}

func TestBrokerThatRestarts(t *testing.T) {
	t.Parallel()
	dir := kfake.DataDir(t.TempDir())
	cluster, connection := fake(t, dir, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	var log journal
	registry := prometheus.NewRegistry()
	r := run(t, connection, "events", newProbe(), func(o *stream.ConsumerOptions) {
		o.Logger, o.Registerer = log.logger(), registry
	})
	r.ready()
	if up, _ := metric(t, registry, "holdfast_stream_up", ""); up != 1 {
		t.Error("a consumer that is ready is not up")
	}

	cluster.Close()
	poll(t, "the consumer is not ready", func() error {
		if err := r.Ready(); err == nil {
			return context.DeadlineExceeded
		}
		return nil
	})
	if up, _ := metric(t, registry, "holdfast_stream_up", ""); up != 0 {
		t.Error("a consumer without a broker is up")
	}

	fake(t, dir, kfake.Ports(port(t, connection.Brokers[0])))
	write(t, client(t, connection), "events", "c")
	r.wait(t, "reading goes on", func() bool { return len(r.values()) == 3 })
	r.ready()
	if r.opened[0] != 1 || strings.Join(r.values(), "") != "abc" {
		t.Errorf("got %v with %d processors, want each record once with one", r.values(), r.opened[0])
	}
	if a, b := log.count(fell), log.count(rose); a != b || a == 0 || a > 2 {
		t.Errorf("the outage was logged %d times and the recovery %d times", a, b)
	}
}

func TestTopicThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t)
	r := run(t, connection, "events", newProbe())
	poll(t, "the consumer says what it misses", func() error {
		if err := r.Ready(); err == nil || !strings.Contains(err.Error(), `no topic "events"`) {
			return err
		}
		return nil
	})
	if err := cluster.CreateTopic("events", 2, nil); err != nil {
		t.Fatal(err)
	}
	r.ready()
}

func TestLeaderThatMoves(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "events"))
	c := client(t, connection)
	write(t, c, "events", "a")
	r := run(t, connection, "events", newProbe())
	r.ready()
	if err := cluster.MoveTopicPartition("events", 0, 1-cluster.LeaderFor("events", 0)); err != nil {
		t.Fatal(err)
	}
	write(t, c, "events", "b")
	r.wait(t, "reading goes on with the other broker", func() bool { return len(r.values()) == 2 })
	r.ready()
}

func TestErrorsOfTheBrokerAreRetried(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetFetch, kmsg.ListOffsets, kmsg.Fetch, kmsg.OffsetCommit} {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
			write(t, client(t, connection), "events", "a")
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.UnknownServerError, Count: 3})
			r := run(t, connection, "events", newProbe())
			r.wait(t, "the record arrives", func() bool { return len(r.values()) == 1 })
			r.ready()
		})
	}
}

func TestLagGrowsWhileTheProcessorStands(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	c := client(t, connection)
	write(t, c, "events", "a")
	p := newProbe()
	stuck, release := make(chan struct{}), make(chan struct{})
	p.process = func(ctx context.Context, batch stream.Batch) error {
		if batch.Records[0].Offset == 1 {
			close(stuck)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}
	registry := prometheus.NewRegistry()
	r := run(t, connection, "events", p, func(o *stream.ConsumerOptions) {
		o.Registerer, o.MaxBytes, o.MeasureEvery = registry, 1, 10*time.Millisecond
	})
	r.ready()
	write(t, c, "events", "b", "c", "d", "e")
	<-stuck
	lag(t, registry, 4)
	close(release)
	lag(t, registry, 0)
}

func TestLagCountsFromTheOldestRecord(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	c := client(t, connection)
	write(t, c, "events", "a", "b", "c", "d", "e")
	if err := cluster.DeleteRecords("events", 0, 2); err != nil {
		t.Fatal(err)
	}
	p := newProbe()
	stuck := make(chan struct{})
	p.process = func(ctx context.Context, _ stream.Batch) error {
		close(stuck)
		<-ctx.Done() // the very first batch does not get through
		return ctx.Err()
	}
	registry := prometheus.NewRegistry()
	run(t, connection, "events", p, func(o *stream.ConsumerOptions) {
		o.Registerer, o.MeasureEvery = registry, 10*time.Millisecond
	})
	<-stuck
	lag(t, registry, 3)
	write(t, c, "events", "f")
	lag(t, registry, 4)
}

// lag waits until partition 0 lags by so many records.
func lag(t *testing.T, registry *prometheus.Registry, want int) {
	t.Helper()
	poll(t, "the lag is "+strconv.Itoa(want), func() error {
		if got, ok := metric(t, registry, "holdfast_stream_lag_records", "0"); !ok || got != float64(want) {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

func port(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
