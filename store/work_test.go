package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
)

func testDone(t *testing.T, address string) {
	jobs := make(chan holdfast.Job, 2)
	s := open(t, address, Options{Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		jobs <- job
		return holdfast.Outcome{State: holdfast.Done, Reason: "accepted", Reference: "SM1\x00" + "2"}, nil
	}})
	alert := fresh(t, "a")
	write(t, s, alert)

	action := awaitState(t, s, "a", 0, holdfast.Done)
	job := receive(t, jobs)
	stored, err := s.Alert(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	want := holdfast.Job{Alert: alert, Action: noticePlan(alert)[0], Attempt: 1, Stored: stored.Stored}
	if diff := cmp.Diff(want, job); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if action.Reason != "accepted" || action.Reference != "SM1\uFFFD2" || action.Attempt != 1 {
		t.Errorf("the outcome was recorded as %+v", action)
	}
	if action.Started.IsZero() || action.Finished.Before(action.Started) {
		t.Errorf("started at %s, finished at %s", action.Started, action.Finished)
	}

	// A job whose outcome was written, but which River saw die, is not worked again.
	if n := execute(t, s, "UPDATE river_job SET state = 'available', finalized_at = NULL"); n != 1 {
		t.Fatalf("%d jobs, want 1", n)
	}
	write(t, s, fresh(t, "b"))
	awaitState(t, s, "b", 0, holdfast.Done)
	closeStore(t, s)
	if job := receive(t, jobs); job.Alert.ID != "b" || len(jobs) != 0 {
		t.Error("a finished action was carried out again")
	}
}

func testThen(t *testing.T, address string) {
	sms := holdfast.Action{Kind: holdfast.NotifyOwner, Channel: holdfast.SMS, Template: "code_burst"}
	team := holdfast.Action{Kind: holdfast.NotifyTeam, Team: "oncall"}
	s := open(t, address, Options{
		Plan: func(a holdfast.Alert) []holdfast.Action { return append(noticePlan(a), noticePlan(a)...) },
		Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
			if job.Action.Channel == holdfast.InApp {
				return holdfast.Outcome{State: holdfast.Failed, Reason: "no_device", Then: []holdfast.Action{sms, team}}, nil
			}
			return holdfast.Outcome{State: holdfast.Done}, nil
		},
	})
	write(t, s, fresh(t, "a"))

	a := await(t, s, "a", "six actions to end", func(a StoredAlert) bool {
		for _, action := range a.Actions {
			if !ended(action.State) {
				return false
			}
		}
		return len(a.Actions) == 6
	})
	var got []holdfast.Action
	for i, action := range a.Actions {
		if action.Ordinal != i {
			t.Errorf("action %d has the ordinal %d", i, action.Ordinal)
		}
		got = append(got, action.Action)
	}
	inApp := noticePlan(a.Alert)[0]
	if diff := cmp.Diff([]holdfast.Action{inApp, inApp, sms, team, sms, team}, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func testRetry(t *testing.T, address string) {
	jobs := make(chan holdfast.Job, 3)
	s := open(t, address, Options{Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		jobs <- job
		if job.Attempt < 3 {
			return holdfast.Outcome{}, errors.New("connection refused")
		}
		return holdfast.Outcome{State: holdfast.Done}, nil
	}})
	write(t, s, fresh(t, "a"))

	if action := awaitState(t, s, "a", 0, holdfast.Done); action.Attempt != 3 {
		t.Errorf("done at attempt %d, want 3", action.Attempt)
	}
	for attempt := 1; attempt <= 3; attempt++ {
		job := receive(t, jobs)
		if job.Attempt != attempt || job.Final || !job.Ambiguous.IsZero() {
			t.Errorf("try %d: attempt %d, final %t, ambiguous %s; want a plain try", attempt, job.Attempt, job.Final, job.Ambiguous)
		}
	}
}

// An outage fails many tries of many actions. Whoever carries them out tells of
// it once; the store must not tell again with each.
func testQuietFailure(t *testing.T, address string) {
	var log bytes.Buffer
	s := open(t, address, Options{
		MaxAttempts: 3,
		Logger:      slog.New(slog.NewTextHandler(&log, nil)),
		Work: func(context.Context, holdfast.Job) (holdfast.Outcome, error) {
			return holdfast.Outcome{}, errors.New("bad gateway")
		},
	})
	write(t, s, fresh(t, "a"), fresh(t, "b"))
	awaitState(t, s, "a", 0, holdfast.Failed)
	awaitState(t, s, "b", 0, holdfast.Failed)
	closeStore(t, s)
	if strings.Contains(log.String(), "bad gateway") {
		t.Errorf("the log has\n%s", log.String())
	}
}

func testExhausted(t *testing.T, address string) {
	finals := make(chan bool, 4)
	fallback := holdfast.Action{Kind: holdfast.NotifyTeam, Team: "oncall"}
	s := open(t, address, Options{
		MaxAttempts: 2,
		Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
			if job.Action.Kind == holdfast.NotifyTeam {
				return holdfast.Outcome{State: holdfast.Done}, nil
			}
			finals <- job.Final
			return holdfast.Outcome{Then: []holdfast.Action{fallback}}, errors.New("bad gateway")
		},
	})
	write(t, s, fresh(t, "a"))

	awaitState(t, s, "a", 1, holdfast.Done)
	action := awaitState(t, s, "a", 0, holdfast.Failed)
	if action.Reason != ReasonRetriesExhausted || action.Attempt != 2 {
		t.Errorf("given up at attempt %d for %q, want 2 and %q", action.Attempt, action.Reason, ReasonRetriesExhausted)
	}
	if first, second := receive(t, finals), receive(t, finals); first || !second {
		t.Errorf("final was %t, then %t; want it at the second try", first, second)
	}
	if n := count(t, s, "holdfast_actions"); n != 2 {
		t.Errorf("%d actions, want 2: only the final try's follow-up counts", n)
	}
}

// saysAmbiguous is an error that knows.
type saysAmbiguous bool

func (e saysAmbiguous) Error() string   { return "no answer" }
func (e saysAmbiguous) Ambiguous() bool { return bool(e) }

func testDoubtStays(t *testing.T, address string) {
	failures := []error{
		errors.New("connection refused"), // the first try can't have done anything
		saysAmbiguous(false),
		context.DeadlineExceeded,
		errors.New("connection refused"),
		saysAmbiguous(true),
	}
	jobs := make(chan holdfast.Job, len(failures)+1)
	var clock atomic.Int64 // every reading is a second later
	s := open(t, address, Options{
		Now: func() time.Time { return time.Now().Add(time.Duration(clock.Add(1)) * time.Second) },
		Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
			jobs <- job
			if job.Attempt <= len(failures) {
				return holdfast.Outcome{}, failures[job.Attempt-1]
			}
			return holdfast.Outcome{State: holdfast.Done}, nil
		},
	})
	write(t, s, fresh(t, "a"))

	awaitState(t, s, "a", 0, holdfast.Done)
	var since time.Time
	for attempt := 1; attempt <= len(failures)+1; attempt++ {
		job := receive(t, jobs)
		if want := attempt > 3; want == job.Ambiguous.IsZero() {
			t.Errorf("try %d: ambiguous %s, want set: %t", attempt, job.Ambiguous, want)
		}
		if attempt == 4 {
			since = job.Ambiguous
		}
		if attempt > 4 && !job.Ambiguous.Equal(since) {
			t.Errorf("try %d: ambiguous since %s, want the first doubtful try's %s", attempt, job.Ambiguous, since)
		}
	}
}

func testPanic(t *testing.T, address string) {
	jobs := make(chan holdfast.Job, 2)
	s := open(t, address, Options{Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		jobs <- job
		if job.Attempt == 1 {
			panic("a bug")
		}
		return holdfast.Outcome{State: holdfast.Done}, nil
	}})
	write(t, s, fresh(t, "a"))

	awaitState(t, s, "a", 0, holdfast.Done)
	receive(t, jobs)
	if second := receive(t, jobs); second.Ambiguous.IsZero() {
		t.Error("the try after a panic is not ambiguous")
	}
}

func testNoOutcome(t *testing.T, address string) {
	s := open(t, address, Options{Work: func(context.Context, holdfast.Job) (holdfast.Outcome, error) {
		return holdfast.Outcome{}, nil
	}})
	write(t, s, fresh(t, "a"))
	if action := awaitState(t, s, "a", 0, holdfast.Failed); action.Reason != ReasonNoOutcome {
		t.Errorf("failed for %q, want %q", action.Reason, ReasonNoOutcome)
	}
}

func testNoAction(t *testing.T, address string) {
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"), fresh(t, "b"))
	execute(t, s, "DELETE FROM holdfast_actions WHERE alert = 'a'")
	closeStore(t, s)
	s = open(t, address, Options{Work: done})
	awaitState(t, s, "b", 0, holdfast.Done)
	closeStore(t, s)
	s = open(t, address, Options{})
	if n := count(t, s, "river_job WHERE state = 'completed'"); n != 2 {
		t.Errorf("%d jobs are completed, want both", n)
	}
}

func testDelay(t *testing.T, address string) {
	const delay = time.Hour
	worked := make(chan holdfast.Job, 2)
	work := func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		worked <- job
		return holdfast.Outcome{State: holdfast.Done}, nil
	}
	plan := func(a holdfast.Alert) []holdfast.Action {
		later := noticePlan(a)[0]
		later.Channel, later.Delay = holdfast.SMS, delay
		return append(noticePlan(a), later)
	}
	s := open(t, address, Options{Plan: plan, Work: work})
	write(t, s, fresh(t, "a"))
	awaitState(t, s, "a", 0, holdfast.Done)

	a, err := s.Alert(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if later := a.Actions[1]; later.State != Pending || !later.Due.Equal(a.Stored.Add(delay)) {
		t.Errorf("the delayed action is %s and due at %s, want pending and %s after %s", later.State, later.Due, delay, a.Stored)
	}
	if n := count(t, s, "river_job WHERE state = 'scheduled'"); n != 1 {
		t.Errorf("%d jobs are scheduled, want 1", n)
	}
	closeStore(t, s)

	// The hour passes: to the store that means that the job has come due.
	s = open(t, address, Options{Plan: plan})
	execute(t, s, "UPDATE river_job SET scheduled_at = created_at WHERE state = 'scheduled'")
	closeStore(t, s)
	s = open(t, address, Options{Plan: plan, Work: work})
	awaitState(t, s, "a", 1, holdfast.Done)
	if first, second := receive(t, worked), receive(t, worked); first.Ordinal != 0 || second.Ordinal != 1 {
		t.Errorf("worked %d, then %d", first.Ordinal, second.Ordinal)
	}
}

func testUnlessSeen(t *testing.T, address string) {
	plan := func(a holdfast.Alert) []holdfast.Action {
		sms := noticePlan(a)[0]
		sms.Channel, sms.UnlessSeen = holdfast.SMS, true
		return []holdfast.Action{sms}
	}
	s := open(t, address, Options{Plan: plan})
	write(t, s, fresh(t, "seen"), fresh(t, "unseen"))
	for _, id := range []string{"seen", "unseen"} {
		if err := s.PutMessage(t.Context(), holdfast.Message{Alert: id, Account: ana, Channel: holdfast.InApp}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.MarkSeen(t.Context(), "seen"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)

	jobs := make(chan holdfast.Job, 2)
	s = open(t, address, Options{Plan: plan, Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
		jobs <- job
		return holdfast.Outcome{State: holdfast.Done}, nil
	}})
	if action := awaitState(t, s, "seen", 0, holdfast.Skipped); action.Reason != ReasonSeen || action.Attempt != 0 {
		t.Errorf("skipped for %q after %d tries, want %q after none", action.Reason, action.Attempt, ReasonSeen)
	}
	awaitState(t, s, "unseen", 0, holdfast.Done)
	if job := receive(t, jobs); job.Alert.ID != "unseen" || len(jobs) != 0 {
		t.Errorf("worked %s and %d more, want the unseen one alone", job.Alert.ID, len(jobs))
	}
}
