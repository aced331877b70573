package store

import (
	"context"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// wakingDriver is River's driver for SQLite, except that new jobs are announced
// within the process, the only one there is. River's own way is a table that it
// polls every 50 ms; to poll for jobs as often as a few milliseconds of latency
// need takes a tenth of a core.
//
// River does not promise to keep riverdriver.Listener as it is. If a later
// version stops calling it, jobs are still found by polling, and
// TestSQLiteAnnouncesJobs fails.
type wakingDriver struct {
	*riversqlite.Driver
	bell bell
}

// SupportsListenNotify keeps River from writing announcements to its table.
func (d wakingDriver) SupportsListenNotify() bool { return false }

// GetListener returns what River waits on for announcements.
func (d wakingDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.bell
}

// bell is rung when a transaction that enqueued jobs is committed. Its capacity
// is one: a ring that was not heard yet stands for all that follow it.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// WaitForNotification returns when jobs were added.
func (b bell) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b:
		return &riverdriver.Notification{Topic: "river_insert", Payload: `{"queue":"` + queue + `"}`}, nil
	}
}

// The rest of a listener is a connection's life, which a bell doesn't have.

func (bell) Close(context.Context) error            { return nil }
func (bell) Connect(context.Context) error          { return nil }
func (bell) Listen(context.Context, string) error   { return nil }
func (bell) Ping(context.Context) error             { return nil }
func (bell) Schema() string                         { return "" }
func (bell) SetAfterConnectExec(string)             {}
func (bell) Unlisten(context.Context, string) error { return nil }
