package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfastd/holdfast"
)

func testClaim(t *testing.T, address string) {
	s := open(t, address, Options{})
	first := claim(t, s, 3)
	if diff := cmp.Diff(Claim{Topic: "events", Partition: 3, Generation: 1, Snapshot: -1, Written: -1}, first); diff != "" {
		t.Errorf("the first claim of a partition (-want +got):\n%s", diff)
	}
	other, topic := claim(t, s, 4), first
	second := claim(t, s, 3)
	if second.Generation <= first.Generation {
		t.Errorf("generation %d after %d", second.Generation, first.Generation)
	}
	for name, try := range everyWrite(t, s) {
		if err := try(first); !errors.Is(err, ErrFenced) || !strings.Contains(err.Error(), "partition 3 of events") {
			t.Errorf("%s with a claim that is outdated: %v", name, err)
		}
	}
	if n := testutil.ToFloat64(s.metrics.fenced); n != 4 {
		t.Errorf("%v transactions count as fenced, want 4", n)
	}
	if n := testutil.ToFloat64(s.metrics.up); n != 1 {
		t.Error("a store that fences counts as down")
	}
	if n := count(t, s, "holdfast_alerts") + count(t, s, "holdfast_journal") + count(t, s, "river_job"); n != 0 {
		t.Errorf("%d rows were written with it", n)
	}
	topic.Topic = "others"
	if _, err := s.Write(t.Context(), Batch{Claim: topic, Next: 1}); !errors.Is(err, ErrFenced) {
		t.Errorf("a claim of one topic used for another: %v", err)
	}
	for _, c := range []Claim{second, other} {
		for name, try := range everyWrite(t, s) {
			if name == "StartOver" { // or the rest would be fenced
				continue
			}
			if err := try(c); err != nil {
				t.Errorf("%s with a claim that holds: %v", name, err)
			}
		}
	}
}

// everyWrite is what only the owner of a partition may do.
func everyWrite(t *testing.T, s *Store) map[string]func(Claim) error {
	return map[string]func(Claim) error{
		"Write": func(c Claim) error {
			_, err := s.Write(t.Context(), Batch{Claim: c, Next: 5, Alerts: []holdfast.Alert{fresh(t, fmt.Sprint("of ", c.Partition))}})
			return err
		},
		"AppendJournal": func(c Claim) error {
			_, err := s.AppendJournal(t.Context(), c, Entry{After: 6, Kind: IdleWatermark, Watermark: 1})
			return err
		},
		"MakeCurrent": func(c Claim) error { return s.MakeCurrent(t.Context(), c, 5) },
		"StartOver": func(c Claim) error {
			_, err := s.StartOver(t.Context(), c)
			return err
		},
	}
}

func testClaimsAtOnce(t *testing.T, address string) {
	const size = 12
	stores := []*Store{open(t, address, Options{}), open(t, address, Options{})}
	claims := make([]Claim, size)
	var wg sync.WaitGroup
	for i := range claims {
		wg.Go(func() {
			var err error
			if claims[i], err = stores[i%2].Claim(t.Context(), "events", 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(claims, func(a, b Claim) int { return int(a.Generation - b.Generation) })
	for i, c := range claims {
		if c.Generation != int64(i+1) {
			t.Fatalf("generations are %v, want 1 to %d, each once", claims, size)
		}
		_, err := stores[i%2].Write(t.Context(), Batch{Claim: c, Next: int64(100 + i)})
		if holds := i == size-1; holds != (err == nil) || !holds && !errors.Is(err, ErrFenced) {
			t.Errorf("generation %d of %d writes: %v", c.Generation, size, err)
		}
	}
	if c := claim(t, stores[0], 0); c.Written != 100+size-1 {
		t.Errorf("written up to %d, which was not the highest generation", c.Written)
	}
}

func testClaimAfterRestart(t *testing.T, address string) {
	s := open(t, address, Options{})
	before := claim(t, s, 0)
	if _, err := s.Write(t.Context(), Batch{Claim: before, Next: 900}); err != nil {
		t.Fatal(err)
	}
	if err := s.MakeCurrent(t.Context(), before, 700); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)

	s = open(t, address, Options{})
	want := Claim{Topic: "events", Generation: before.Generation + 1, Snapshot: 700, Written: 900}
	if diff := cmp.Diff(want, claim(t, s, 0)); diff != "" {
		t.Errorf("the claim of the next process (-want +got):\n%s", diff)
	}
	if _, err := s.Write(t.Context(), Batch{Claim: before, Next: 901}); !errors.Is(err, ErrFenced) {
		t.Errorf("the process before writes: %v", err)
	}
}

// testFencingRace has many owners that take a partition from each other and
// write until they notice. Each alert and verdict names the generation it is of,
// so what is stored tells whether one landed after a later claim had returned.
func testFencingRace(t *testing.T, address string) {
	const owners, claims, tries = 6, 5, 6
	stores := []*Store{open(t, address, Options{}), open(t, address, Options{})}
	var (
		mu      sync.Mutex
		seen    = map[int64][2]int{} // by generation: older alerts and verdicts as its claim returned
		outcome = map[string]error{} // of each write, by the alert's id or the verdict
		current int64
		fenced  []Claim
		wg      sync.WaitGroup
	)
	older := func(s *Store, g int64) [2]int {
		return [2]int{
			count(t, s, fmt.Sprintf("holdfast_alerts WHERE id < 'g%06d'", g)),
			count(t, s, fmt.Sprintf("holdfast_journal WHERE generation < %d", g)),
		}
	}
	own := func(s *Store, c Claim) {
		counts := older(s, c.Generation)
		mu.Lock()
		defer mu.Unlock()
		if _, twice := seen[c.Generation]; twice {
			t.Errorf("two claims have the generation %d", c.Generation)
		}
		seen[c.Generation] = counts
		for n := range tries {
			id := fmt.Sprintf("g%06d-%d", c.Generation, n)
			verdict := fmt.Sprintf(`{"id":%q,"time":"2026-11-24T08:34:00Z","account":"ana"}`, id)
			mu.Unlock()
			_, wrote := s.Write(t.Context(), Batch{Claim: c, Alerts: []holdfast.Alert{fresh(t, id)}})
			_, journaled := s.AppendJournal(t.Context(), c, Entry{After: c.Generation, Kind: VerdictGiven, Verdict: json.RawMessage(verdict)})
			made := s.MakeCurrent(t.Context(), c, c.Generation)
			mu.Lock()
			outcome[id], outcome[verdict] = wrote, journaled
			if made == nil {
				current = max(current, c.Generation)
			}
			for _, err := range []error{wrote, journaled, made} {
				if err != nil && !errors.Is(err, ErrFenced) {
					t.Error(err)
				}
			}
			if made != nil {
				fenced = append(fenced, c)
				return
			}
		}
	}
	for i := range owners {
		wg.Go(func() {
			for range claims {
				c, err := stores[i%2].Claim(t.Context(), "events", 0)
				if err != nil {
					t.Error(err)
					return
				}
				own(stores[i%2], c)
			}
		})
	}
	wg.Wait()

	s := stores[0]
	for _, c := range fenced {
		if _, err := s.Write(t.Context(), Batch{Claim: c, Next: 1 << 40}); !errors.Is(err, ErrFenced) {
			t.Errorf("generation %d writes again: %v", c.Generation, err)
		}
	}
	for g, then := range seen {
		if now := older(s, g); now != then {
			t.Errorf("alerts and verdicts of generations before %d: %v as it was claimed, %v in the end", g, then, now)
		}
	}
	entries, err := s.Journal(t.Context(), "events", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	for _, e := range entries {
		stored[string(e.Verdict)] = true
	}
	for name, err := range outcome {
		is := stored[name]
		if strings.HasPrefix(name, "g") {
			is = count(t, s, "holdfast_alerts WHERE id = '"+name+"'") == 1
		}
		if is != (err == nil) {
			t.Errorf("%s: stored is %t, and its writer was told: %v", name, is, err)
		}
	}
	if c := claim(t, s, 0); c.Snapshot != current || c.Written != current {
		t.Errorf("the snapshot at %d is current and %d is written, want %d for both", c.Snapshot, c.Written, current)
	}
	t.Logf("%d of %d claims were fenced off while they wrote", len(fenced), owners*claims)
}

func testClaimWaits(t *testing.T, address string) {
	owner, next := open(t, address, Options{}), open(t, address, Options{})
	c := claim(t, owner, 0)
	begun, release, written := make(chan int, 1), make(chan struct{}), make(chan error, 1)
	finish := sync.OnceFunc(func() { close(release) })
	t.Cleanup(finish)
	go func() {
		written <- owner.transact(t.Context(), func(ctx context.Context, tx transaction) error {
			if _, err := c.hold(ctx, tx, 42); err != nil {
				return err
			}
			process := 0
			if isPostgres(address) {
				if err := tx.query(ctx, func(scan scan) error { return scan(&process) }, "SELECT pg_backend_pid()"); err != nil {
					return err
				}
			}
			begun <- process
			<-release
			_, err := tx.exec(ctx, "INSERT INTO holdfast_rule_sets (hash, stored, content) VALUES ('late', 0, '')")
			return err
		})
	}()
	process := receive(t, begun)
	claimed := make(chan Claim, 1)
	go func() {
		c, err := next.Claim(context.WithoutCancel(t.Context()), "events", 0)
		if err != nil {
			t.Error(err)
		}
		claimed <- c
	}()
	if isPostgres(address) { // SQLite doesn't tell who waits
		awaitRow(t, owner, fmt.Sprintf("pg_stat_activity WHERE %d = ANY(pg_blocking_pids(pid))", process))
	}
	select {
	case <-claimed:
		t.Error("the claim didn't wait")
	default:
	}
	finish()
	if c := receive(t, claimed); c.Written != 42 || count(t, next, "holdfast_rule_sets") != 1 {
		t.Errorf("the claim %+v returned before what was in flight was stored", c)
	}
	if err := receive(t, written); err != nil {
		t.Error(err)
	}
}

func isPostgres(address string) bool { return strings.HasPrefix(address, "postgres") }

// awaitRow waits until there is a row, of what only the server knows.
func awaitRow(t *testing.T, s *Store, from string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); count(t, s, from) == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", from)
		}
	}
}

func testNoClaim(t *testing.T, address string) {
	s := open(t, address, Options{})
	held := claim(t, s, 0)
	ahead := held
	ahead.Generation++
	for name, c := range map[string]Claim{
		"none":                   {},
		"a partition of nobody":  {Topic: "events", Partition: 9, Generation: 1},
		"a generation not given": ahead,
	} {
		for what, try := range everyWrite(t, s) {
			if err := try(c); !errors.Is(err, ErrFenced) {
				t.Errorf("%s with %s: %v", what, name, err)
			}
		}
	}
	for _, topic := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 250)} {
		if _, err := s.Claim(t.Context(), topic, 0); !errors.Is(err, ErrRefused) {
			t.Errorf("the topic %.20q is claimed: %v", topic, err)
		}
	}
	if _, err := s.Claim(t.Context(), "events", -1); !errors.Is(err, ErrRefused) {
		t.Errorf("partition -1 is claimed: %v", err)
	}
}

func testWritten(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	for _, step := range []struct{ next, want int64 }{{0, 0}, {10, 10}, {7, 10}, {-5, 10}, {1 << 60, 1 << 60}, {11, 1 << 60}} {
		if _, err := s.Write(t.Context(), Batch{Claim: c, Next: step.next}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, fmt.Sprintf("holdfast_partition_owner WHERE written = %d", step.want)); n != 1 {
			t.Errorf("after a batch up to %d it is not written up to %d", step.next, step.want)
		}
	}
}

func testMakeCurrent(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	if _, err := s.Write(t.Context(), Batch{Claim: c, Next: 50}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		next              int64
		refused           bool
		snapshot, written int64
	}{
		{-1, true, -1, 50},
		{0, false, 0, 50},
		{40, false, 40, 50},
		{40, false, 40, 50}, // tried again
		{39, true, 40, 50},
		{60, false, 60, 60}, // records from which nothing followed
		{55, true, 60, 60},
	} {
		err := s.MakeCurrent(t.Context(), c, step.next)
		if errors.Is(err, ErrRefused) != step.refused || (err != nil) != step.refused {
			t.Errorf("a snapshot at %d: %v, want refused %t", step.next, err, step.refused)
		}
		if n := count(t, s, fmt.Sprintf("holdfast_partition_owner WHERE snapshot = %d AND written = %d", step.snapshot, step.written)); n != 1 {
			t.Errorf("after a snapshot at %d the current one is not %d, or it is not written up to %d", step.next, step.snapshot, step.written)
		}
	}
}

func testStartOver(t *testing.T, address string) {
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"))
	neighbor, before := claim(t, s, 1), claim(t, s, 0)
	for _, c := range []Claim{neighbor, before} {
		if err := s.MakeCurrent(t.Context(), c, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AppendJournal(t.Context(), c, Entry{After: 120, Kind: IdleWatermark, Watermark: 1}); err != nil {
			t.Fatal(err)
		}
	}
	over, err := s.StartOver(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Claim{Topic: "events", Generation: before.Generation + 1, Snapshot: -1, Written: -1}, over); diff != "" {
		t.Errorf("the claim to start over with (-want +got):\n%s", diff)
	}
	if _, err := s.StartOver(t.Context(), before); !errors.Is(err, ErrFenced) {
		t.Errorf("starting over with the claim before: %v", err)
	}
	early := Entry{After: -1, Kind: IdleWatermark, Watermark: 2}
	if _, err := s.AppendJournal(t.Context(), over, early); err != nil {
		t.Errorf("the new log's first entry: %v", err)
	}
	wantJournal(t, s, "events", 0, -1, []Entry{early})
	wantJournal(t, s, "events", 1, -1, []Entry{{After: 120, Kind: IdleWatermark, Watermark: 1}})
	if n := count(t, s, "holdfast_alerts"); n != 1 {
		t.Errorf("%d alerts are left of 1", n)
	}
	want := over
	want.Generation++
	if diff := cmp.Diff(want, claim(t, s, 0)); diff != "" {
		t.Errorf("the claim after that (-want +got):\n%s", diff)
	}
}
