package respond

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

// Options configure a [Terminator].
type Options struct {
	// Adapter ends the sessions. Defaults to none: every termination is
	// skipped, with the reason [NoAdapter].
	Adapter Adapter

	// Logger says how each termination ended, by alert id, and when the
	// adapter fails and works again. Defaults to none.
	Logger *slog.Logger

	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// The reasons of an outcome, besides those of a webhook's refusal, which has one
// for an endpoint that does not exist: a bounded set, fit for a metric label.
const (
	NoAdapter   = "no_adapter"  // nothing is configured that could end a session
	NoSessions  = "no_sessions" // no suspect session that may be ended
	NotFound    = "not_found"   // all of the sessions were gone already
	Incomplete  = "incomplete"  // the other side did not say of every session that it ended
	BadAnswer   = "bad_answer"  // the other side's answer can't be read
	Unavailable = "unavailable" // no try got through
)

// Terminator carries out terminate_sessions actions. It is safe for concurrent
// use.
type Terminator struct {
	adapter  Adapter
	logger   *slog.Logger
	sessions *prometheus.CounterVec
	outage   *webhook.Outage
}

// The outcomes of holdfast_session_terminations_total.
const (
	ended    = "ended"
	notFound = "not_found"
	skipped  = "skipped"
	failed   = "failed"
	retried  = "retried"
)

// New makes a Terminator.
func New(opts Options) *Terminator {
	t := &Terminator{
		adapter: opts.Adapter,
		logger:  cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)),
		sessions: promauto.With(opts.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_session_terminations_total",
			Help: "Suspect sessions, by how a try to end them ended.",
		}, []string{"outcome"}),
	}
	t.outage = webhook.NewOutage(t.logger, "Session adapter")
	for _, outcome := range []string{ended, notFound, skipped, failed, retried} {
		t.sessions.WithLabelValues(outcome)
	}
	return t
}

// Work makes one try at a terminate_sessions job: it ends the alert's suspect
// sessions, less the protected ones. An error asks the queue for another try; on
// the last one Work decides instead.
func (t *Terminator) Work(ctx context.Context, job holdfast.Job) (holdfast.Outcome, error) {
	if job.Action.Kind != holdfast.TerminateSessions || job.Action.Scope != Suspects {
		return holdfast.Outcome{}, fmt.Errorf("respond: a job of kind %q and scope %q is not for the terminator", job.Action.Kind, job.Action.Scope)
	}
	logger := t.logger.With("alert", job.Alert.ID, "attempt", job.Attempt)
	sessions := terminable(job.Alert)
	if kept := len(job.Alert.Sessions.Suspect) - len(sessions); kept > 0 {
		logger.Error("Sessions are both suspect and protected, or have no id of their own: they stay", "sessions", kept)
		t.count(skipped, kept)
	}
	if len(sessions) == 0 {
		return holdfast.Outcome{State: holdfast.Skipped, Reason: NoSessions}, nil
	}
	if t.adapter == nil {
		t.count(skipped, len(sessions))
		return holdfast.Outcome{State: holdfast.Skipped, Reason: NoAdapter}, nil
	}
	result, err := t.adapter.Terminate(ctx, Request{
		ID:       webhook.ID(job),
		Alert:    job.Alert,
		Sessions: sessions,
		Wipe:     job.Action.Wipe,
	})
	if _, refused := errors.AsType[*Refused](err); !refused {
		t.outage.Tried(ctx, err)
	}
	if err != nil {
		return t.failed(logger, job, len(sessions), err)
	}
	return t.done(logger, job, sessions, result)
}

func (t *Terminator) count(outcome string, sessions int) {
	t.sessions.WithLabelValues(outcome).Add(float64(sessions))
}

// failed decides whether a try that got no result is followed by another.
func (t *Terminator) failed(logger *slog.Logger, job holdfast.Job, sessions int, err error) (holdfast.Outcome, error) {
	refused, permanent := errors.AsType[*Refused](err)
	if !permanent && !job.Final {
		logger.Debug("Sessions could not be ended, another try follows", "sessions", sessions, "error", err)
		t.count(retried, sessions)
		return holdfast.Outcome{}, err
	}
	outcome := holdfast.Outcome{State: holdfast.Failed, Reason: Unavailable}
	answer, answered := errors.AsType[*webhook.Error](err)
	switch {
	case permanent:
		outcome.Reason = refused.Reason
	case answered:
		outcome.Reason = answer.Reason
	case errors.Is(err, errBadAnswer):
		outcome.Reason = BadAnswer
	}
	logger.Error("Sessions could not be ended", "sessions", sessions, "reason", outcome.Reason, "error", err)
	t.count(failed, sessions)
	return outcome, nil
}

// done judges a result: a session that it does not name may still be alive, and
// is asked for again as long as there are tries, with the others; to end one
// twice is harmless.
func (t *Terminator) done(
	logger *slog.Logger, job holdfast.Job, sessions []holdfast.Session, result Result,
) (holdfast.Outcome, error) {
	for _, s := range job.Alert.Sessions.Protected {
		if slices.Contains(result.Ended, s.ID) {
			logger.Error("The service says that it ended a protected session, which it was asked to keep")
		}
	}
	var over, gone, open int
	for _, s := range sessions {
		switch {
		case slices.Contains(result.Ended, s.ID):
			over++
		case slices.Contains(result.NotFound, s.ID):
			gone++
		default:
			open++
		}
	}
	t.count(ended, over)
	t.count(notFound, gone)
	logger = logger.With("ended", over, "not_found", gone)
	switch {
	case open > 0 && !job.Final:
		logger.Debug("Some sessions were not ended, another try follows", "open", open)
		t.count(retried, open)
		return holdfast.Outcome{}, fmt.Errorf("the answer leaves out %d of %d sessions that were to be ended", open, len(sessions))
	case open > 0:
		logger.Error("Some sessions were not ended", "open", open)
		t.count(failed, open)
		return holdfast.Outcome{State: holdfast.Failed, Reason: Incomplete}, nil
	case over == 0:
		logger.Info("The suspect sessions were gone already")
		return holdfast.Outcome{State: holdfast.Done, Reason: NotFound}, nil
	}
	logger.Info("Suspect sessions are ended")
	return holdfast.Outcome{State: holdfast.Done}, nil
}
