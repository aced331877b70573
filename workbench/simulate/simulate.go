// Package simulate makes up the events of an online service: people who log in, get
// new phones, travel, mistype and wait for slow messages, and attackers among
// them, with labels that say which they are. The same options give the same
// bytes, on every machine. What is written is described in docs/simulation.md. The
// package evaluates no rule, and nothing in an event tells whose it is.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/workbench/labels"
)

// The bounds of the options.
const (
	MaxAccounts = 5_000_000 // each takes some 450 bytes
	MaxDays     = 366
	MaxAttacks  = 50.0
)

// DefaultAttacks is the rate that a command takes where none is given.
const DefaultAttacks = 3.0

// Options say what is simulated.
type Options struct {
	// Accounts is how many accounts there are, 10 to MaxAccounts.
	Accounts int
	// Days is how long the simulation lasts, 1 to MaxDays.
	Days int
	// Seed tells one simulation from another.
	Seed uint64
	// Start is the time at which it begins, from 2000 to 2200, cut to the
	// millisecond. Defaults to 2026-11-02, a Monday, at midnight UTC.
	Start time.Time
	// Attacks is how many accounts are attacked of 1,000 in a day, 0 to MaxAttacks.
	// 0 is none; otherwise there is at least one attack of each scenario.
	Attacks float64
}

// Check returns what is wrong with the options, as an ErrOptions; nil if nothing is.
func (o Options) Check() error {
	if err := o.withDefaults().check(); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Accounts < 10 || o.Accounts > MaxAccounts:
		return fmt.Errorf("%d accounts: take 10 to %d", o.Accounts, MaxAccounts)
	case o.Days < 1 || o.Days > MaxDays:
		return fmt.Errorf("%d days: take 1 to %d", o.Days, MaxDays)
	case o.Start.Year() < 2000 || o.Start.Year() > 2200:
		return fmt.Errorf("starting in %d: take a year from 2000 to 2200", o.Start.Year())
	case !(o.Attacks >= 0 && o.Attacks <= MaxAttacks):
		return fmt.Errorf("%g attacks for 1,000 accounts and day: take 0 to %g", o.Attacks, MaxAttacks)
	}
	return nil
}

// ErrOptions is wrapped by errors of the options.
var ErrOptions = errors.New("invalid simulation")

// Summary is what was simulated.
type Summary struct {
	Events   int64
	First    holdfast.Instant
	Last     holdfast.Instant
	Attacks  int // labels
	Accounts int // that the events name
}

// world is a simulation under way.
type world struct {
	opts       Options
	dice       dice
	atlas      *atlas
	accounts   []account
	mayJoin    bool // accounts may sign up during the simulation
	start, end holdfast.Instant
	made       uint64   // accounts beyond those of the list
	named      []uint64 // a bit for each account that an event names

	wakes   queue // when accounts are used next
	pending queue // steps, by their arrival
	steps   []step
	free    []uint32 // of steps
	order   uint64
	days    calendar
	labels  []labels.Label
}

// Run writes the events, one JSON object a line, in the order in which they arrive:
// nearly that of their times. It returns the labels of the attacks by the time at
// which they begin. Errors are those of the options (ErrOptions), of events, or of
// the context.
func Run(ctx context.Context, opts Options, events io.Writer) (Summary, []labels.Label, error) {
	if err := opts.Check(); err != nil {
		return Summary{}, nil, err
	}
	w := newWorld(opts.withDefaults())
	summary, err := w.run(ctx, events)
	if err != nil {
		return summary, nil, err
	}
	slices.SortStableFunc(w.labels, func(a, b labels.Label) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	})
	return summary, w.labels, nil
}

func newWorld(opts Options) *world {
	w := &world{
		opts: opts, dice: newDice(opts.Seed), atlas: newAtlas(opts.Accounts),
		start: holdfast.Instant(opts.Start.Truncate(time.Millisecond).UnixNano()), mayJoin: true,
	}
	w.end = w.start.Add(time.Duration(opts.Days) * 24 * time.Hour)
	w.accounts = make([]account, opts.Accounts)
	for i := range w.accounts {
		a := &w.accounts[i]
		*a = w.open(uint32(i))
		first := w.nextUse(a, w.start)
		if a.flags&signsUp != 0 {
			first = w.start.Add(w.dice.between(0, w.end.Sub(w.start)))
		}
		if first < w.end {
			w.wakes.push(due{at: first, order: uint64(i), index: uint32(i)})
		}
	}
	return w
}

// run makes one thing happen after the other, until nothing is left.
func (w *world) run(ctx context.Context, events io.Writer) (Summary, error) {
	const flush = 1 << 18
	var summary Summary
	plans := w.plans()
	buffer := make([]byte, 0, flush+1<<12)
	for {
		next := w.wakes.next()
		planned := len(plans) > 0 && plans[0].at <= next
		if planned {
			next = plans[0].at
		}
		if arrives := w.pending.next(); arrives <= next {
			if arrives == never {
				break
			}
			item := w.pending.pop()
			s := &w.steps[item.index]
			buffer = w.write(buffer, s)
			if w.names(s.account) {
				summary.Accounts++
			}
			w.free = append(w.free, item.index)
			if summary.Events == 0 || s.at < summary.First {
				summary.First = s.at
			}
			summary.Last = max(summary.Last, s.at)
			summary.Events++
			if len(buffer) >= flush {
				if err := ctx.Err(); err != nil {
					return summary, err
				}
				if _, err := events.Write(buffer); err != nil {
					return summary, fmt.Errorf("writing events: %w", err)
				}
				buffer = buffer[:0]
			}
			continue
		}
		if planned {
			w.strike(plans[0])
			plans = plans[1:]
			continue
		}
		w.wake()
	}
	if _, err := events.Write(buffer); err != nil {
		return summary, fmt.Errorf("writing events: %w", err)
	}
	summary.Attacks = len(w.labels)
	return summary, nil
}

// names notes that an event names the account of an index, and reports whether it
// is the first one to do so.
func (w *world) names(index uint64) bool {
	const bits = 64
	for uint64(len(w.named)) <= index/bits {
		w.named = append(w.named, 0)
	}
	bit := uint64(1) << (index % bits)
	first := w.named[index/bits]&bit == 0
	w.named[index/bits] |= bit
	return first
}

// wake is the next account's turn.
func (w *world) wake() {
	item := w.wakes[0]
	a := &w.accounts[item.index]
	if w.daily(a, 40) {
		w.recycled(item.index, item.at)
	}
	over := w.live(item.index, item.at)
	item.at = w.nextUse(a, max(over, item.at))
	if item.at < w.end {
		w.wakes.replaceFirst(item)
	} else {
		w.wakes.pop()
	}
}

// another is the index of an account beyond those of the list.
func (w *world) another() uint64 {
	w.made++
	return uint64(len(w.accounts)) + w.made - 1
}

// schedule puts a step into the queue. It arrives some milliseconds after it
// happened; seldom seconds later, and very seldom minutes, as from a client that
// was offline. One in a thousand arrives twice, as producers repeat what was
// not acknowledged in time.
func (w *world) schedule(s step) {
	d := w.dice
	w.order++
	s.order = w.order
	arrives := s.at.Add(d.between(2*time.Millisecond, 40*time.Millisecond))
	switch u := d.below(100_000); {
	case u < 5:
		arrives = arrives.Add(d.between(time.Minute, 12*time.Minute))
	case u < 300:
		arrives = arrives.Add(d.between(100*time.Millisecond, 3*time.Second))
	}
	w.put(s, arrives)
	if d.chance(0.001) {
		w.put(s, arrives.Add(d.between(20*time.Millisecond, 5*time.Second)))
	}
}

func (w *world) put(s step, arrives holdfast.Instant) {
	var index uint32
	if last := len(w.free) - 1; last >= 0 {
		index, w.free = w.free[last], w.free[:last]
		w.steps[index] = s
	} else {
		index = uint32(len(w.steps))
		w.steps = append(w.steps, s)
	}
	w.pending.push(due{at: arrives, order: s.order, index: index})
}
