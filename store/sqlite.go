package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the database/sql driver
)

// sqliteDatabase is a file that belongs to one process. SQLite has one writer
// at a time, so one connection writes, River's jobs included; pages are read on
// others, which in WAL mode neither wait for it nor hold it up.
type sqliteDatabase struct {
	path    string
	writer  *sql.DB
	readers *sql.DB
	client  *river.Client[*sql.Tx]
	bell    bell
	log     *slog.Logger
	release func() // gives up the right to work the queue; nil before start
}

func openSQLite(opts Options, w *worker) (*sqliteDatabase, error) {
	path, err := sqlitePath(opts.URL)
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	d := &sqliteDatabase{path: path, bell: make(bell, 1), log: opts.Logger.With("component", "store")}
	// FULL, because what Write acknowledged must outlive a power failure: the
	// caller commits its Kafka offsets on the strength of it.
	if d.writer, err = openSQLiteFile(path, sqliteBusy, "synchronous(FULL)"); err != nil {
		return nil, err
	}
	d.writer.SetMaxOpenConns(1)
	if d.readers, err = openSQLiteFile(path, sqliteBusy, "query_only(1)"); err != nil {
		d.close()
		return nil, err
	}
	d.readers.SetMaxOpenConns(4)

	if d.client, err = river.NewClient(wakingDriver{riversqlite.New(d.writer), d.bell}, riverConfig(opts, w)); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// sqlitePath is the file that a URL names.
func sqlitePath(address string) (string, error) {
	path := strings.TrimPrefix(address, "sqlite:")
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest
		if !strings.HasPrefix(path, "/") {
			return "", fmt.Errorf("%q names a host; a path relative to the working directory is sqlite:%s", address, path)
		}
	}
	if path == "" || path == ":memory:" || strings.ContainsRune(path, '?') {
		return "", fmt.Errorf("%q must name a file, without parameters", address)
	}
	return path, nil
}

// createPrivate makes the file if it isn't there: it will hold messages to
// people, which are no business of the machine's other users.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

const (
	sqliteBusy      = 5 * time.Second // how long a statement waits for other connections
	sqliteMigrating = time.Minute     // how long to wait for another process's migration
	sqliteWorking   = time.Second     // how long to wait for another process to let go of the queue
)

// openSQLiteFile opens a file whose statements wait for a lock up to patience.
func openSQLiteFile(path string, patience time.Duration, pragmas ...string) (*sql.DB, error) {
	params := url.Values{
		"_txlock": {"immediate"}, // a transaction that reads first must not fail to write later
		"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds())}, pragmas...),
	}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+params.Encode())
}

func (d *sqliteDatabase) migrate(ctx context.Context) error {
	return judgeSQLite(ctx, d.bringUpToDate(ctx))
}

func (d *sqliteDatabase) bringUpToDate(ctx context.Context) error {
	migrator, err := rivermigrate.New(riversqlite.New(d.writer), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	// A second process waits, then finds nothing left to do.
	release, err := lockSQLite(ctx, d.path+".migration.lock", sqliteMigrating)
	if err != nil {
		return err
	}
	defer release()
	// The file keeps its mode. Of two connections that switch it at once, SQLite
	// refuses one on the spot, whatever its busy_timeout: both hold a read lock
	// and want to write.
	if _, err := d.writer.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return fmt.Errorf("switch to WAL: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return d.write(ctx, func(t transaction) error { return migrate(ctx, t) })
}

func (d *sqliteDatabase) start(ctx context.Context) error {
	release, err := lockSQLite(ctx, d.path+".lock", sqliteWorking)
	if errors.Is(err, errLocked) {
		return errors.New("another process works this database, and SQLite serves one: stop it, or use PostgreSQL for replicas")
	}
	if err != nil {
		return err
	}
	d.release = release
	if err := d.takeOver(ctx); err != nil {
		return err
	}
	return d.client.Start(context.WithoutCancel(ctx))
}

// takeOver clears away what the process before left if it was killed: being the
// only one, we needn't wait for its jobs and its leadership to expire.
func (d *sqliteDatabase) takeOver(ctx context.Context) error {
	return d.write(ctx, func(t transaction) error {
		orphans, err := t.exec(ctx,
			"UPDATE river_job SET state = 'available' WHERE state = 'running' AND queue = $1", queue)
		if err != nil {
			return fmt.Errorf("rescue jobs: %w", err)
		}
		if orphans > 0 {
			d.log.Info("Jobs of a process that ended early are taken up again", "count", orphans)
		}
		_, err = t.exec(ctx, "DELETE FROM river_leader")
		return err
	})
}

// rescue has nothing to do after takeOver: where there is one process, no other
// can have died.
func (d *sqliteDatabase) rescue(context.Context) error { return nil }

func (d *sqliteDatabase) stop(ctx context.Context) error {
	if d.release == nil {
		return nil
	}
	defer d.release()
	return stopRiver(ctx, d.client)
}

func (d *sqliteDatabase) close() {
	for _, db := range []*sql.DB{d.readers, d.writer} { // the last to close folds the WAL in
		if db != nil {
			_ = db.Close()
		}
	}
}

func (d *sqliteDatabase) query(ctx context.Context, each func(scan) error, query string, args ...any) error {
	return querySQL(ctx, d.readers, each, query, args...)
}

func (d *sqliteDatabase) write(ctx context.Context, fn func(transaction) error) error {
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // a no-op after Commit
	t := sqliteTransaction{tx: tx, client: d.client}
	if err := fn(&t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if t.enqueued {
		d.bell.ring()
	}
	return nil
}

type sqliteTransaction struct {
	tx       *sql.Tx
	client   *river.Client[*sql.Tx]
	enqueued bool
}

func (t *sqliteTransaction) query(ctx context.Context, each func(scan) error, query string, args ...any) error {
	return querySQL(ctx, t.tx, each, query, args...)
}

func (t *sqliteTransaction) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.tx.ExecContext(ctx, query, args...) //nolint:gosec // statements are this package's own; what comes from outside is in args
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execMany prepares the statement once. In process that is as fast as one
// statement of many rows, and has no limit on their number.
func (t *sqliteTransaction) execMany(ctx context.Context, query string, rows [][]any, returned func(int, scan) error) error {
	if len(rows) == 0 {
		return nil
	}
	stmt, err := t.tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close() //nolint:errcheck // nothing is lost with it
	for i, args := range rows {
		if returned == nil {
			_, err = stmt.ExecContext(ctx, args...)
		} else {
			err = eachRow(func() (*sql.Rows, error) { return stmt.QueryContext(ctx, args...) },
				func(scan scan) error { return returned(i, scan) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTransaction) enqueue(ctx context.Context, jobs []river.InsertManyParams) error {
	t.enqueued = true
	_, err := t.client.InsertManyTx(ctx, t.tx, jobs)
	return err
}

// querySQL runs a query on a pool or a transaction.
func querySQL(ctx context.Context, on interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, each func(scan) error, query string, args ...any,
) error {
	return eachRow(func() (*sql.Rows, error) { return on.QueryContext(ctx, query, args...) }, each)
}

func eachRow(query func() (*sql.Rows, error), each func(scan) error) error {
	rows, err := query()
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
