package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfastd/holdfast/bench/everyday"
)

// withBroker gives a part a broker of its own, and room for the records of its
// topics.
func (b *bench) withBroker(records int, measure func(context.Context, *broker) (table, error)) func(context.Context) (table, error) {
	return func(ctx context.Context) (rows table, err error) {
		const perRecord, spare = 450, 3 << 30 // bytes
		if err := needDisk(b.Folder, int64(records)*perRecord+spare); err != nil {
			return nil, err
		}
		b.logger.Info("Starting Kafka")
		k, err := b.startBroker(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, k.stop()) }()
		return measure(ctx, k)
	}
}

// snapshotEvery makes for a snapshot or two while the daemon catches up, where by
// default it would have caught up before the first.
const snapshotEvery = 2 * time.Second

// measureStream starts a daemon on a full topic, time and again from its
// beginning, and looks at what the daemon itself takes for it, its SQLite store
// included.
func (b *bench) measureStream(ctx context.Context, k *broker) (table, error) {
	const topic = "full"
	b.logger.Info("Filling a topic", "records", b.Records)
	if err := b.fillTopic(ctx, k, topic, everyday.Options{Accounts: b.Accounts}, b.Records); err != nil {
		return nil, err
	}
	var rates, cpu, wall []float64
	var alertCount, snapshotCount, memory float64
	for run := range b.Runs {
		took, err := b.catchUp(ctx, k, topic, "")
		if err != nil {
			return nil, err
		}
		n := took.after[consumed] - took.before[consumed]
		used := took.after[cpuSeconds] - took.before[cpuSeconds]
		rates, cpu, wall = append(rates, n/used), append(cpu, used), append(wall, took.wall.Seconds())
		alertCount, snapshotCount, memory = took.after[alerts], took.after[snapshots], took.after[resident]
		b.logger.Info("Ran", "what", "catching up", "run", run+1, "cpu_seconds", used, "wall", took.wall, "alerts", alertCount, "snapshots", snapshotCount)
	}
	if b.Profile != "" {
		if _, err := b.catchUp(ctx, k, topic, b.Profile); err != nil {
			return nil, err
		}
	}
	seconds := func(s float64) string { return fmt.Sprintf("%.1f", s) }
	return table{{
		what:   fmt.Sprintf("Kafka to alerts, a snapshot every %v, 10 rules, SQLite, events/s per core of the daemon's own CPU", snapshotEvery),
		target: "≥ 400,000", measured: millions(median(rates)), met: median(rates) >= 4e5 && snapshotCount > 0,
		note: fmt.Sprintf("%s events, %.0f alerts, %.0f snapshots, %.0f MB resident; CPU seconds %s; wall clock %s",
			millions(float64(b.Records)), alertCount, snapshotCount, memory/(1<<20), list(cpu, seconds), list(wall, seconds)),
	}}, nil
}

func (b *bench) fillTopic(ctx context.Context, k *broker, topic string, opts everyday.Options, records int) error {
	const linger = 5 * time.Millisecond
	p, err := newProducer(ctx, k.address, topic, linger)
	if err != nil {
		return err
	}
	defer p.client.Close()
	return p.fill(ctx, everyday.New(opts), records)
}

// caughtUp is what a daemon said before it began to consume and once it had
// caught up.
type caughtUp struct {
	before, after metrics
	wall          time.Duration
}

// catchUp lets a new daemon catch up with a topic, and writes a CPU profile of
// it if profile names a file.
func (b *bench) catchUp(ctx context.Context, k *broker, topic, profile string) (took caughtUp, err error) {
	folder, err := os.MkdirTemp(b.Folder, daemonFolders)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d, err := b.startDaemon(ctx, setting{broker: k.address, topic: topic, folder: folder, snapshots: snapshotEvery})
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	// Should the first event come before the first look, the start counts too.
	begun := time.Now()
	took.before = metrics{}
	err = d.await(ctx, "the first event", 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		now := d.scrape(ctx)
		if now[consumed] > 0 {
			return true, nil
		}
		if now != nil {
			took.before, begun = now, time.Now()
		}
		return false, nil
	})
	if err != nil {
		return took, err
	}
	if profile != "" {
		const seconds = 3
		if err := d.profile(ctx, seconds, profile); err != nil {
			return took, err
		}
	}
	err = d.await(ctx, "the daemon to catch up", 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		took.after, took.wall = d.scrape(ctx), time.Since(begun)
		return took.after[consumed] >= float64(b.Records), nil
	})
	return took, err
}
