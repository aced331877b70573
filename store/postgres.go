package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// postgresDatabase is a database, or a schema of one, that replicas share.
type postgresDatabase struct {
	pool        *pgxpool.Pool
	client      *river.Client[pgx.Tx]
	log         *slog.Logger
	rescueAfter time.Duration
	started     bool
}

func openPostgres(opts Options, w *worker) (*postgresDatabase, error) {
	config, err := pgxpool.ParseConfig(opts.URL)
	if err != nil {
		// pgx repeats the URL in the error, and not always without its password.
		return nil, errors.New("its URL is not one that PostgreSQL understands, such as postgres://user@host:5432/holdfast")
	}
	if !strings.Contains(opts.URL, "pool_max_conns") {
		config.MaxConns = 16
	}
	if config.MaxConns < postgresLeastConns {
		return nil, fmt.Errorf("pool_max_conns must be at least %d: one connection listens, one holds the migration lock", postgresLeastConns)
	}
	if params := config.ConnConfig.RuntimeParams; params["application_name"] == "" {
		params["application_name"] = "holdfast"
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return boundIdleness(ctx, conn, opts.idleTimeout) }
	d := &postgresDatabase{log: opts.Logger.With("component", "store"), rescueAfter: opts.rescueAfter}
	// No connection is made yet: Ping and migrate are the first to fail.
	if d.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, err
	}
	if d.client, err = river.NewClient(riverpgxv5.New(d.pool), riverConfig(opts, w)); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// boundIdleness makes the server end a transaction that stands still, unless the
// operator has set a bound already: a process that is stopped in the middle of
// one would otherwise keep its rows locked, and its partitions from the others,
// until it wakes up. It is not a startup parameter, as connection poolers refuse
// those that they don't know.
func boundIdleness(ctx context.Context, conn *pgx.Conn, most time.Duration) error {
	const setting = "idle_in_transaction_session_timeout"
	_, err := conn.Exec(ctx, "SELECT set_config($1, $2, false) WHERE current_setting($1) = '0'",
		setting, strconv.FormatInt(most.Milliseconds(), 10))
	if err != nil {
		return fmt.Errorf("set %s: %w", setting, err)
	}
	return nil
}

const (
	postgresLeastConns = 4

	// migrationLock is the advisory lock under which tables are changed: an
	// arbitrary number that is ours.
	migrationLock = 0x686f6c6466617374
)

func (d *postgresDatabase) migrate(ctx context.Context) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(d.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	// Not one transaction, as on SQLite: PostgreSQL doesn't let one use an enum
	// value that it added. The lock makes other replicas wait, and ends with
	// its connection.
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	defer func() {
		if _, err := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock)); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx))
		}
	}()
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return d.write(ctx, func(t transaction) error { return migrate(ctx, t) })
}

func (d *postgresDatabase) start(ctx context.Context) error {
	if err := d.client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	d.started = true
	return nil
}

func (d *postgresDatabase) stop(ctx context.Context) error {
	if !d.started {
		return nil
	}
	return stopRiver(ctx, d.client)
}

func (d *postgresDatabase) close() { d.pool.Close() }

// rescue does what River's rescuer does, but every few seconds and on every
// replica: River's looks twice a minute, on a leader that may be the process
// that died. The clock is the database's, which also stamped attempted_at.
func (d *postgresDatabase) rescue(ctx context.Context) error {
	tag, err := d.pool.Exec(ctx, `
		UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND queue = $1 AND attempted_at < now() - make_interval(secs => $2)`,
		queue, d.rescueAfter.Seconds())
	if err != nil {
		return fmt.Errorf("rescue jobs: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		d.log.Warn("Jobs that no process works any longer are taken up again", "count", n)
	}
	return nil
}

func (d *postgresDatabase) query(ctx context.Context, each func(scan) error, query string, args ...any) error {
	return queryPostgres(ctx, d.pool, each, query, args...)
}

func (d *postgresDatabase) write(ctx context.Context, fn func(transaction) error) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return fn(postgresTransaction{tx, d.client}) })
}

type postgresTransaction struct {
	tx     pgx.Tx
	client *river.Client[pgx.Tx]
}

func (t postgresTransaction) query(ctx context.Context, each func(scan) error, query string, args ...any) error {
	return queryPostgres(ctx, t.tx, each, query, args...)
}

func (t postgresTransaction) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// execMany sends all rows in one round trip.
func (t postgresTransaction) execMany(ctx context.Context, query string, rows [][]any, returned func(int, scan) error) error {
	if len(rows) == 0 {
		return nil
	}
	var batch pgx.Batch
	for i, args := range rows {
		queued := batch.Queue(query, args...)
		if returned != nil {
			queued.Query(func(rows pgx.Rows) error {
				return eachPostgresRow(rows, func(scan scan) error { return returned(i, scan) })
			})
		}
	}
	return t.tx.SendBatch(ctx, &batch).Close()
}

func (t postgresTransaction) enqueue(ctx context.Context, jobs []river.InsertManyParams) error {
	_, err := t.client.InsertManyTx(ctx, t.tx, jobs)
	return err
}

// queryPostgres runs a query on a pool or a transaction.
func queryPostgres(ctx context.Context, on interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, each func(scan) error, query string, args ...any,
) error {
	rows, err := on.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachPostgresRow(rows, each)
}

func eachPostgresRow(rows pgx.Rows, each func(scan) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
