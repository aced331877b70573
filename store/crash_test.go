package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

// quick makes orphans of jobs within seconds instead of a quarter of a minute.
func quick(o Options) Options {
	o.jobTimeout, o.rescueAfter, o.tendEvery = 2*time.Second, 3*time.Second, 50*time.Millisecond
	return o
}

// record returns a Work that reports its jobs.
func record(jobs chan<- holdfast.Job) func(context.Context, holdfast.Job) (holdfast.Outcome, error) {
	return func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		jobs <- job
		return holdfast.Outcome{State: holdfast.Done}, nil
	}
}

// leaveAsKilled writes what a process leaves that is killed in the middle of
// its n-th try of every action.
func leaveAsKilled(t *testing.T, s *Store, n int, at time.Time) {
	t.Helper()
	execute(t, s, "UPDATE holdfast_actions SET state = 'started', attempt = $1, started = $2", n, nanos(at))
	execute(t, s, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = created_at")
}

func testCrashedRow(t *testing.T, address string) {
	began := time.Now().Add(-time.Minute).UTC()
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"))
	leaveAsKilled(t, s, 1, began)
	closeStore(t, s)

	jobs := make(chan holdfast.Job, 1)
	s = open(t, address, quick(Options{Work: record(jobs)}))
	if job := receive(t, jobs); job.Attempt != 2 || !job.Ambiguous.Equal(began) {
		t.Errorf("attempt %d, ambiguous %s; want 2 and %s", job.Attempt, job.Ambiguous, began)
	}
	awaitState(t, s, "a", 0, holdfast.Done)
}

func testCrashLoop(t *testing.T, address string) {
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"))
	leaveAsKilled(t, s, 3, time.Now())
	closeStore(t, s)

	// The process died in what should have been the last try, and does again.
	jobs := make(chan holdfast.Job, 1)
	s = open(t, address, quick(Options{MaxAttempts: 2, Work: record(jobs)}))
	if job := receive(t, jobs); job.Attempt != 4 || !job.Final {
		t.Errorf("attempt %d, final %t; want a final fourth", job.Attempt, job.Final)
	}
	awaitState(t, s, "a", 0, holdfast.Done)
	closeStore(t, s)

	s = open(t, address, Options{})
	execute(t, s, "UPDATE river_job SET finalized_at = NULL, state = 'running'")
	leaveAsKilled(t, s, 4, time.Now())
	closeStore(t, s)
	s = open(t, address, quick(Options{MaxAttempts: 2, Work: record(jobs)}))
	if action := awaitState(t, s, "a", 0, holdfast.Failed); action.Reason != ReasonRetriesExhausted {
		t.Errorf("failed for %q, want %q", action.Reason, ReasonRetriesExhausted)
	}
}

const victimEnv = "HOLDFAST_STORE_VICTIM"

// victim is the process that testKilled kills: it says when it has begun to
// work, and never ends.
func victim(address string) {
	ctx := context.Background()
	s, err := Open(ctx, Options{URL: address, Plan: noticePlan, Work: func(context.Context, holdfast.Job) (holdfast.Outcome, error) {
		fmt.Println("working")
		select {}
	}})
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

func testKilled(t *testing.T, address string) {
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"))
	closeStore(t, s)

	process := exec.Command(os.Args[0], "-test.run=^$")
	process.Env = append(os.Environ(), victimEnv+"="+address)
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, process.Process.Kill()); err != nil || line != "working\n" {
		t.Fatalf("the process said %q, %v", line, err)
	}
	_ = process.Wait() // killed

	jobs := make(chan holdfast.Job, 1)
	s = open(t, address, quick(Options{Work: record(jobs)}))
	if job := receive(t, jobs); job.Attempt != 2 || job.Ambiguous.IsZero() {
		t.Errorf("attempt %d, ambiguous %s; want an ambiguous second try", job.Attempt, job.Ambiguous)
	}
	awaitState(t, s, "a", 0, holdfast.Done)
}

func testInterrupted(t *testing.T, address string) {
	working := make(chan struct{})
	s := open(t, address, Options{
		MaxAttempts: 1,
		Work: func(ctx context.Context, _ holdfast.Job) (holdfast.Outcome, error) {
			close(working)
			<-ctx.Done()
			return holdfast.Outcome{}, ctx.Err()
		},
	})
	write(t, s, fresh(t, "a"))
	receive(t, working)
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(expired); err != nil {
		t.Error(err)
	}

	// It was the only try, but it is not held against the action.
	jobs := make(chan holdfast.Job, 1)
	s = open(t, address, Options{MaxAttempts: 1, Work: record(jobs)})
	if job := receive(t, jobs); job.Attempt != 2 || job.Ambiguous.IsZero() {
		t.Errorf("attempt %d, ambiguous %s; want an ambiguous second try", job.Attempt, job.Ambiguous)
	}
	awaitState(t, s, "a", 0, holdfast.Done)
}

func testSuperseded(t *testing.T, address string) {
	working, release := make(chan struct{}), make(chan struct{})
	s := open(t, address, Options{Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		close(working) // once only, or it panics
		<-release
		return holdfast.Outcome{State: holdfast.Failed, Reason: "by the slow one", Then: noticePlan(job.Alert)}, nil
	}})
	write(t, s, fresh(t, "a"))
	receive(t, working)
	// The try is held for dead; another begins and ends.
	execute(t, s, "UPDATE holdfast_actions SET attempt = 2, state = 'done', reason = 'by the other'")
	close(release)
	closeStore(t, s)

	s = open(t, address, Options{})
	a, err := s.Alert(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Actions) != 1 || a.Actions[0].Reason != "by the other" {
		t.Errorf("actions are %+v, want the other try's outcome alone", a.Actions)
	}
	if n := count(t, s, "river_job WHERE state = 'scheduled'"); n != 1 {
		t.Errorf("%d jobs wait to see how the other try ended, want 1", n)
	}
}
