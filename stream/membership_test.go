package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

func TestRebalanceMovesNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	const partitions = 4
	_, connection := fake(t, kfake.SeedTopics(partitions, "events"))
	c := client(t, connection, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	round := func(value string) {
		t.Helper()
		for p := range int32(partitions) {
			r := &kgo.Record{Topic: "events", Partition: p, Value: []byte(value)}
			if err := c.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	registry := prometheus.NewRegistry()
	round("first")
	a := run(t, connection, "events", newProbe(), func(o *stream.ConsumerOptions) { o.Registerer = registry })
	a.wait(t, "the first member reads everything", func() bool { return a.total() == partitions })
	a.ready()

	b := run(t, connection, "events", newProbe())
	b.wait(t, "the second member takes half", func() bool { return b.total() == partitions/2 })
	b.ready()
	a.ready()
	round("second")
	a.wait(t, "the first goes on where it stood", func() bool { return a.reached(2) == 2 })
	b.wait(t, "the second gets its new records", func() bool { return b.reached(2) == 2 })

	a.mu.Lock()
	for p := range int32(partitions) {
		_, inA := a.holds(p)
		b.mu.Lock()
		_, inB := b.holds(p)
		b.mu.Unlock()
		if inA == inB {
			t.Errorf("partition %d: with the first member %v, with the second %v", p, inA, inB)
		}
		if a.opened[p] != 1 {
			t.Errorf("partition %d was opened %d times by the first member, want 1", p, a.opened[p])
		}
		if _, ok := metric(t, registry, "holdfast_stream_lag_records", fmt.Sprint(p)); ok != inA {
			t.Errorf("partition %d: there is a lag %v, want %v", p, ok, inA)
		}
		if n, _ := metric(t, registry, "holdfast_events_consumed_total", fmt.Sprint(p)); inA && n != 2 || inB && n != 1 {
			t.Errorf("partition %d: the first member has counted %v records", p, n)
		}
	}
	a.mu.Unlock()

	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	b.wait(t, "the second member takes over from the first", func() bool { return b.reached(2) == partitions })
	if n, _ := metric(t, registry, "holdfast_stream_partitions", ""); n != 0 {
		t.Errorf("a consumer that has ended holds %v partitions", n)
	}
}

func TestMemberWithoutPartitionIsReady(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a")
	a := run(t, connection, "events", newProbe())
	a.ready()
	b := run(t, connection, "events", newProbe())
	b.ready()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if len(b.opened) != 0 {
		t.Error("the second member was given the only partition")
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	if a.opened[0] != 1 {
		t.Errorf("the partition was opened %d times, want 1: it never went away", a.opened[0])
	}
}

func TestBatchThatDelaysTheGroupIsInterrupted(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a", "b")
	p := newProbe()
	first, stuck := true, make(chan struct{})
	p.process = func(ctx context.Context, _ stream.Batch) error {
		if !first {
			return nil
		}
		first = false
		close(stuck)
		<-ctx.Done() // as when the store is out
		return errors.New("the driver's own words")
	}
	a := run(t, connection, "events", p, func(o *stream.ConsumerOptions) { o.Handover = time.Millisecond })
	<-stuck
	run(t, connection, "events", newProbe()) // makes the group rebalance
	a.wait(t, "the partition is read anew, from its start", func() bool {
		return a.opened[0] == 2 && a.closed[0] == 1 && len(a.values()) == 2
	})
	a.ready()
}

func TestNewPartitionsAreTaken(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	p := newProbe()
	counts := make(chan int, 8)
	r := run(t, connection, "events", p, func(o *stream.ConsumerOptions) {
		o.MeasureEvery = 20 * time.Millisecond
		o.Open = func(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
			counts <- a.Partitions
			return p.open(ctx, a)
		}
	})
	r.ready()
	request := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = "events", 3
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 5000
	if _, err := request.RequestWith(t.Context(), client(t, connection)); err != nil {
		t.Fatal(err)
	}
	r.wait(t, "the new partitions are opened", func() bool { return len(r.opened) == 3 })
	for _, want := range []int{1, 3, 3} {
		if got := <-counts; got != want {
			t.Errorf("Open was told of %d partitions, want %d", got, want)
		}
	}
}

func TestWhatEndsRun(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	t.Run("an error of Process", func(t *testing.T) {
		t.Parallel()
		_, connection := fake(t, kfake.SeedTopics(3, "events"))
		write(t, client(t, connection), "events", "a")
		p := newProbe()
		p.process = func(context.Context, stream.Batch) error { return boom }
		if err := run(t, connection, "events", p).end(); !errors.Is(err, boom) {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Run("an error of Open", func(t *testing.T) {
		t.Parallel()
		_, connection := fake(t, kfake.SeedTopics(3, "events"))
		p := newProbe()
		p.refuse = boom
		if err := run(t, connection, "events", p).end(); !errors.Is(err, boom) {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Run("retention that overtakes the consumer", func(t *testing.T) {
		t.Parallel()
		cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
		write(t, client(t, connection), "events", strings.Split("0123456789", "")...)
		p := newProbe()
		entered, release := make(chan struct{}, 10), make(chan struct{})
		p.process = func(ctx context.Context, _ stream.Batch) error {
			entered <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		r := run(t, connection, "events", p, func(o *stream.ConsumerOptions) { o.MaxBytes = 1 }) // one batch a fetch
		<-entered                                                                                // 0 is being processed and 1 may wait behind it
		if err := cluster.DeleteRecords("events", 0, 8); err != nil {
			t.Fatal(err)
		}
		close(release)
		err := r.end()
		if err == nil || !strings.Contains(err.Error(), "begins at offset 8") || !strings.Contains(err.Error(), "retention") {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Run("a topic that was made anew", func(t *testing.T) {
		t.Parallel()
		cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
		write(t, client(t, connection), "events", "a", "b")
		r := run(t, connection, "events", newProbe())
		r.ready()
		if err := errors.Join(cluster.DeleteTopic("events"), cluster.CreateTopic("events", 1, nil)); err != nil {
			t.Fatal(err)
		}
		if err := r.end(); err == nil || !strings.Contains(err.Error(), "made anew") {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func TestCancelDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.ListOffsets, kmsg.Fetch} {
		t.Run(key.Name(), func(t *testing.T) {
			t.Parallel()
			cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
			asked := make(chan struct{}, 100)
			cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				asked <- struct{}{}
				return nil, nil, true // never answered
			})
			r := run(t, connection, "events", newProbe())
			<-asked
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
