// Package store keeps alerts, the actions that follow from them and the
// messages to owners, in SQLite or PostgreSQL, and works the actions from a
// queue whose jobs are written in the alerts' own transaction. It must never
// send anything itself, never act on an alert that it held before, and never
// let an account, a text or a number out into a log.
//
// It also keeps what makes a partition's alerts the same at every replay: its
// journal, which gives a place in the input log to what comes from elsewhere,
// and the rule sets that the journal names. A partition has one owner, the
// process that claimed it last; what another one writes of it is never stored.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrNotFound says that the store holds nothing by the given name.
var ErrNotFound = errors.New("not found")

// statementTimeout bounds one transaction or query, so that a database that
// accepts connections and then goes silent reads as one that is down.
const statementTimeout = 30 * time.Second

// Store is an open store. Its methods may be called concurrently.
type Store struct {
	opts    Options
	log     *slog.Logger
	db      database
	metrics *metrics
	changes broadcast

	stopTending context.CancelFunc // nil until started
	tending     sync.WaitGroup
}

// Open connects to the store and brings its tables up to date. It works no
// jobs before Start. Its error is an [ErrUnusable] where trying again would not
// help.
func Open(ctx context.Context, opts Options) (*Store, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", unusable{err})
	}
	s := &Store{
		opts:    opts,
		log:     opts.Logger.With("component", "store"),
		metrics: newMetrics(),
	}
	if s.db, err = openDatabase(opts, &worker{store: s}); err != nil {
		return nil, fmt.Errorf("open store: %w", unusable{err})
	}
	if err := s.db.migrate(ctx); err != nil {
		s.db.close()
		return nil, fmt.Errorf("open store: bring its tables up to date: %w", err)
	}
	s.metrics.up.Set(1)
	if opts.Registerer != nil { // last, so that an Open that failed can be tried again
		opts.Registerer.MustRegister(s.metrics.write, s.metrics.waiting, s.metrics.up, s.metrics.fenced)
	}
	return s, nil
}

// Start begins to work the jobs, those first that a killed process left behind.
// The context bounds the start alone; Close ends the work. It may be called
// once.
func (s *Store) Start(ctx context.Context) error {
	if s.opts.Work == nil {
		return errors.New("start store: there is no Work to carry out its actions")
	}
	if err := s.db.start(ctx); err != nil {
		return fmt.Errorf("start store: %w", err)
	}
	tendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stopTending = cancel
	s.tending.Go(func() { s.tend(tendCtx) })
	return nil
}

// Close stops fetching jobs, lets those that run finish, and disconnects. Jobs
// that still run when ctx is done, or after 10 seconds, are canceled and left
// to the next process. Channels handed out by Watch are closed.
func (s *Store) Close(ctx context.Context) error {
	if s.stopTending != nil {
		s.stopTending()
		s.tending.Wait()
	}
	err := s.db.stop(ctx)
	s.db.close()
	s.changes.close()
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ping asks the database whether it answers.
func (s *Store) Ping(ctx context.Context) error {
	err := s.read(ctx, func(scan) error { return nil }, "SELECT version FROM holdfast_migrations")
	if err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// write runs fn in a transaction and tells watchers once it is committed.
func (s *Store) write(ctx context.Context, fn func(context.Context, transaction) error) error {
	err := s.transact(ctx, fn)
	if err == nil {
		s.changes.signal()
	}
	return err
}

// transact runs fn in a transaction that is of no interest to watchers.
func (s *Store) transact(ctx context.Context, fn func(context.Context, transaction) error) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err := s.db.write(ctx, func(t transaction) error { return fn(ctx, t) })
	s.metrics.observe(ctx, err)
	return err
}

// read runs one query outside of any transaction.
func (s *Store) read(ctx context.Context, each func(scan) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err := s.db.query(ctx, each, query, args...)
	s.metrics.observe(ctx, err)
	return err
}

// now is the time by the store's clock, as the database keeps it: UTC, without
// a monotonic reading.
func (s *Store) now() time.Time { return fromNanos(s.opts.Now().UnixNano()) }

// nanos is how times are kept in both databases: nanoseconds since the Unix
// epoch, 0 for none.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
