package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	missing := "sqlite://" + filepath.Join(t.TempDir(), "missing", "holdfast.db")
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"unknown scheme":   {Options{URL: "mysql://root:hunter2@host/db"}, "sqlite: or postgres:"},
		"no scheme":        {Options{URL: "root:hunter2@host"}, "sqlite: or postgres:"},
		"bad port":         {Options{URL: "postgres://root:hunter2@host:port/db"}, "not one that PostgreSQL understands"},
		"bad escape":       {Options{URL: "postgres://root:hunter2%@host/db"}, "not one that PostgreSQL understands"},
		"too small pool":   {Options{URL: "postgres://root:hunter2@host/db?pool_max_conns=1"}, "pool_max_conns"},
		"unreachable":      {Options{URL: "postgres://root:hunter2@127.0.0.1:1/db"}, "connect"},
		"no such folder":   {Options{URL: missing}, "no such file"},
		"negative age":     {Options{URL: missing, MaxActionAge: -1}, "max action age"},
		"negative tries":   {Options{URL: missing, MaxAttempts: -1}, "max attempts"},
		"too many workers": {Options{URL: missing, Workers: 1001}, "workers"},
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
