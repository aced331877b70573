package stream

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// newBackoff grows from shortest to longest, doubling, each interval drawn from
// within half of its length up or down.
func newBackoff(shortest, longest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = shortest, longest, 2
	return b
}

// pause waits out the next interval, or until ctx ends.
func pause(ctx context.Context, b *backoff.ExponentialBackOff) {
	t := time.NewTimer(b.NextBackOff())
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
