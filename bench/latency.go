package main

import (
	"context"
	"database/sql" //nolint:depguard // looks into the store from outside, as no part of the product does
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" //nolint:depguard // the database/sql driver

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
)

// The load under which latency is measured.
const (
	perSecond = 10_000
	// moreAttacks makes for enough alerts to have a 99th percentile, and for
	// more transactions than a service has in its worst hour.
	moreAttacks = 0.005
	warmUp      = 10 * time.Second // Kafka's compiler is not done at first
	settling    = 2 * time.Second  // for the last alerts to become durable
)

// measureLatency produces events at a steady rate. An event's time is the wall
// clock when it is handed to the producer. An alert is durable when another
// process sees it in the store: SQLite shows a transaction to others only once it
// is synced. A look every millisecond sees it, so the figures are that much too
// long at most; they include the millisecond for which the producer waits for
// more events to send together.
func (b *bench) measureLatency(ctx context.Context, k *broker) (rows table, err error) {
	b.logger.Info("Producing at a steady rate", "events_per_second", perSecond)
	const topic, linger = "steady", time.Millisecond
	p, err := newProducer(ctx, k.address, topic, linger)
	if err != nil {
		return nil, err
	}
	defer p.client.Close()
	folder, err := os.MkdirTemp(b.Folder, daemonFolders)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d, err := b.startDaemon(ctx, setting{broker: k.address, topic: topic, folder: folder})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.await(ctx, "the daemon to be ready", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		return d.ready(ctx), nil
	}); err != nil {
		return nil, err
	}
	w, err := watchStore(d.store())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()

	window := time.Duration(b.Seconds) * time.Second
	whole := warmUp + time.Duration(b.Runs)*window
	watching, stop := context.WithTimeout(ctx, whole+settling)
	defer stop()
	watched := make(chan error, 1)
	go func() { watched <- w.watch(watching) }()

	before := d.scrape(ctx)
	traffic := everyday.New(everyday.Options{Accounts: b.Accounts, Attacks: moreAttacks})
	begun := time.Now()
	p.acknowledged = make([]time.Duration, 0, int(whole.Seconds()+1)*perSecond)
	sent, err := p.steadily(ctx, traffic, whole)
	after := d.scrape(ctx)
	if err != nil {
		stop()
		return nil, errors.Join(err, <-watched)
	}
	if err := <-watched; err != nil {
		return nil, err
	}
	if end := d.scrape(ctx); end[lag] > 0 || int(end[alerts]) != len(w.seen) {
		return nil, fmt.Errorf("the daemon does not keep up: %.0f records behind, %.0f alerts of which %d were seen", end[lag], end[alerts], len(w.seen))
	}

	first := begun.Add(warmUp)
	var p50, p99, worst []time.Duration
	samples := make([][]time.Duration, b.Runs)
	for _, a := range w.seen {
		if i := int(a.produced.Sub(first) / window); a.produced.After(first) && i < b.Runs {
			samples[i] = append(samples[i], a.durable.Sub(a.produced))
		}
	}
	total := 0
	for _, s := range samples {
		if len(s) < 100 {
			return nil, fmt.Errorf("a window has %d alerts, too few for a 99th percentile", len(s))
		}
		total += len(s)
		p50, p99, worst = append(p50, quantile(s, 0.5)), append(p99, quantile(s, 0.99)), append(worst, quantile(s, 1))
	}
	acknowledged := quantile(p.acknowledged, 0.99)
	return table{{
		what:   "produced to alert durable at 10,000 events/s, p99",
		target: "≤ 10 ms", measured: milliseconds(median(p99)) + " ms", met: median(p99) <= 10*time.Millisecond,
		note: fmt.Sprintf("%d windows of %v, %.0f events/s, %d alerts; p99 %s ms; p50 %s ms; longest %s ms; the broker alone acknowledges 99%% of the events in %s ms; the daemon takes %.2f of a core",
			b.Runs, window, float64(sent)/whole.Seconds(), total, list(p99, milliseconds), list(p50, milliseconds), list(worst, milliseconds), milliseconds(acknowledged),
			(after[cpuSeconds]-before[cpuSeconds])/whole.Seconds()),
	}}, nil
}

// steadily produces at perSecond for a while, each event with the time at which
// it is produced.
func (p *producer) steadily(ctx context.Context, traffic *everyday.Traffic, while time.Duration) (int, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var e holdfast.Event
	sent := 0
	for begun := time.Now(); ; {
		passed := time.Since(begun)
		if passed >= while {
			return sent, p.flush(ctx)
		}
		for due := int(passed.Seconds() * perSecond); sent < due; sent++ {
			traffic.Next(&e)
			e.Time = holdfast.Instant(time.Now().UnixNano())
			p.send(ctx, &e)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return sent, ctx.Err()
		}
	}
}

// storeWatch sees alerts appear in a daemon's store.
type storeWatch struct {
	db   *sql.DB
	last int64
	seen []seenAlert
}

type seenAlert struct{ produced, durable time.Time }

func watchStore(path string) (*storeWatch, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=query_only(1)&_pragma=busy_timeout(1000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &storeWatch{db: db}, nil
}

func (w *storeWatch) close() error { return w.db.Close() }

// watch looks until ctx ends.
func (w *storeWatch) watch(ctx context.Context) error {
	look, err := w.db.PrepareContext(ctx, "SELECT rowid, time FROM holdfast_alerts WHERE rowid > ? ORDER BY rowid")
	if err != nil {
		return fmt.Errorf("watching the store: %w", err)
	}
	defer func() { _ = look.Close() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if err := w.look(ctx, look); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("watching the store: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *storeWatch) look(ctx context.Context, statement *sql.Stmt) (err error) {
	rows, err := statement.QueryContext(ctx, w.last)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	durable := time.Now()
	for rows.Next() {
		var produced int64
		if err := rows.Scan(&w.last, &produced); err != nil {
			return err
		}
		w.seen = append(w.seen, seenAlert{time.Unix(0, produced), durable})
	}
	return rows.Err()
}
