package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("another process holds the lock")

// lockSQLite takes the lock that all processes know by the path of its file,
// and waits for it no longer than patience. The system takes it back when the
// process ends in whatever way. The file is an SQLite database of its own,
// because that is the one kind of lock that works wherever SQLite does.
func lockSQLite(ctx context.Context, path string, patience time.Duration) (release func(), err error) {
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	db, err := openSQLiteFile(path, patience)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, "BEGIN EXCLUSIVE")
	}
	if err != nil {
		_ = db.Close()
		if busy, ok := errors.AsType[*sqlite.Error](err); ok && busy.Code()&0xff == sqlite3.SQLITE_BUSY {
			err = errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _, _ = conn.Close(), db.Close() }, nil
}
