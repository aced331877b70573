package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/stream"
)

// chronicle is what happened, in order.
type chronicle struct {
	mu     sync.Mutex
	events []string
}

func (c *chronicle) add(event string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.events, event) {
		c.events = append(c.events, event)
	}
}

// lastEffort makes processors that may be committed only once they are closed.
func lastEffort() *probe {
	p := newProbe()
	closed := new(atomic.Bool)
	p.committable = func(next int64) int64 {
		if closed.Load() {
			return next
		}
		return -1
	}
	p.close = func(context.Context, int32) { closed.Store(true) }
	return p
}

func TestCommitsStayWithinWhatTheProcessorAllows(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	c := client(t, connection)
	write(t, c, "events", "a", "b", "c", "d", "e")
	var allowed atomic.Int64
	allowed.Store(3)
	p := newProbe()
	p.committable = func(int64) int64 { return allowed.Load() }
	r := run(t, connection, "events", p)
	commits := func(want int64) {
		t.Helper()
		poll(t, "what is allowed is committed", func() error {
			if got := committed(t, connection, "events"); got != want {
				return fmt.Errorf("it is %d, want %d", got, want)
			}
			return nil
		})
	}
	r.wait(t, "all records arrive", func() bool { return r.total() == 5 })
	commits(3)
	allowed.Store(1) // a processor should not
	write(t, c, "events", "f")
	r.wait(t, "one more arrives", func() bool { return r.total() == 6 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	commits(3)

	allowed.Store(100) // nor this
	r = run(t, connection, "events", p)
	commits(6)
}

func TestNoCommitBeyondWhatWasRead(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	p := newProbe()
	p.committable = func(int64) int64 { return 100 }
	r := run(t, connection, "events", p)
	r.ready()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, connection, "events"); got != -1 {
		t.Errorf("offset %d of a log without records is committed", got)
	}
}

func TestEndInOrder(t *testing.T) {
	t.Parallel()
	cluster, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a")
	var happened chronicle
	for key, event := range map[kmsg.Key]string{kmsg.OffsetCommit: "committed", kmsg.LeaveGroup: "left"} {
		cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			happened.add(event)
			return nil, nil, false
		})
	}
	p := lastEffort()
	entered, release := make(chan struct{}), make(chan struct{})
	p.process = func(ctx context.Context, _ stream.Batch) error {
		close(entered)
		<-release
		happened.add("processed")
		return ctx.Err() // which has no reason to be over
	}
	finish := p.close
	p.close = func(ctx context.Context, partition int32) {
		finish(ctx, partition)
		happened.add("closed")
		if _, bounded := ctx.Deadline(); ctx.Err() != nil || !bounded {
			t.Errorf("the last effort was bounded %v, and over from the start: %v", bounded, ctx.Err())
		}
	}
	r := run(t, connection, "events", p)
	<-entered
	r.cancel()
	close(release)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"processed", "closed", "committed", "left"}; !slices.Equal(happened.events, want) {
		t.Errorf("it ended with %v, want %v", happened.events, want)
	}
	if got := committed(t, connection, "events"); got != 1 {
		t.Errorf("offset %d is committed, want 1", got)
	}
}

func TestLastEffortIsBounded(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	p := newProbe()
	p.close = func(ctx context.Context, _ int32) { <-ctx.Done() }
	r := run(t, connection, "events", p, func(o *stream.ConsumerOptions) { o.CloseWithin = 1 })
	r.ready()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func TestStateOfAnInterruptedBatchIsNotKept(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a")
	p := newProbe()
	stuck := make(chan struct{})
	p.process = func(ctx context.Context, _ stream.Batch) error {
		close(stuck)
		<-ctx.Done()
		return ctx.Err()
	}
	p.close = func(ctx context.Context, _ int32) {
		if ctx.Err() == nil {
			t.Error("the processor was closed with time for a last effort")
		}
	}
	r := run(t, connection, "events", p, func(o *stream.ConsumerOptions) { o.CloseWithin = 1 })
	<-stuck
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// testHandover is about a partition that moves to a member that joins.
func testHandover(t *testing.T, connection stream.Connection) {
	const partitions = 2
	topic := create(t, connection, partitions)
	c := client(t, connection, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range int32(partitions) {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var happened chronicle
	p := lastEffort()
	finish := p.close
	p.close = func(ctx context.Context, partition int32) {
		finish(ctx, partition)
		happened.add(fmt.Sprintf("closed %d", partition))
		if ctx.Err() != nil {
			t.Error("there was no time for a last effort")
		}
	}
	a := run(t, connection, topic, p)
	a.wait(t, "the first member reads everything", func() bool { return a.total() == partitions })

	q := newProbe()
	opened := make(chan stream.Assignment, 10)
	b := run(t, connection, topic, q, assignments(opened), func(o *stream.ConsumerOptions) {
		open := o.Open
		o.Open = func(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
			happened.add(fmt.Sprintf("opened %d", a.Partition))
			return open(ctx, a)
		}
	})
	b.wait(t, "the second takes its part", func() bool { return b.total() == partitions/2 })
	moved := <-opened
	if moved.Committed != 1 {
		t.Errorf("the second was told that offset %d is committed, want 1: what the first could commit at last", moved.Committed)
	}
	happened.mu.Lock()
	defer happened.mu.Unlock()
	if want := []string{fmt.Sprintf("closed %d", moved.Partition), fmt.Sprintf("opened %d", moved.Partition)}; !slices.Equal(happened.events, want) {
		t.Errorf("the partition was %v, want %v", happened.events, want)
	}
}

// TestMemberThatWasPaused is about a process that was stopped for so long that
// the group has gone on without it, and then wakes up: with a record to process,
// which the store refuses, or without.
func TestMemberThatWasPaused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		values []string // written while it was paused
		says   string
	}{
		{"it finds out by a refused write", []string{"b"}, "Another process has taken a partition over"},
		{"it finds out by the group", nil, "gone on without this consumer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pausedMember(t, test.values, test.says)
		})
	}
}

func pausedMember(t *testing.T, values []string, says string) {
	cluster, connection := fake(t, kfake.SeedTopics(2, "events"))
	c := client(t, connection, kgo.RecordPartitioner(kgo.ManualPartitioner())) // to partition 0
	write(t, c, "events", "a")
	holds := func(p *probe, n int) func() bool {
		return func() bool { records, open := p.holds(0); return open && len(records) == n }
	}

	// a holds partition 0 at first, b takes it over.
	var log journal
	var refusing, refused, lastEffort atomic.Bool
	p := newProbe()
	p.process = func(context.Context, stream.Batch) error {
		if !refusing.Load() {
			return nil
		}
		refused.Store(true)
		return fmt.Errorf("the store: %w", stream.ErrTaken)
	}
	p.close = func(ctx context.Context, partition int32) {
		if partition == 0 && ctx.Err() == nil {
			lastEffort.Store(true)
		}
	}
	a := run(t, connection, "events", p, func(o *stream.ConsumerOptions) { o.Logger = log.logger() })
	a.wait(t, "the first member reads", holds(p, 1))
	info, err := cluster.WaitGroupStable(t.Context(), "events-readers", 1)
	if err != nil {
		t.Fatal(err)
	}
	paused := info.Members[0].MemberID
	q := newProbe()
	q.committable = func(int64) int64 { return -1 }
	b := run(t, connection, "events", q)
	b.wait(t, "the second takes its part", func() bool { return b.opened[1] == 1 })
	b.ready()
	a.ready()
	poll(t, "the first has committed", func() error {
		if got := committed(t, connection, "events"); got != 1 {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})

	// The first is not told that it has been thrown out, as if it slept.
	var awake atomic.Bool
	cluster.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if awake.Load() || r.(*kmsg.HeartbeatRequest).MemberID != paused {
			return nil, nil, false
		}
		return r.ResponseKind(), nil, true
	})
	refusing.Store(true)
	leave := kmsg.NewPtrLeaveGroupRequest()
	member := kmsg.NewLeaveGroupRequestMember()
	leave.Group, member.MemberID = "events-readers", paused
	leave.MemberID, leave.Members = paused, append(leave.Members, member)
	if _, err := leave.RequestWith(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	b.wait(t, "the second takes over", holds(q, 1))
	write(t, c, "events", values...)
	b.wait(t, "the second goes on", holds(q, 1+len(values)))
	if len(values) > 0 {
		poll(t, "the first is refused", func() error {
			if !refused.Load() {
				return errors.New("not yet")
			}
			return nil
		})
	}
	refusing.Store(false)
	awake.Store(true)

	a.wait(t, "the first gives up what it had", func() bool { return a.closed[0] == 1 })
	a.wait(t, "the first takes part again", func() bool { return a.opened[1] == 2 && a.closed[1] == 1 })
	a.ready()
	if lastEffort.Load() {
		t.Error("the first was asked for a last effort with a partition that the second had")
	}
	if n := log.count(says); n == 0 {
		t.Errorf("nothing was logged that says %q", says)
	}
	b.mu.Lock()
	if !holds(q, 1+len(values))() || b.opened[0] != 1 {
		t.Error("the second had to give the partition back")
	}
	b.mu.Unlock()
	if got := committed(t, connection, "events"); got != 1 {
		t.Errorf("offset %d is committed, want 1: the first had no say any more", got)
	}
}

func TestPartitionThatAnotherGroupHasTaken(t *testing.T) {
	t.Parallel()
	_, connection := fake(t, kfake.SeedTopics(1, "events"))
	write(t, client(t, connection), "events", "a")
	p := newProbe()
	p.process = func(context.Context, stream.Batch) error { return stream.ErrTaken }
	err := run(t, connection, "events", p).end() // once the group had time to say that it has moved on
	if err == nil || !strings.Contains(err.Error(), `group "events-readers" gives it to this one`) {
		t.Errorf("Run ended with %v", err)
	}
	if p.opened[0] != 1 {
		t.Errorf("the partition was opened %d times, want once", p.opened[0])
	}
}
