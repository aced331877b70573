package pipeline_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
)

// reluctant is a store that makes no snapshot current for as long as it is told.
type reluctant struct {
	*memory
	refuses atomic.Bool
}

func (r *reluctant) MakeCurrent(ctx context.Context, c store.Claim, next int64) error {
	if r.refuses.Load() {
		return errors.New("connection refused")
	}
	return r.memory.MakeCurrent(ctx, c, next)
}

func TestNoMoreThanOneSnapshotIsThereThatDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		kept := &reluctant{memory: w.memory}
		kept.refuses.Store(true)
		w.store = kept
		r := w.start(ruleSet(t, livelyRules[0]), nil)
		for range 10 {
			w.happens(time.Second, `"type":"x.quiet","account":"ana"`)
			r.readsAll(1)
			w.passes(interval)
			r.idles()
			<-time.After(interval) // of the bubble's clock: the writer has tried again
		}
		if files := w.files(); len(files) != 1 || r.processor.Committable() >= 0 {
			t.Errorf("there are %v, and %d may be committed", files, r.processor.Committable())
		}
		if n := strings.Count(w.logged(), "could not be kept"); n != 1 || r.metric("holdfast_snapshot_failures_total") != 1 {
			t.Errorf("it is said %d times and counted %v times, want once", n, r.metric("holdfast_snapshot_failures_total"))
		}
		if n := r.metric("holdfast_partitions_blocked"); n != 0 {
			t.Errorf("%v partitions are blocked: this one goes on", n)
		}
		kept.refuses.Store(false)
		<-time.After(interval)
		if at := r.processor.Committable(); at != 1 {
			t.Errorf("%d may be committed, want what was written first", at)
		}
		r.snapshots()
		if !strings.Contains(w.logged(), "Snapshots are kept again") {
			t.Error("nothing is said of its end")
		}
		r.stops()
		w.judge()
	})
}

// unsure is a directory that can't say of any snapshot that it is durable.
type unsure struct{ *snapshot.Dir }

func (u unsure) Write(ctx context.Context, name snapshot.Name, write func(io.Writer) error) error {
	return errors.Join(u.Dir.Write(ctx, name, write), syscall.EIO)
}

func TestASnapshotThatMayNotBeDurableIsNotLeft(t *testing.T) {
	w := newWorld(t)
	w.snapshots = unsure{w.dir}
	r := w.start(ruleSet(t, anyRule), nil)
	for i := range 3 {
		w.requests(1)
		r.readsAll(1)
		w.passes(interval)
		eventually(t, "the failure to be counted", func() bool {
			r.idles() // which the one before may still hold up
			return r.metric("holdfast_snapshot_failures_total") == float64(i+1)
		})
	}
	r.stops()
	if files := w.files(); len(files) > 0 || r.processor.Committable() >= 0 {
		t.Errorf("there are %v, and %d may be committed", files, r.processor.Committable())
	}
}

// stalled is a directory on a disk that stalls: whatever the context says, what
// is written is not synced until the disk goes on.
type stalled struct {
	*snapshot.Dir
	goesOn chan struct{}
}

func (s stalled) Write(ctx context.Context, name snapshot.Name, write func(io.Writer) error) error {
	err := s.Dir.Write(ctx, name, write)
	<-s.goesOn
	return err
}

func TestAStalledDiskDoesNotHoldUpTheHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		disk := stalled{w.dir, make(chan struct{})}
		w.snapshots = disk
		r := w.start(ruleSet(t, anyRule), nil)
		w.happens(time.Second, `"type":"x.quiet","account":"ana"`)
		r.readsAll(1)

		const within = 100 * time.Millisecond
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		r.processor.Close(ctx)
		if took := time.Since(begun); took != within {
			t.Errorf("to close took %v, want %v", took, within)
		}
		if !strings.Contains(w.logged(), "was not finished in time") {
			t.Error("nothing is said of the last snapshot")
		}

		exit, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		if err := r.pipeline.Close(exit); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at the exit, while the disk still stalls: %v", err)
		}
		close(disk.goesOn)
		r.ends()
		if w.memory.claim.Snapshot != -1 || r.processor.Committable() >= 0 {
			t.Errorf("what was too late counts: the snapshot at %d is current", w.memory.claim.Snapshot)
		}
		if r.metric("holdfast_snapshot_bytes") != 0 || r.metric("holdfast_snapshot_timestamp_seconds") != 0 {
			t.Error("there are series of a partition that was given up")
		}
		r.die()
	})
}

// TestARestoredSnapshotIsAsOldAsItIs keeps a daemon from looking well that starts
// again and again and keeps nothing.
func TestARestoredSnapshotIsAsOldAsItIs(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, anyRule)
	r := w.start(set, nil)
	w.requests(1)
	r.readsAll(1)
	r.stops()
	written := began.Add(-3 * time.Hour)
	if err := os.Chtimes(w.paths()[0], written, written); err != nil {
		t.Fatal(err)
	}
	again := w.start(set, nil)
	if at := again.metric("holdfast_snapshot_timestamp_seconds"); at != float64(written.Unix()) {
		t.Errorf("the snapshot is shown to be as of %v, want %v", at, written.Unix())
	}
	again.crashes()
}
