package stream

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outage keeps count of what fails of a connection, so that its fall and its
// recovery are each logged once, however many parts of it are retried how often.
type outage struct {
	logger *slog.Logger
	name   string           // what is out, for the log: "Kafka input"
	up     prometheus.Gauge // 1 while nothing fails

	mu      sync.Mutex
	failing map[string]error // by the part that fails
	cause   error            // of what failed first
	since   time.Time
}

func newOutage(logger *slog.Logger, name string, up prometheus.Gauge) *outage {
	return &outage{logger: logger, name: name, up: up, failing: map[string]error{}}
}

// fails says that a part does not work and is being retried.
func (o *outage) fails(part string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failing) == 0 {
		o.cause, o.since = fmt.Errorf("%s: %w", part, err), time.Now()
		o.up.Set(0)
		o.logger.Warn(o.name+" is interrupted, retrying", "part", part, "error", err)
	} else if o.failing[part] == nil {
		o.logger.Debug(o.name+" fails in another part", "part", part, "error", err)
	}
	o.failing[part] = err
}

// works says that a part works. The first time, it brings the connection up.
func (o *outage) works(part string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := len(o.failing)
	delete(o.failing, part)
	if len(o.failing) > 0 {
		return
	}
	o.up.Set(1)
	if was > 0 {
		o.logger.Info(o.name+" works again", "after", time.Since(o.since).Round(time.Millisecond).String())
	}
}

// err is nil while nothing fails, else what failed first.
func (o *outage) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failing) == 0 {
		return nil
	}
	return o.cause
}
