package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(victimEnv); address != "" {
		victim(address)
	}
	goleak.VerifyTestMain(m)
}

// behaviors is what every database must do. Each gets one of its own.
var behaviors = []struct {
	name string
	test func(t *testing.T, address string)
}{
	{"an alert is stored once", testStoredOnce},
	{"two writers of the same alerts store each once", testTwoWriters},
	{"a large batch is written in order, part by part", testLargeBatch},
	{"a large batch that is cut short is continued", testLargeBatchCutShort},
	{"a large batch that is fenced in the middle ends there", testLargeBatchFenced},
	{"a batch of nothing is free", testNothing},
	{"a batch that fails leaves nothing behind", testAllOrNothing},
	{"an alert that is old, in test or not planned for is recorded only", testRecordedOnly},
	{"occurrences only move forward", testOccurrences},
	{"what an attacker can put into an account is stored", testHostileText},
	{"an action is carried out and recorded", testDone},
	{"an outcome's follow-ups are carried out", testThen},
	{"an action that fails is tried again", testRetry},
	{"an action that fails is no news for the log", testQuietFailure},
	{"an action that keeps failing is given up", testExhausted},
	{"doubt about a try stays until there is an outcome", testDoubtStays},
	{"a panic is a failure that leaves doubt", testPanic},
	{"an outcome without a state is a failure", testNoOutcome},
	{"a job without its action is let go", testNoAction},
	{"a try that left no trace makes the next one ambiguous", testCrashedRow},
	{"a job that outlives twice its tries in crashes is given up", testCrashLoop},
	{"a killed process's job is taken up again", testKilled},
	{"closing interrupts what doesn't end and leaves it to the next process", testInterrupted},
	{"a try that was overtaken doesn't overwrite the other", testSuperseded},
	{"an action waits for its delay", testDelay},
	{"an action that only matters unseen is dropped when seen", testUnlessSeen},
	{"alerts are read newest first, page by page", testAlerts},
	{"messages are kept once and seen once", testMessages},
	{"delivered notices are counted", testCountDelivered},
	{"watchers are told of changes", testWatch},
	{"a claim outdates the one before", testClaim},
	{"claims at once differ, and the highest holds", testClaimsAtOnce},
	{"a claim outlives the process that was to be told of it", testClaimAfterRestart},
	{"what an older generation writes never lands after a claim", testFencingRace},
	{"a claim waits for the write that is in flight", testClaimWaits},
	{"what is no claim can't be written with", testNoClaim},
	{"Written only moves forward, and with a batch's end", testWritten},
	{"a snapshot that is current never goes back", testMakeCurrent},
	{"starting over forgets the log, not the alerts", testStartOver},
	{"the journal keeps its order and every byte", testJournal},
	{"an append whose end isn't known is tried again", testAppendAgain},
	{"the journal refuses what would change the past", testJournalRefuses},
	{"rule sets are kept for good", testRuleSets},
	{"metrics say what waits and whether the store is up", testMetrics},
	{"processes that start together migrate once", testMigrateTogether},
	{"tables of a newer version are refused", testNewerTables},
	{"tables of version 1 are brought up to date with what is in them", testVersion1},
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	for _, b := range behaviors {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t, sqliteAddress(t))
		})
	}
}

// TestPostgres needs HOLDFAST_POSTGRES: the URL of a database in which it may
// create schemas.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := os.Getenv("HOLDFAST_POSTGRES")
	if server == "" {
		t.Skip("HOLDFAST_POSTGRES is not set")
	}
	for _, b := range behaviors {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.test(t, postgresAddress(t, server))
		})
	}
}

func sqliteAddress(t *testing.T) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "holdfast.db")
}

// postgresAddress makes a schema for one test.
func postgresAddress(t *testing.T, server string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	schema := "holdfast_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = conn.Close(ctx)
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("synchronous_commit", "off")
	q.Set("pool_max_conns", "5") // there are many tests and 100 connections
	u.RawQuery = q.Encode()
	return u.String()
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// open opens a store that is closed with the test. It is started if there is
// Work.
func open(t *testing.T, address string, opts Options) *Store {
	t.Helper()
	opts.URL = address
	if opts.Plan == nil {
		opts.Plan = noticePlan
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(discreet{t}, nil))
	}
	if opts.Retry == nil {
		opts.Retry = func(int) time.Duration { return time.Millisecond }
	}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	if opts.Work != nil {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// discreet is a log in which no account may appear.
type discreet struct{ t *testing.T }

func (d discreet) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(ana)) {
		d.t.Errorf("the log names an account: %s", line)
	}
	return d.t.Output().Write(line)
}

// closeStore may be called twice, so that a test can close before its end.
func closeStore(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.changes.closed {
		return
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// noticePlan follows every alert with one notice.
func noticePlan(holdfast.Alert) []holdfast.Action {
	return []holdfast.Action{{Kind: holdfast.NotifyOwner, Channel: holdfast.InApp, Template: "code_burst"}}
}

func done(context.Context, holdfast.Job) (holdfast.Outcome, error) {
	return holdfast.Outcome{State: holdfast.Done}, nil
}

// ana is the account of most alerts.
const ana = "account-of-ana"

// fresh is a live alert of now.
func fresh(t *testing.T, id string) holdfast.Alert {
	t.Helper()
	now, err := holdfast.InstantOf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return holdfast.Alert{
		ID: id, Rule: "code-burst", Title: "Burst of codes", Version: "v1", Level: holdfast.Medium, Status: holdfast.Stable,
		Time: now, Account: ana, Group: holdfast.Group{{Field: "account", Value: ana}},
		Trigger:  holdfast.Position{Partition: 1, Offset: 7, Time: now},
		Evidence: []holdfast.Evidence{{Position: holdfast.Position{Partition: 1, Offset: 7, Time: now}}},
		Count:    1, First: now, Last: now,
		Sessions: holdfast.Sessions{Suspect: []holdfast.Session{{ID: "s_1", Device: "d_9", Started: now}}},
		Respond:  []holdfast.Response{{Kind: holdfast.NotifyOwner, Template: "code_burst"}},
	}
}

// claim takes a partition of the topic events over.
func claim(t *testing.T, s *Store, partition int32) Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), "events", partition)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write claims a partition and writes alerts of it.
func write(t *testing.T, s *Store, alerts ...holdfast.Alert) Written {
	t.Helper()
	w, err := s.Write(t.Context(), Batch{Claim: claim(t, s, 0), Alerts: alerts})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// await reads an alert whenever something changes until it is as wanted.
func await(t *testing.T, s *Store, id, what string, ok func(StoredAlert) bool) StoredAlert {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	changes := s.Watch(ctx)
	for {
		a, err := s.Alert(ctx, id)
		if err == nil && ok(a) {
			return a
		}
		if _, open := <-changes; !open {
			t.Fatalf("waited in vain for %s: %+v, %v", what, a.Actions, err)
		}
	}
}

// awaitState waits for an action to be in a state.
func awaitState(t *testing.T, s *Store, id string, ordinal int, state holdfast.State) StoredAction {
	t.Helper()
	a := await(t, s, id, fmt.Sprintf("action %d to be %s", ordinal, state), func(a StoredAlert) bool {
		return len(a.Actions) > ordinal && a.Actions[ordinal].State == state
	})
	return a.Actions[ordinal]
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

// execute changes the database behind the store's back.
func execute(t *testing.T, s *Store, query string, args ...any) int64 {
	t.Helper()
	var n int64
	err := s.db.write(t.Context(), func(tx transaction) (err error) {
		n, err = tx.exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func count(t *testing.T, s *Store, from string) int {
	t.Helper()
	n := 0
	err := s.db.query(t.Context(), func(scan scan) error { return scan(&n) }, "SELECT COUNT(*) FROM "+from)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
