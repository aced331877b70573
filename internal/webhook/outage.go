package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Outage tells a log that the other side of a queue's tries is out of reach, and
// that it works again: once each, however many tries fail in between. It is safe
// for concurrent use.
type Outage struct {
	logger *slog.Logger
	name   string // what is out, for the log: "SMS channel"

	mu    sync.Mutex
	since time.Time // of the first failure that no success has followed; zero without one
	said  time.Time // when a begin was logged last
	open  bool      // its end has not been logged
}

// NewOutage makes an Outage of what name says, such as "SMS channel".
func NewOutage(logger *slog.Logger, name string) *Outage {
	return &Outage{logger: logger, name: name}
}

// betweenOutages keeps a side that fails every other try from filling the log:
// what begins sooner after the last begin is logged once it has lasted.
const betweenOutages = time.Minute

// Tried takes down how a try ended: nil if the other side answered as it should.
// A try that was cut short by our own shutdown says nothing of the other side.
func (o *Outage) Tried(ctx context.Context, err error) {
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.works()
	} else {
		o.fails(err)
	}
}

func (o *Outage) fails(err error) {
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	if o.open || !o.said.IsZero() && now.Sub(o.said) < betweenOutages {
		return
	}
	o.said, o.open = now, true
	o.logger.Warn(o.name+" is interrupted, retrying", "error", err)
}

func (o *Outage) works() {
	if o.open {
		o.logger.Info(o.name+" works again", "after", time.Since(o.since).Round(time.Millisecond).String())
	}
	o.since, o.open = time.Time{}, false
}
