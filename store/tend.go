package store

import (
	"context"
	"errors"
	"time"
)

// tend looks after the queue until ctx is done: it rescues orphaned jobs and
// counts what is waiting.
func (s *Store) tend(ctx context.Context) {
	tick := time.NewTicker(s.opts.tendEvery)
	defer tick.Stop()
	for failing := false; ; {
		err := errors.Join(s.rescue(ctx), s.countWaiting(ctx))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			s.log.Warn("The queue can't be looked after; trying on", "error", err)
		case err == nil && failing:
			s.log.Info("The queue is looked after again")
		}
		failing = err != nil

		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Store) rescue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return s.db.rescue(ctx)
}

func (s *Store) countWaiting(ctx context.Context) error {
	var n int64
	err := s.read(ctx, func(scan scan) error { return scan(&n) },
		"SELECT COUNT(*) FROM holdfast_actions WHERE state IN ('pending', 'started')")
	if err == nil {
		s.metrics.waiting.Set(float64(n))
	}
	return err
}
