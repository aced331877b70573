package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// untilDone tries again until it succeeds or ctx ends, saying once that what it
// needs is down and once that it is back. What another try would not mend it
// returns: a refusal, and that the partition has another owner, which it makes a
// [stream.ErrTaken].
func (p *Pipeline) untilDone(ctx context.Context, partition int32, what string, try func() error) error {
	down := false
	defer func() {
		if down {
			p.metrics.blocked.WithLabelValues(what).Dec()
			p.blocked.Add(-1)
		}
	}()
	err := keepTrying(ctx, try, func(err error) {
		p.opts.Logger.Error("The partition can't go on and waits until it works again",
			"partition", partition, "waits_for", what, "error", err)
		down = true
		p.metrics.blocked.WithLabelValues(what).Inc()
		p.blocked.Add(1)
	})
	switch {
	case err == nil && down:
		p.opts.Logger.Info("The partition goes on", "partition", partition, "waited_for", what)
	case errors.Is(err, store.ErrFenced):
		return taken(err)
	}
	return err
}

// keepTrying tries again, with growing pauses, until it succeeds, ctx ends or
// another try would not mend it. After the first failure it calls failing once.
func keepTrying(ctx context.Context, try func() error, failing func(error)) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	said := false
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrNotFound) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !said {
				said = true
				failing(err)
			}
		}))
	return err
}

// taken says it to the stream.
func taken(err error) error { return fmt.Errorf("%w: %w", stream.ErrTaken, err) }
