package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

// ConsumerOptions is what a [Consumer] needs.
type ConsumerOptions struct {
	// Connection is how the cluster is reached.
	Connection Connection
	// Topic is the input topic. It is waited for if it does not exist.
	Topic string
	// Group is the consumer group among whose members the topic's partitions
	// are divided.
	Group string

	// Open makes the processor of a partition that was assigned to this
	// consumer, and says where its state ends. An error ends Run, but for
	// [ErrTaken]. Partitions are opened at the same time. ctx ends when Run is
	// told to stop, or Handover after the group has begun to divide the partitions
	// anew; it is not for the processor to keep.
	Open func(ctx context.Context, assignment Assignment) (Processor, Resume, error)
	// Missing is how to go on where records that are to be read next are gone.
	// Defaults to StopIfMissing.
	Missing MissingPolicy
	// Replaced is how to go on where a log is not the one that was read before.
	// Defaults to StopIfReplaced.
	Replaced ReplacedPolicy

	// Logger gets what an operator should know. Defaults to none.
	Logger *slog.Logger
	// Registerer gets the metrics. Defaults to none. It takes one consumer.
	Registerer prometheus.Registerer

	// MaxBytes bounds a fetch, as it travels: a fetch holds at least one
	// batch of the producers', however large. A partition takes the memory of
	// two fetches, unpacked to 64 MiB each at most: a batch that holds more ends
	// Run. Defaults to 1 MiB.
	MaxBytes int
	// MaxWait is how long the broker waits for a record before it answers that
	// there is none. Records are not delayed by it. Defaults to 500ms.
	MaxWait time.Duration
	// Handover is how long a batch that is being processed may take to finish
	// once the group is to divide the partitions anew; the whole group waits for
	// it. Keep it below 30s. Defaults to 10s.
	Handover time.Duration
	// CloseWithin bounds a processor's Close. When Run is told to stop, it also
	// bounds how long a batch that is being processed may take to finish before
	// that, so Run may take twice as long to end. Keep it below Handover. Defaults
	// to 5s.
	CloseWithin time.Duration
	// IdleAfter is how long a partition must have had no record, with all it has
	// being processed, for its processor to be called idle. An interruption of the
	// connection begins the time anew. Defaults to 30s.
	IdleAfter time.Duration
	// MeasureEvery is how often the topic is looked at: for new partitions, and
	// for the lag of partitions whose processor stands still. Defaults to 5s.
	MeasureEvery time.Duration
	// BackoffMin and BackoffMax bound the pauses between tries while Kafka
	// fails; they double, with jitter. Default to 100ms and 5s.
	BackoffMin, BackoffMax time.Duration

	// answerGrace is how much later than asked an answer may come. After a longer
	// silence nothing is known of what went on in the log, nor if it is the same.
	// Defaults to 2s; tests set another.
	answerGrace time.Duration
}

// Consumer reads a topic as a member of a consumer group. A partition that stays
// assigned to it keeps its processor. One that goes to another member is first
// closed here, then opened there: the group divides the partitions once more for
// it.
type Consumer struct {
	opts     ConsumerOptions
	cluster  *cluster
	logger   *slog.Logger
	metrics  *consumerMetrics
	outage   *outage
	progress *progress

	held  map[int32]*partition  // owned by Run and the generation it waits for
	count int                   // partitions of the topic, as last seen; owned likewise
	claim atomic.Pointer[claim] // to what is held, for the group
	// withheld says that this member has divided the partitions, and some were
	// given to nobody until those who held them have closed them.
	withheld atomic.Bool
}

// NewConsumer checks the options. It does not connect yet.
func NewConsumer(opts ConsumerOptions) (*Consumer, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&opts.MaxBytes, 1<<20)
	setDefault(&opts.MaxWait, 500*time.Millisecond)
	setDefault(&opts.Handover, 10*time.Second)
	setDefault(&opts.CloseWithin, 5*time.Second)
	setDefault(&opts.IdleAfter, 30*time.Second)
	setDefault(&opts.MeasureEvery, 5*time.Second)
	setDefault(&opts.answerGrace, 2*time.Second)
	setDefault(&opts.BackoffMin, 100*time.Millisecond)
	setDefault(&opts.BackoffMax, max(5*time.Second, opts.BackoffMin))
	switch {
	case opts.Topic == "":
		return nil, errors.New("no kafka topic is given")
	case opts.Group == "":
		return nil, errors.New("no kafka consumer group is given")
	case opts.Open == nil:
		return nil, errors.New("nothing opens the partitions")
	case opts.MaxBytes < 1 || opts.MaxBytes > maxAnswer/2:
		return nil, fmt.Errorf("a fetch of %d bytes is out of bounds: 1 to %d", opts.MaxBytes, maxAnswer/2)
	case opts.MaxWait < time.Millisecond || opts.MeasureEvery < 0 || opts.Handover < 0 ||
		opts.CloseWithin < 0 || opts.IdleAfter < 0 || opts.BackoffMin < 0 || opts.BackoffMax < opts.BackoffMin:
		return nil, errors.New("a duration of the kafka consumer is out of bounds")
	}
	cluster, err := opts.Connection.cluster([]string{opts.Topic})
	if err != nil {
		return nil, err
	}
	logger := opts.Logger.With("topic", opts.Topic, "group", opts.Group)
	metrics := newConsumerMetrics(opts.Registerer)
	c := &Consumer{
		opts:     opts,
		cluster:  cluster,
		logger:   logger,
		metrics:  metrics,
		outage:   newOutage(logger, "Kafka input", metrics.up),
		progress: &progress{group: opts.Group, pending: map[int32]bool{}},
		held:     map[int32]*partition{},
	}
	c.tally(0)
	return c, nil
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Ready is nil once partitions are assigned and each has been read up to its
// end at least once, and while all of them can be fetched. Otherwise it says
// what is missing. A member to whom the group gives no partition is ready.
func (c *Consumer) Ready() error {
	if err := c.outage.err(); err != nil {
		return err
	}
	return c.progress.err()
}

// Run consumes until ctx ends and then returns nil, or until something happens
// that it can't ride out, and returns that. Either way it lets the batches that
// are being processed finish, closes every processor, commits, and leaves the
// group, in this order. It must be called once.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.cluster.close()
	defer c.release(context.WithoutCancel(ctx))
	retry := newBackoff(c.opts.BackoffMin, c.opts.BackoffMax)
	for {
		lost, err := c.serve(ctx, retry.Reset)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		c.outage.fails(membership, lost)
		c.cluster.refresh()
		pause(ctx, retry)
	}
}

// membership is the part of the connection that keeps us in the group.
const membership = "consumer group"

// The pace of the group. A member notices within a heartbeat that the group is
// to divide the partitions anew, and a member that died is missed after the
// session timeout.
const (
	sessionTimeout   = 10 * time.Second
	heartbeat        = 500 * time.Millisecond
	rebalanceTimeout = 30 * time.Second
	leaveTimeout     = 2 * time.Second
)

// serve is a member of the group, generation after generation. What it lost
// the membership by is to be retried; err is not.
func (c *Consumer) serve(ctx context.Context, joined func()) (lost, err error) {
	// kafka-go rejoins without a pause if the topic does not exist.
	if err := c.measure(ctx); err != nil {
		return err, nil
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                c.opts.Group,
		Brokers:           c.opts.Connection.Brokers,
		Dialer:            c.cluster.dialer,
		Topics:            []string{c.opts.Topic},
		GroupBalancers:    []kafka.GroupBalancer{stickyBalancer{claim: c.claim.Load, withheld: &c.withheld}},
		HeartbeatInterval: heartbeat,
		SessionTimeout:    sessionTimeout,
		RebalanceTimeout:  rebalanceTimeout,
		JoinGroupBackoff:  c.opts.BackoffMin, // Run has a backoff of its own
	})
	if err != nil {
		return nil, err
	}
	defer c.leave(group)
	for {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case errors.Is(err, kafka.RebalanceInProgress):
			continue // the broker sets the pace
		case err != nil:
			return fmt.Errorf("joining: %w", err), nil
		}
		joined()
		ended := make(chan error, 1)
		gen.Start(func(generation context.Context) { ended <- c.generation(ctx, generation, gen) })
		if err := <-ended; err != nil || ctx.Err() != nil {
			return nil, err
		}
	}
}

// leave makes the other members take over at once. A join that still waits for
// them is torn down first, as kafka-go would wait it out.
func (c *Consumer) leave(group *kafka.ConsumerGroup) {
	c.cluster.sockets.abort()
	t := time.AfterFunc(leaveTimeout, c.cluster.sockets.abort)
	defer t.Stop()
	_ = group.Close() // always nil
}

// tally takes note of what is held in a generation. The client library asks for
// it too, from a goroutine of its own.
func (c *Consumer) tally(generation int32) {
	ids := slices.Sorted(maps.Keys(c.held))
	c.claim.Store(&claim{generation: generation, partitions: ids})
	c.metrics.partitions.Set(float64(len(ids)))
}

// release gives up everything that is still held.
func (c *Consumer) release(ctx context.Context) {
	closeAll(ctx, slices.Collect(maps.Values(c.held)))
	clear(c.held)
	c.tally(0)
	c.metrics.up.Set(0)
}
