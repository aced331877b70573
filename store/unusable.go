package store

import (
	"context"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrUnusable says that the store can't be opened as it is configured or as it
// stands, and that to try again would not help: a person has to mend it first.
var ErrUnusable = errors.New("the store can't be used as it is")

// unusable marks an error as one that is [ErrUnusable], without saying so in
// its text: what is wrong is the better sentence.
type unusable struct{ error }

// Is makes it an ErrUnusable.
func (unusable) Is(target error) bool { return target == ErrUnusable }

// Unwrap returns what is wrong.
func (u unusable) Unwrap() error { return u.error }

// judgeSQLite marks an error from opening an SQLite file as unusable, unless it
// passes by itself: another process is at the file, the disk is full, or ctx has
// ended. PostgreSQL needs no such judge; a server may always come back.
func judgeSQLite(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, errLocked) {
		return err
	}
	if failure, ok := errors.AsType[*sqlite.Error](err); ok {
		switch failure.Code() & 0xff { // without what extends it
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL:
			return err
		}
	}
	return unusable{err}
}
