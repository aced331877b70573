package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

func TestSQLiteAnnouncesJobs(t *testing.T) {
	t.Parallel()
	// With an hour between two polls, a job that is worked was announced.
	s := open(t, sqliteAddress(t), Options{Work: done, fetchInterval: time.Hour, Plan: func(holdfast.Alert) []holdfast.Action {
		return []holdfast.Action{{Kind: holdfast.NotifyTeam}, {Kind: holdfast.NotifyTeam}}
	}})
	for _, id := range []string{"a", "b", "c"} {
		write(t, s, fresh(t, id))
		awaitState(t, s, id, 1, holdfast.Done)
	}
}

func TestSQLiteServesOneProcess(t *testing.T) {
	t.Parallel()
	address := sqliteAddress(t)
	first := open(t, address, Options{Work: done})
	second := open(t, address, Options{}) // it may read and write
	second.opts.Work = done
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v, want a refusal", err)
	}
	write(t, second, fresh(t, "a"))
	closeStore(t, first)
	if err := second.Start(t.Context()); err != nil {
		t.Errorf("the first is gone, but: %v", err)
	}
	awaitState(t, second, "a", 0, holdfast.Done)
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	t.Parallel()
	address := sqliteAddress(t)
	s := open(t, address, Options{Work: done})
	write(t, s, fresh(t, "a"))
	files, err := filepath.Glob(strings.TrimPrefix(address, "sqlite://") + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has the mode %o, want 600", filepath.Base(file), mode)
		}
	}
}

func TestSQLitePath(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"sqlite:holdfast.db":              "holdfast.db",
		"sqlite:./data/holdfast.db":       "./data/holdfast.db",
		"sqlite:/var/lib/h.db":            "/var/lib/h.db",
		"sqlite:///var/lib/h.db":          "/var/lib/h.db",
		"sqlite:///var/lib/a b#%41.db":    "/var/lib/a b#%41.db",
		"sqlite://holdfast.db":            "",
		"sqlite:":                         "",
		"sqlite::memory:":                 "",
		"sqlite:holdfast.db?mode=rwc":     "",
		"sqlite:///var/lib/h.db?cache=on": "",
	} {
		path, err := sqlitePath(address)
		if path != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", address, path, err, want)
		}
	}
}

func TestSQLiteTakesAnyFileName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b#%41ü.db")
	write(t, open(t, "sqlite://"+path, Options{}), fresh(t, "a"))
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSQLiteThatIsBusyIsNotUnusable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "holdfast.db")
	release, err := lockSQLite(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	_, locked := lockSQLite(t.Context(), path, 0)
	db, err := openSQLiteFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, busy := db.ExecContext(t.Context(), "PRAGMA journal_mode = WAL")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx context.Context
		err error
	}{
		"another process migrates": {t.Context(), locked},
		"another process writes":   {t.Context(), busy},
		"nobody waits any more":    {gone, errors.New("any")},
	} {
		if c.err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := judgeSQLite(c.ctx, fmt.Errorf("migrate: %w", c.err)); errors.Is(err, ErrUnusable) {
			t.Errorf("%s: it counts as unusable: %v", name, err)
		}
	}
}
