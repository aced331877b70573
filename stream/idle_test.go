package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

// idleSoon makes every empty fetch but the first idleness.
func idleSoon(o *stream.ConsumerOptions) {
	o.MaxWait, o.IdleAfter = 5*time.Millisecond, time.Nanosecond
}

// fetches counts the fetches that a cluster is asked for.
func fetches(cluster *kfake.Cluster) <-chan struct{} {
	asked := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		select {
		case asked <- struct{}{}:
		default:
		}
		return nil, nil, false
	})
	return asked
}

func TestIdlePartition(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	c := client(t, connection)
	write(t, c, "events", "a")
	r := run(t, connection, "events", newProbe(), idleSoon)
	r.wait(t, "the processor is told again and again", func() bool { return len(r.values()) == 1 && r.idled >= 3 })
	write(t, c, "events", "b")
	r.wait(t, "a record ends it", func() bool { return len(r.values()) == 2 })
	r.mu.Lock()
	before := r.idled
	r.mu.Unlock()
	r.wait(t, "it begins anew", func() bool { return r.idled > before })
}

func TestPartitionWithAnOpenTransactionIsNotIdle(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	one := client(t, connection, kgo.TransactionalID("one"))
	if err := one.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	write(t, one, "events", "a")
	r := run(t, connection, "events", newProbe(), idleSoon)
	r.ready()
	asked := fetches(cluster)
	for range 20 {
		<-asked
	}
	r.wait(t, "the processor is not told", func() bool { return r.idled == 0 })
	if err := one.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	r.wait(t, "it is told after the record has come", func() bool { return len(r.values()) == 1 && r.idled > 0 })
}

// TestInterruptedConnectionIsNotIdleness is about records that the producers
// could not write either: they come soon.
func TestInterruptedConnectionIsNotIdleness(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	n, asked := 0, make(chan struct{}, 1000)
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked <- struct{}{}
		if n++; n%2 == 0 {
			return nil, nil, false
		}
		request := r.(*kmsg.FetchRequest)
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.ErrorCode = kerr.NotLeaderForPartition.Code
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.Partitions = request.Topics[0].Topic, append(topic.Partitions, partition)
		answer := request.ResponseKind().(*kmsg.FetchResponse)
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	r := run(t, connection, "events", newProbe(), idleSoon)
	for range 20 {
		<-asked
	}
	r.wait(t, "the processor is not told", func() bool { return r.idled == 0 })
}

// TestIdlenessIsAsOfTheFetch has the processor take its time over one idleness,
// while the answer that makes the next one has been asked for already.
func TestIdlenessIsAsOfTheFetch(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	asked := make(chan struct{}, 1000)
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked <- struct{}{}
		return nil, nil, false
	})
	p := newProbe()
	var before, after time.Time // the first idleness begins and ends
	next := make(chan time.Time, 1000)
	p.idle = func(ctx context.Context, asOf time.Time) error {
		if !before.IsZero() {
			next <- asOf
			return nil
		}
		before = time.Now()
		if asOf.After(before) || asOf.IsZero() {
			t.Errorf("idle as of %s, which is not before %s", asOf, before)
		}
		for range 3 { // empty, idle, and the one that waits
			select {
			case <-asked:
			case <-ctx.Done():
			}
		}
		after = time.Now()
		return nil
	}
	run(t, connection, "events", p, idleSoon)
	select {
	case asOf := <-next:
		if asOf.After(after) {
			t.Errorf("idle as of %s, and it was asked before %s", asOf, after)
		}
	case <-time.After(patience):
		t.Error("the processor is not told again")
	}
}

func TestErrorOfIdleEndsRun(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	boom := errors.New("boom")
	p := newProbe()
	p.idle = func(context.Context, time.Time) error { return boom }
	if err := run(t, connection, "events", p, idleSoon).end(); !errors.Is(err, boom) {
		t.Errorf("Run ended with %v", err)
	}
}
