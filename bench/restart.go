package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfastd/holdfast/bench/everyday"
)

// toSeeAll is how many events it takes until each account had an episode: fewer
// than this for each.
const toSeeAll = 4

// measureRestart stops a daemon that has seen many accounts, writes some more
// events, and looks how long the next one takes from its start until it is ready
// and has caught up.
func (b *bench) measureRestart(ctx context.Context, k *broker) (rows table, err error) {
	const topic, linger = "restarted", 5 * time.Millisecond
	b.logger.Info("Filling a topic", "records", toSeeAll*b.Restored)
	p, err := newProducer(ctx, k.address, topic, linger)
	if err != nil {
		return nil, err
	}
	defer p.client.Close()
	traffic := everyday.New(everyday.Options{Accounts: b.Restored, InTurn: true})
	if err := p.fill(ctx, traffic, toSeeAll*b.Restored); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(b.Folder, daemonFolders)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s := setting{broker: k.address, topic: topic, folder: folder}
	d, _, err := b.startCaughtUp(ctx, s)
	if err != nil {
		return nil, err
	}
	var starts, stops []time.Duration
	var memory float64
	for run := range b.Runs {
		begun := time.Now()
		if err := d.stop(); err != nil {
			return nil, err
		}
		stops = append(stops, time.Since(begun))
		const missed = 1000
		if err := p.fill(ctx, traffic, missed); err != nil {
			return nil, err
		}
		var took time.Duration
		if d, took, err = b.startCaughtUp(ctx, s); err != nil {
			return nil, err
		}
		starts, memory = append(starts, took), d.scrape(ctx)[resident]
		b.logger.Info("Ran", "what", "restart", "run", run+1, "start", took, "stop", stops[run])
	}
	if err := d.stop(); err != nil {
		return nil, err
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }
	return table{{
		what:   fmt.Sprintf("restart with %s accounts to caught up, after a clean stop", millions(float64(b.Restored))),
		target: "≤ 2 s", measured: seconds(median(starts)) + " s", met: median(starts) <= 2*time.Second,
		note: fmt.Sprintf("from the process's start to ready, with 1000 more events behind it: %s s; the stop before: %s s; %.0f MB resident",
			list(starts, seconds), list(stops, seconds), memory/(1<<20)),
	}}, nil
}

// startCaughtUp starts a daemon and waits until it is ready and has nothing left
// to consume.
func (b *bench) startCaughtUp(ctx context.Context, s setting) (*daemon, time.Duration, error) {
	begun := time.Now()
	d, err := b.startDaemon(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	err = d.await(ctx, "the daemon to catch up", 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		if !d.ready(ctx) {
			return false, nil
		}
		now := d.scrape(ctx)
		return now[partitions] == 1 && now[consumed] > 0 && now[lag] == 0, nil
	})
	if err != nil {
		return nil, 0, errors.Join(err, d.stop())
	}
	return d, time.Since(begun), nil
}
