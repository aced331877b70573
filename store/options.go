package store

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfastd/holdfast"
)

// Options say where the store is and how it works the actions in it.
type Options struct {
	// URL is the place of the database: "sqlite:holdfast.db" (relative),
	// "sqlite:///var/lib/holdfast/holdfast.db" or "postgres://user@host/name".
	// SQLite serves one process; replicas share a PostgreSQL. What pgx reads in
	// a URL it reads here too, such as search_path and pool_max_conns (16 where
	// it isn't given).
	//
	// Defaults to "sqlite:holdfast.db".
	URL string

	// Plan says which actions follow from an alert, in order. It must be pure:
	// it is asked for alerts that turn out to be stored already, and for those
	// that are too old to lead to any.
	//
	// Defaults to none.
	Plan func(holdfast.Alert) []holdfast.Action

	// Work carries out one action. Its context ends after 10 seconds. An error
	// means that the action is to be tried again later, and no sooner than its
	// method RetryAfter() time.Duration says, if it has one; if the error is a
	// context's, or has a method Ambiguous() bool that returns true, the next
	// try is told that this one may have had its effect. On the final try the
	// outcome counts even beside an error: its Then is followed. Required by
	// Start.
	Work func(context.Context, holdfast.Job) (holdfast.Outcome, error)

	// MaxActionAge is how old an alert may be when it is first stored and still
	// lead to actions; an older one is recorded only.
	//
	// Defaults to 10 minutes.
	MaxActionAge time.Duration

	// MaxAttempts is how often an action is tried before it is given up. Tries
	// in which the process died may add as many again.
	//
	// Defaults to 12, which with the default Retry is about half an hour.
	MaxAttempts int

	// Retry is how long to wait after a try failed; attempt is 1 for the first.
	//
	// Defaults to 2 seconds, doubled with every try up to 5 minutes, less up to
	// a quarter at random.
	Retry func(attempt int) time.Duration

	// Workers is how many actions are worked at once.
	//
	// Defaults to 16.
	Workers int

	// Now is the clock that alerts, tries and messages are stamped with.
	//
	// Defaults to time.Now.
	Now func() time.Time

	// Logger is told of what went wrong; it never sees an account, a text or a
	// number.
	//
	// Defaults to silence.
	Logger *slog.Logger

	// Registerer receives the store's metrics.
	//
	// Defaults to none.
	Registerer prometheus.Registerer

	// Tests change these.
	jobTimeout    time.Duration // bounds one try
	rescueAfter   time.Duration // from a job's start until it counts as orphaned; more than jobTimeout
	tendEvery     time.Duration // between two looks for orphaned jobs
	fetchInterval time.Duration // between two looks for jobs that no one announced
	idleTimeout   time.Duration // for which a transaction may stand still before PostgreSQL ends it
}

func (o Options) withDefaults() (Options, error) {
	if o.URL == "" {
		o.URL = "sqlite:holdfast.db"
	}
	if o.Plan == nil {
		o.Plan = func(holdfast.Alert) []holdfast.Action { return nil }
	}
	if o.MaxActionAge == 0 {
		o.MaxActionAge = 10 * time.Minute
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = 12
	}
	if o.Retry == nil {
		o.Retry = backOff
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.jobTimeout == 0 {
		o.jobTimeout = 10 * time.Second
	}
	if o.rescueAfter == 0 {
		o.rescueAfter = o.jobTimeout + 5*time.Second
	}
	if o.tendEvery == 0 {
		o.tendEvery = 5 * time.Second
	}
	if o.fetchInterval == 0 {
		o.fetchInterval = 200 * time.Millisecond
	}
	if o.idleTimeout == 0 {
		// Kafka's session timeout: it has run out by the time that another takes
		// over what a process that stands still has held.
		o.idleTimeout = 10 * time.Second
	}

	switch {
	case o.MaxActionAge < 0:
		return o, errors.New("max action age must not be negative")
	case o.MaxAttempts < 0:
		return o, errors.New("max attempts must be at least 1")
	case o.Workers < 0 || o.Workers > 1000:
		return o, errors.New("workers must be from 1 to 1000")
	}
	return o, nil
}

// backOff is the default Options.Retry.
func backOff(attempt int) time.Duration {
	const first, most = 2 * time.Second, 5 * time.Minute
	d := most
	if attempt < 9 {
		d = min(most, first<<(max(attempt, 1)-1))
	}
	return d - rand.N(d/4) //nolint:gosec // jitter, not a secret
}
