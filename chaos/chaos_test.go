//go:build integration

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfastd/holdfast/store"
)

// TestFaults is the run. Without anything set it is a short one: each kind of
// fault once.
//
//	HOLDFAST_CHAOS_FAULTS   how many faults, at least 1
//	HOLDFAST_CHAOS_SEED     what the schedule and the load follow from; a failed
//	                        run names its own
//	HOLDFAST_CHAOS_ONLY     a text that the kinds of fault contain, to look into
//	                        one
func TestFaults(t *testing.T) {
	ctx, cancel := inTime(t)
	defer cancel()
	seed := number(t, "HOLDFAST_CHAOS_SEED", rand.Uint64N(1_000_000))
	t.Logf("HOLDFAST_CHAOS_SEED=%d", seed)
	of := kindsOf(os.Getenv("HOLDFAST_CHAOS_ONLY"))
	if len(of) == 0 {
		t.Fatal("no fault is of the kind that HOLDFAST_CHAOS_ONLY asks for")
	}
	n, err := faultCount(os.Getenv("HOLDFAST_CHAOS_FAULTS"), len(of))
	if err != nil {
		t.Fatal(err)
	}
	faults := schedule(seed, n, of)
	r := newRun(t, seed)

	loading, endLoad := context.WithCancel(ctx)
	defer endLoad()
	loaded := make(chan error, 1)
	go func() { loaded <- r.feed(loading) }()
	err = r.through(ctx, t, faults)
	endLoad()
	if fed := <-loaded; err == nil {
		err = fed
	}
	if err != nil {
		r.pending.Wait()
		t.Fatal(err)
	}
	if err := r.finish(ctx); err != nil {
		t.Fatal(err)
	}
	o := r.judged(ctx, t, seed)
	if !t.Failed() {
		r.spoil(ctx, t, o)
	}
}

// inTime is a context that ends in time for the test to end its processes.
func inTime(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		return context.WithCancel(t.Context())
	}
	return context.WithDeadline(t.Context(), deadline.Add(-time.Minute))
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// through starts the replicas and lets one fault after the other happen.
func (r *run) through(ctx context.Context, t *testing.T, faults []fault) error {
	t.Helper()
	if err := r.startAll(); err != nil {
		return err
	}
	// Before the first fault there is something to lose: alerts, and a state that
	// the log alone does not give back.
	err := r.until(ctx, "the first alert", func(ctx context.Context) bool {
		n, err := r.count(ctx, "SELECT count(*) FROM holdfast_alerts")
		return err == nil && n > 0
	})
	if err != nil {
		return err
	}
	deleted := func(context.Context) bool { return r.retention.everywhere() }
	if err := r.until(ctx, "two snapshots of each partition, and the records before the older to be deleted", deleted); err != nil {
		return err
	}
	idle, err := r.idle(ctx)
	if err != nil {
		return err
	}
	for i, f := range faults {
		if err := r.pause(ctx, f.after); err != nil {
			return err
		}
		t.Logf("%6.1fs  %d of %d: %s", time.Since(r.load.began).Seconds(), i+1, len(faults), f.kind)
		if err := r.strike(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.kind, err)
		}
	}
	// The last one too strikes under load.
	if err := r.pause(ctx, faults[0].after); err != nil {
		return err
	}
	return r.until(ctx, "a quiet partition's watermark to move", func(ctx context.Context) bool {
		n, err := r.idle(ctx)
		return err == nil && n > idle
	})
}

// idle is how often the clock has moved a quiet partition's watermark.
func (r *run) idle(ctx context.Context) (int, error) {
	return r.count(ctx, "SELECT count(*) FROM holdfast_journal WHERE kind = 'idle_watermark'")
}

// judged holds what is left of the run against an undisturbed replay, and reports.
func (r *run) judged(ctx context.Context, t *testing.T, seed uint64) outcome {
	t.Helper()
	length := time.Since(r.load.began)
	e, err := r.collect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o, err := newJudge(t).replay(e)
	if err != nil {
		t.Fatal(err)
	}
	report := report{
		seed: seed, began: r.load.began, length: length, struck: r.struck, deleted: r.retention.records(),
		evidence: e, outcome: o, findings: o.compare(e), happened: r.happened(e),
	}
	for _, d := range r.replicas {
		report.starts += d.count()
	}
	report.generation, err = r.count(ctx, "SELECT coalesce(sum(generation), 0) FROM holdfast_partition_owner")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("report:\n%v", report)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "report.md"), []byte(report.String()), 0o600); err != nil {
		t.Error(err)
	}
	var struck []kind
	for _, s := range r.struck {
		struck = append(struck, s.kind)
	}
	for _, line := range report.happened.lacks(tally(struck)) {
		t.Errorf("the run does not prove what it should: %s", line)
	}
	if !report.findings.none() {
		t.Errorf("the store differs from an undisturbed replay:\n%v", report.findings)
		if err := e.keep(t.ArtifactDir()); err != nil {
			t.Error(err)
		}
	}
	return o
}

// happened gathers what the daemons were made to do.
func (r *run) happened(e evidence) happened {
	h := happened{deleted: r.retention.everywhere(), damaged: r.damaged, unusable: map[place]bool{}}
	for _, d := range r.replicas {
		d.said.heard(&h)
	}
	for _, journal := range e.journal {
		for _, entry := range journal {
			switch entry.Kind {
			case store.RuleSetActivated:
				h.activated++
			case store.IdleWatermark:
				h.idle++
			}
		}
	}
	return h
}

// spoil changes single rows of the store, which the judge has to see: that it
// finds nothing proves something only if it can find something.
func (r *run) spoil(ctx context.Context, t *testing.T, o outcome) {
	t.Helper()
	const row = "(SELECT id FROM holdfast_alerts WHERE rule = 'burst' AND occurrences > 0 ORDER BY id LIMIT 1)"
	for _, c := range []struct {
		title, statement          string
		missing, extra, different int
	}{
		{"a row less", "DELETE FROM holdfast_alerts WHERE id = " + row, 1, 0, 0},
		{"a row more", `INSERT INTO holdfast_alerts
			SELECT (jsonb_populate_record(a, jsonb_build_object('id', id || '-again',
				'body', jsonb_set(body::jsonb, '{id}', to_jsonb(id || '-again'))::text))).*
			FROM holdfast_alerts a WHERE id = ` + row, 0, 1, 0},
		{"a row altered", `UPDATE holdfast_alerts SET body = jsonb_set(body::jsonb, '{count}', '99')::text WHERE id = ` + row, 0, 0, 1},
		{"an occurrence more", "UPDATE holdfast_alerts SET occurrences = occurrences + 1 WHERE id = " + row, 0, 0, 1},
	} {
		var spoiled evidence
		err := r.inDatabase(ctx, func(db *pgx.Conn) error {
			if _, err := db.Exec(ctx, "CREATE TEMPORARY TABLE kept AS TABLE holdfast_alerts; "+c.statement); err != nil {
				return err
			}
			spoiled = evidence{journal: map[int32][]store.Entry{}, deadLetters: o.deadLetters}
			if err := r.readStore(ctx, &spoiled); err != nil {
				return err
			}
			_, err := db.Exec(ctx, "TRUNCATE holdfast_alerts; INSERT INTO holdfast_alerts TABLE kept")
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", c.title, err)
		}
		f := o.compare(spoiled)
		if len(f.missing) != c.missing || len(f.extra) != c.extra || len(f.different) != c.different {
			t.Errorf("%s: the judge finds\n%v", c.title, f)
		}
	}
}
