package store

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/riverqueue/river"
)

// database is what the store needs of SQLite and PostgreSQL. The statements are
// the same for both: $1 placeholders, BIGINT nanoseconds for times, TEXT.
type database interface {
	reader
	// write runs fn in one transaction and commits it if fn returns nil.
	write(ctx context.Context, fn func(transaction) error) error
	// migrate brings River's tables and ours up to date, whoever else does so
	// at the same time.
	migrate(ctx context.Context) error
	// start begins to work the queue.
	start(ctx context.Context) error
	// stop ends what start began; it does nothing before.
	stop(ctx context.Context) error
	// rescue returns jobs to the queue whose process died.
	rescue(ctx context.Context) error
	// close disconnects, after stop.
	close()
}

// transaction is one that is open. What fails in it fails it as a whole.
type transaction interface {
	reader
	exec(ctx context.Context, query string, args ...any) (affected int64, err error)
	// execMany runs one statement for every row of arguments; returned, which
	// may be nil, is called for what the i-th one returns. No rows are no work.
	execMany(ctx context.Context, query string, rows [][]any, returned func(i int, scan scan) error) error
	// enqueue adds jobs to the queue, at least one.
	enqueue(ctx context.Context, jobs []river.InsertManyParams) error
}

type reader interface {
	// query calls each for every row.
	query(ctx context.Context, each func(scan) error, query string, args ...any) error
}

// scan reads the columns of the current row.
type scan func(dest ...any) error

// openDatabase makes no connection yet: what it refuses is the URL, or a file
// that can't be there.
func openDatabase(opts Options, w *worker) (database, error) {
	switch scheme, _, _ := strings.Cut(opts.URL, ":"); scheme {
	case "sqlite":
		return openSQLite(opts, w)
	case "postgres", "postgresql":
		return openPostgres(opts, w)
	}
	// The URL may hold a password, so it is not repeated.
	return nil, errors.New("its URL must begin with sqlite: or postgres://")
}

// queue is the River queue of our jobs.
const queue = "holdfast"

// riverConfig is what both databases tell River. How often an action is tried
// is ours to count, on the action's own row: River's attempts never run out.
func riverConfig(opts Options, w *worker) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return &river.Config{
		CompletedJobRetentionPeriod: time.Hour, // the action's row is the record
		FetchCooldown:               5 * time.Millisecond,
		// New jobs are announced. Polling finds those that come due later, and
		// those whose announcement River left out because another had just gone
		// out.
		FetchPollInterval:    opts.fetchInterval,
		JobTimeout:           opts.jobTimeout,
		Logger:               riverLogger(opts.Logger),
		MaxAttempts:          math.MaxInt16,
		Queues:               map[string]river.QueueConfig{queue: {MaxWorkers: opts.Workers}},
		RescueStuckJobsAfter: opts.rescueAfter,
		SoftStopTimeout:      opts.jobTimeout,
		Workers:              workers,
	}
}

// stopRiver waits for the running jobs until ctx is done, then cancels them.
func stopRiver[T any](ctx context.Context, client *river.Client[T]) error {
	if err := client.Stop(ctx); err == nil {
		return nil
	}
	// What is left has to write down that it was interrupted.
	const lastWords = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	return client.StopAndCancel(ctx)
}
