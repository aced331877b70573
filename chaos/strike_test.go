//go:build integration

package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// strike lets a fault happen. It returns once the next one may.
func (r *run) strike(ctx context.Context, f fault) error {
	target, err := r.target(ctx, f.replica)
	if err != nil {
		return err
	}
	r.struck = append(r.struck, strike{f, time.Now()})
	switch f.kind {
	case killed:
		r.later(f.lasts, target.start)
		return target.kill()
	case allKilled:
		if err := r.killAll(ctx); err != nil {
			return err
		}
		r.later(f.lasts, r.startAll)
		return nil
	case paused:
		r.later(f.lasts, target.wake)
		return target.pause()
	case overtaken:
		return r.overtake(ctx)
	case restarted:
		if err := target.stop(); err != nil {
			return err
		}
		r.later(f.lasts, target.start)
		return nil
	case reloaded:
		return r.reload(ctx)
	case brokerRestarted:
		return r.restart(ctx, r.kafka, r.kafka.stop, f.lasts)
	case brokerKilled:
		return r.restart(ctx, r.kafka, r.kafka.kill, f.lasts)
	case databaseStopped:
		return r.restart(ctx, r.postgres, r.postgres.stop, f.lasts)
	case databaseCrashed:
		return r.restart(ctx, r.postgres, r.postgres.kill, f.lasts)
	case diskFull:
		r.later(f.lasts, func() error { return r.setFull(false) })
		return r.setFull(true)
	case snapshotsTorn:
		return r.damage(ctx, f, tear)
	case snapshotsFlipped:
		return r.damage(ctx, f, flip)
	}
	return errors.New("a fault of no kind")
}

// target is a replica that runs and minds its signals: the given one, or else the
// next.
func (r *run) target(ctx context.Context, number int) (*replica, error) {
	var found *replica
	err := r.until(ctx, "a replica that runs", func(ctx context.Context) bool {
		for i := range r.replicas {
			if d := r.replicas[(number+i)%len(r.replicas)]; d.running() && d.alive(ctx) {
				found = d
				return true
			}
		}
		return false
	})
	return found, err
}

// killAll kills the replicas. Of one that is paused it waits for what it does when
// it wakes up: that is what it was paused for.
func (r *run) killAll(ctx context.Context) error {
	paused := func(d *replica) bool { return d.isPaused() }
	if slices.ContainsFunc(r.replicas, paused) {
		awake := func(context.Context) bool { return !slices.ContainsFunc(r.replicas, paused) }
		if err := r.until(ctx, "a paused replica to wake up", awake); err != nil {
			return err
		}
		if err := r.pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	var errs []error
	for _, d := range r.replicas {
		errs = append(errs, d.kill())
	}
	return errors.Join(errs...)
}

func (r *run) startAll() error {
	var errs []error
	for _, d := range r.replicas {
		errs = append(errs, d.start())
	}
	return errors.Join(errs...)
}

func (r *run) setFull(full bool) error {
	var errs []error
	for _, d := range r.replicas {
		errs = append(errs, d.setFull(full))
	}
	return errors.Join(errs...)
}

// reload puts the other rule set in force, in all replicas that mind a signal: the
// others read it when they start.
func (r *run) reload(ctx context.Context) error {
	r.rules = (r.rules + 1) % len(ruleFiles)
	if err := r.useRules(); err != nil {
		return err
	}
	for _, d := range r.replicas {
		if d.running() && d.alive(ctx) {
			if err := d.hangup(); err != nil {
				return err
			}
		}
	}
	return nil
}

// restart ends a server in some way, and starts it again after a while.
func (r *run) restart(ctx context.Context, s *server, end func() error, down time.Duration) error {
	if err := end(); err != nil {
		return err
	}
	if err := r.pause(ctx, down); err != nil {
		return err
	}
	return s.start(ctx)
}

// sound says whether each partition has a current snapshot that no fault has
// damaged.
func (r *run) sound(ctx context.Context) bool {
	owners, err := r.owners(ctx)
	if err != nil {
		return false
	}
	for p, owner := range owners {
		if slices.Contains(r.damaged, place{p, owner.snapshot}) {
			return false
		}
	}
	return true
}

// damage does something to the current snapshot of each partition, while no replica
// runs: with the next start it is the one to begin from, and the records before the
// older one are gone.
func (r *run) damage(ctx context.Context, f fault, do func(path string, random *rand.Rand) error) error {
	if err := r.until(ctx, "snapshots that are not damaged yet", r.sound); err != nil {
		return err
	}
	if err := r.killAll(ctx); err != nil {
		return err
	}
	before, err := r.owners(ctx)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(f.seed, 0))
	for p := range int32(partitions) {
		names, err := r.snapshots.List(ctx, topic, p)
		if err != nil {
			return err
		}
		for _, name := range names {
			if name.Next != before[p].snapshot {
				continue
			}
			// An earlier fault may have had a replica started already, which removed it.
			if err := do(fileOf(r.directory, name), random); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	after, err := r.owners(ctx)
	if err != nil {
		return err
	}
	for p, owner := range before {
		// Or else it has opened the partition before the damage was done.
		if owner == after[p] {
			r.damaged = append(r.damaged, place{p, owner.snapshot})
		}
	}
	return r.startAll()
}
