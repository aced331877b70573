package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// measureSnapshots takes snapshots of an engine that goes on working.
func (b *bench) measureSnapshots(ctx context.Context) (table, error) {
	file, err := os.CreateTemp(b.Folder, snapshotFiles)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if err := file.Close(); err != nil {
		return nil, err
	}
	u, err := runProcess(ctx, b.self, "snapshots",
		"--accounts", strconv.Itoa(b.Restored), "--runs", strconv.Itoa(b.Runs), file.Name())
	if err != nil {
		return nil, err
	}
	var stops []disturbance
	if err := json.Unmarshal([]byte(u.output), &stops); err != nil {
		return nil, fmt.Errorf("reading how long the engine stopped: %w", err)
	}
	longest := each(stops, func(s disturbance) time.Duration { return max(s.Cut, s.Longest) })
	ms := func(of func(disturbance) time.Duration) string {
		return list(stops, func(s disturbance) string { return milliseconds(of(s)) })
	}
	return table{{
		what:     fmt.Sprintf("longest stop while a snapshot of %s accounts is taken", millions(float64(b.Restored))),
		target:   "≤ 10 ms",
		measured: milliseconds(median(longest)) + " ms", met: median(longest) <= 10*time.Millisecond,
		note: fmt.Sprintf("the cut %s ms; the longest event while it is written %s ms, without one %s ms; %d MB, written in %s ms",
			ms(func(s disturbance) time.Duration { return s.Cut }), ms(func(s disturbance) time.Duration { return s.Longest }),
			ms(func(s disturbance) time.Duration { return s.Undisturbed }), stops[0].Bytes>>20, ms(func(s disturbance) time.Duration { return s.Written })),
	}}, nil
}

type snapshotsCommand struct {
	Accounts int    `required:"" help:"Accounts that the engine has seen."`
	Runs     int    `required:"" help:"How many snapshots are taken."`
	File     string `arg:"" help:"Where they are written, one over the other."`
}

// disturbance is how long one snapshot held up the engine.
type disturbance struct {
	Cut         time.Duration // Engine.Snapshot, which also ends the one before
	Longest     time.Duration // the longest Engine.Process until the snapshot is written
	Undisturbed time.Duration // the longest before, in about as many events
	Written     time.Duration
	Bytes       int64
}

// Run carries out the command.
func (c *snapshotsCommand) Run(ctx context.Context) error {
	set, err := rules.Compile([]rules.Source{{Name: "ten.yaml", Content: tenRules}}, rules.Options{})
	if err != nil {
		return err
	}
	engine, err := detector.New(detector.Options{Rules: set, MaxGroups: 4 * c.Accounts})
	if err != nil {
		return err
	}
	w := working{engine: engine, traffic: everyday.New(everyday.Options{Accounts: c.Accounts, InTurn: true})}
	for range toSeeAll * c.Accounts {
		if w.next(); w.offset%100_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	stops := make([]disturbance, 0, c.Runs)
	undisturbed := 500_000
	for range c.Runs {
		var s disturbance
		for range undisturbed {
			s.Undisturbed = max(s.Undisturbed, w.next())
		}
		if undisturbed, err = w.snapshot(&s, c.File); err != nil {
			return err
		}
		undisturbed = max(undisturbed, 100_000)
		stops = append(stops, s)
	}
	return json.NewEncoder(os.Stdout).Encode(stops)
}

// working is an engine on which events go on coming in.
type working struct {
	engine  *detector.Engine
	traffic *everyday.Traffic
	event   holdfast.Event
	out     detector.Output
	offset  int64
}

// next processes the next event and returns how long that took.
func (w *working) next() time.Duration {
	w.traffic.Next(&w.event)
	w.out.Reset()
	begun := time.Now()
	w.engine.Process(detector.Input{Event: &w.event, Offset: w.offset}, &w.out)
	took := time.Since(begun)
	w.offset++
	return took
}

// snapshot writes a snapshot beside the work and returns how many events that
// met.
func (w *working) snapshot(s *disturbance, name string) (events int, err error) {
	begun := time.Now()
	snapshot := w.engine.Snapshot(detector.Mark{Next: w.offset, Last: w.offset - 1})
	s.Cut = time.Since(begun)
	if snapshot == nil {
		return 0, errors.New("there is a snapshot already")
	}
	defer snapshot.Release()
	done := make(chan error, 1)
	go func() { done <- writeSnapshot(snapshot, s, name) }()
	for {
		select {
		case err := <-done:
			s.Written = time.Since(begun)
			return events, err
		default:
			s.Longest = max(s.Longest, w.next())
			events++
		}
	}
}

func writeSnapshot(snapshot *detector.Snapshot, s *disturbance, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	if err = snapshot.Write(out); err == nil {
		err = errors.Join(out.Flush(), file.Sync())
	}
	if stat, e := file.Stat(); e == nil {
		s.Bytes = stat.Size()
	}
	return errors.Join(err, file.Close())
}
