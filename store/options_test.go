package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	missing := "sqlite://" + filepath.Join(folder, "missing", "holdfast.db")
	other := filepath.Join(folder, "letter.txt")
	if err := os.WriteFile(other, []byte(strings.Repeat("Dear Ana, ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opts    Options
		want    string
		passing bool // by itself
	}{
		"unknown scheme":   {opts: Options{URL: "mysql://root:hunter2@host/db"}, want: "sqlite: or postgres:"},
		"no scheme":        {opts: Options{URL: "root:hunter2@host"}, want: "sqlite: or postgres:"},
		"bad port":         {opts: Options{URL: "postgres://root:hunter2@host:port/db"}, want: "not one that PostgreSQL understands"},
		"bad escape":       {opts: Options{URL: "postgres://root:hunter2%@host/db"}, want: "not one that PostgreSQL understands"},
		"bad TLS mode":     {opts: Options{URL: "postgres://root:hunter2@host/db?sslmode=foo"}, want: "not one that PostgreSQL understands"},
		"too small pool":   {opts: Options{URL: "postgres://root:hunter2@host/db?pool_max_conns=2"}, want: "pool_max_conns"},
		"unreachable":      {opts: Options{URL: "postgres://root:hunter2@127.0.0.1:1/db"}, want: "connect", passing: true},
		"a file's host":    {opts: Options{URL: "sqlite://holdfast.db"}, want: "names a host"},
		"no such folder":   {opts: Options{URL: missing}, want: "no such file"},
		"a folder":         {opts: Options{URL: "sqlite:" + folder}, want: "unable to open database file"},
		"no database":      {opts: Options{URL: "sqlite:" + other}, want: "not a database"},
		"negative age":     {opts: Options{URL: missing, MaxActionAge: -1}, want: "max action age"},
		"negative tries":   {opts: Options{URL: missing, MaxAttempts: -1}, want: "max attempts"},
		"too many workers": {opts: Options{URL: missing, Workers: 1001}, want: "workers"},
	} {
		s, err := Open(t.Context(), c.opts)
		if err == nil {
			closeStore(t, s)
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something on %q", name, err, c.want)
		}
		if errors.Is(err, ErrUnusable) == c.passing {
			t.Errorf("%s: passes by itself is %t, want %t: %v", name, !c.passing, c.passing, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error gives the password away: %v", name, err)
		}
	}
}

func TestStartNeedsWork(t *testing.T) {
	t.Parallel()
	if err := open(t, sqliteAddress(t), Options{}).Start(t.Context()); err == nil {
		t.Error("started without Work")
	}
}

func TestBackOffGrowsToFiveMinutes(t *testing.T) {
	t.Parallel()
	for attempt, most := range map[int]time.Duration{
		0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 8: 256 * time.Second, 9: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		for range 100 {
			if d := backOff(attempt); d > most || d <= most*3/4 {
				t.Errorf("after attempt %d: %s, want %s less up to a quarter", attempt, d, most)
			}
		}
	}
}

func TestOpenThatFailedCanBeTriedAgain(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := Open(t.Context(), Options{URL: "sqlite://" + t.TempDir() + "/nowhere/holdfast.db", Registerer: registry}); err == nil {
		t.Fatal("a database in a folder that does not exist is opened")
	}
	s, err := Open(t.Context(), Options{URL: "sqlite://" + t.TempDir() + "/holdfast.db", Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

type busy struct{ error }

func (busy) RetryAfter() time.Duration { return time.Minute }

func TestTheNextTryWaitsAsLongAsTheOtherSideAsks(t *testing.T) {
	s := &Store{opts: Options{Retry: func(int) time.Duration { return 2 * time.Second }}}
	for failure, want := range map[error]time.Duration{
		errors.New("any"): 2 * time.Second,
		fmt.Errorf("sending: %w", busy{errors.New("busy")}): time.Minute,
	} {
		var snooze *river.JobSnoozeError
		if err := s.after(1, failure); !errors.As(err, &snooze) || snooze.Duration != want {
			t.Errorf("%v: %v, want a pause of %v", failure, err, want)
		}
	}
}
