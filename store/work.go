package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/riverqueue/river"

	"github.com/holdfastd/holdfast"
)

// Reasons that the store itself gives for how an action ended.
const (
	ReasonSeen             = "seen"              // skipped: the owner has seen a message of the alert
	ReasonRetriesExhausted = "retries_exhausted" // failed: no try succeeded
	ReasonNoOutcome        = "no_outcome"        // failed: Options.Work returned a state that isn't one
)

// errSuperseded says that a try is no longer the one that counts: it took so
// long that it was held for dead, and another began.
var errSuperseded = errors.New("another try of the action has begun")

// jobArgs name an action. River's rows hold nothing more.
type jobArgs struct {
	Alert   string `json:"alert"`
	Ordinal int    `json:"ordinal"`
}

// Kind names our jobs in River.
func (jobArgs) Kind() string { return "holdfast_action" }

// worker carries out one action at a time between two rows: the intent that
// this try begins, committed before Options.Work is called, and what came of
// it. River never hears of a failed try, only when to come back.
type worker struct {
	river.WorkerDefaults[jobArgs]
	store *Store
}

// Work is called by River.
func (w *worker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	s := w.store
	log := s.log.With("alert", job.Args.Alert, "action", job.Args.Ordinal)
	a, err := s.begin(ctx, job.Args)
	switch {
	case errors.Is(err, ErrNotFound):
		log.Error("A job has no action; it is dropped")
		return nil
	case err != nil:
		log.Warn("Action can't be begun; trying again", "error", err)
		return s.after(1, nil)
	case a == nil:
		return nil
	}
	log = log.With("kind", a.job.Action.Kind, "attempt", a.attempt)

	outcome, failure := s.carryOut(ctx, a.job)
	// A try that our own shutdown cut short is not the one to give up on.
	again := failure != nil && (!a.job.Final || errors.Is(ctx.Err(), context.Canceled))
	if failure != nil {
		// Whoever carried it out tells of an outage, once; this is for a close look.
		log.Debug("Action failed", "again", again, "error", failure)
	}
	switch err := s.settle(ctx, a, outcome, failure, again); {
	case errors.Is(err, errSuperseded):
		// The other try needs the job to outlive its process: come back when
		// it must be over.
		log.Warn("Action took too long; another try has begun")
		return river.JobSnooze(2 * s.opts.rescueAfter)
	case err != nil:
		log.Error("What came of the action can't be written; trying again, as one that may have had its effect", "error", err)
		return s.after(a.attempt, nil)
	case again:
		return s.after(a.attempt, failure)
	}
	return nil
}

// after tells River to come back for the try that follows one that failed: no
// sooner than the failure itself asks.
func (s *Store) after(attempt int, failure error) error {
	wait := max(0, s.opts.Retry(attempt))
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(failure, &asks) {
		wait = max(wait, asks.RetryAfter())
	}
	return river.JobSnooze(wait)
}

// storedAction is an action as its row has it, with what a try of it needs.
type storedAction struct {
	job     holdfast.Job // of the next try before begin, of this one after
	account string       // as accountKey writes it
	state   holdfast.State
	attempt int       // of the last try that began
	started time.Time // when it did
	seen    bool      // the owner has seen a message of the alert
}

// begin writes down that a try begins. It returns nil if there is nothing to
// do, the action being finished or found unwanted.
func (s *Store) begin(ctx context.Context, name jobArgs) (*storedAction, error) {
	var begun *storedAction
	err := s.write(ctx, func(ctx context.Context, t transaction) error {
		begun = nil
		a, err := loadAction(ctx, t, name)
		if err != nil {
			return err
		}
		now := s.now()
		switch {
		case a.state != Pending && a.state != Started:
			return nil
		case a.job.Action.UnlessSeen && a.seen:
			return a.finish(ctx, t, holdfast.Outcome{State: holdfast.Skipped, Reason: ReasonSeen}, now)
		case a.attempt >= 2*s.opts.MaxAttempts: // it may be what kills the process
			return a.finish(ctx, t, holdfast.Outcome{State: holdfast.Failed, Reason: ReasonRetriesExhausted}, now)
		case a.state == Started && a.job.Ambiguous.IsZero(): // the last try left no trace
			a.job.Ambiguous = a.started
		}
		a.job.Attempt = a.attempt + 1
		a.job.Final = a.job.Attempt >= s.opts.MaxAttempts
		if err := a.set(ctx, t, "state = $5, attempt = $6, started = $7, ambiguous = $8",
			string(Started), a.job.Attempt, nanos(now), nanos(a.job.Ambiguous)); err != nil {
			return err
		}
		a.state, a.attempt, a.started = Started, a.job.Attempt, now
		begun = &a
		return nil
	})
	if err != nil {
		return nil, err
	}
	return begun, nil
}

func loadAction(ctx context.Context, r reader, name jobArgs) (storedAction, error) {
	var a storedAction
	found := false
	err := r.query(ctx, func(scan scan) error {
		found = true
		var (
			action, alert              string
			started, ambiguous, stored int64
		)
		if err := scan(&action, &a.account, &a.state, &a.attempt, &started, &ambiguous, &alert, &stored, &a.seen); err != nil {
			return err
		}
		a.started, a.job.Ambiguous, a.job.Stored = fromNanos(started), fromNanos(ambiguous), fromNanos(stored)
		a.job.Ordinal = name.Ordinal
		return errors.Join(json.Unmarshal([]byte(action), &a.job.Action), json.Unmarshal([]byte(alert), &a.job.Alert))
	}, `
		SELECT action.body, action.account, action.state, action.attempt, action.started, action.ambiguous,
			alert.body, alert.stored,
			EXISTS (SELECT 1 FROM holdfast_messages m WHERE m.alert = action.alert AND m.seen > 0)
		FROM holdfast_actions action JOIN holdfast_alerts alert ON alert.id = action.alert
		WHERE action.alert = $1 AND action.ordinal = $2`, name.Alert, name.Ordinal)
	if err == nil && !found {
		err = ErrNotFound
	}
	return a, err
}

// set changes columns of the row, whose values are $5 and on, unless another
// try has changed it since it was read.
func (a *storedAction) set(ctx context.Context, t transaction, columns string, values ...any) error {
	n, err := t.exec(ctx, "UPDATE holdfast_actions SET "+columns+
		" WHERE alert = $1 AND ordinal = $2 AND state = $3 AND attempt = $4",
		append([]any{a.job.Alert.ID, a.job.Ordinal, string(a.state), a.attempt}, values...)...)
	if err == nil && n == 0 {
		err = errSuperseded
	}
	return err
}

// finish records how the action ended and stores what is to follow.
func (a *storedAction) finish(ctx context.Context, t transaction, outcome holdfast.Outcome, now time.Time) error {
	err := a.set(ctx, t, "state = $5, finished = $6, reason = $7, reference = $8",
		string(outcome.State), nanos(now), clean(outcome.Reason), clean(outcome.Reference))
	if err != nil || len(outcome.Then) == 0 {
		return err
	}
	// Taking ordinals locks the alert's row, so actions of one alert that end
	// together get theirs one after the other.
	next := 0
	err = t.query(ctx, func(scan scan) error { return scan(&next) },
		"UPDATE holdfast_alerts SET actions = actions + $2 WHERE id = $1 RETURNING actions", a.job.Alert.ID, len(outcome.Then))
	if err != nil {
		return err
	}
	follow, err := actionRows(a.job.Alert.ID, a.account, next-len(outcome.Then), outcome.Then, now)
	if err != nil {
		return err
	}
	return insertActions(ctx, t, follow)
}

// carryOut calls Work. A panic in it is an error that leaves open what
// happened.
func (s *Store) carryOut(ctx context.Context, job holdfast.Job) (outcome holdfast.Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("Carrying out an action panicked", "alert", job.Alert.ID,
				"type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			outcome, err = holdfast.Outcome{}, panicError{}
		}
	}()
	return s.opts.Work(ctx, job)
}

type panicError struct{}

func (panicError) Error() string   { return "panic while carrying it out" }
func (panicError) Ambiguous() bool { return true }

// ambiguous says whether a try that ended with err may have had its effect.
func ambiguous(err error) bool {
	var says interface{ Ambiguous() bool }
	if errors.As(err, &says) {
		return says.Ambiguous()
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// settle writes down what came of a try, if need be more than once: an outcome
// that is lost makes the next try an ambiguous one.
func (s *Store) settle(ctx context.Context, a *storedAction, outcome holdfast.Outcome, failure error, again bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.rescueAfter-s.opts.jobTimeout)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.write(ctx, func(ctx context.Context, t transaction) error {
			return s.record(ctx, t, a, outcome, failure, again)
		})
		if errors.Is(err, errSuperseded) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(200*time.Millisecond)))
	return err
}

func (s *Store) record(ctx context.Context, t transaction, a *storedAction, outcome holdfast.Outcome, failure error, again bool) error {
	switch {
	case again:
		// A doubt that an earlier try left is not resolved by an error now.
		doubt := a.job.Ambiguous
		if doubt.IsZero() && ambiguous(failure) {
			doubt = a.started
		}
		return a.set(ctx, t, "state = $5, ambiguous = $6", string(Pending), nanos(doubt))
	case failure != nil:
		outcome.State, outcome.Reason = holdfast.Failed, ReasonRetriesExhausted
	case !ended(outcome.State):
		outcome.State, outcome.Reason = holdfast.Failed, ReasonNoOutcome
	}
	return a.finish(ctx, t, outcome, s.now())
}

func ended(s holdfast.State) bool {
	return s == holdfast.Done || s == holdfast.Skipped || s == holdfast.Failed
}
