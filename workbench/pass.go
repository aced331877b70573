package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
)

// maxLine is the longest event that is read, in bytes.
const maxLine = 64 << 10

// pass is one pass over the events.
type pass struct {
	Events
	runs []*contest

	ids      *IDs // nil if nobody needs them
	accounts *distinct
	days     *distinct // pairs of an account and a day
	read     reading
	bad      badLines
}

// feed hands on the events of a partition, block by block; what it fills next is
// what f returns.
type feed func(ctx context.Context, f func(*block) (*block, error)) error

func (p *pass) over(ctx context.Context) error {
	seed := maphash.MakeSeed()
	limit := roughly
	if p.CountAccounts {
		limit = exactly
	}
	for _, r := range p.runs {
		r.fell = newOccurrences(seed)
		if p.CountAccounts || p.EstimateAccounts {
			r.alerted = newDistinct(seed, limit)
		}
	}
	if p.CountAccounts || p.EstimateAccounts {
		p.accounts = newDistinct(seed, limit)
	}
	if p.CountAccountDays {
		p.days = newDistinct(seed, exactly)
	}
	p.bad.w = p.Diagnostics
	err := p.all(ctx)
	p.sum()
	if err != nil {
		return err
	}
	for _, r := range p.runs {
		if err := r.Reporter.Finish(r.summary); err != nil {
			return err
		}
	}
	return nil
}

// all goes through all partitions.
func (p *pass) all(ctx context.Context) error {
	if p.Log == nil {
		return p.partition(ctx, 0, func(ctx context.Context, f func(*block) (*block, error)) error {
			return eachBlock(ctx, p.Files, p.Stdin, maxLine, p.Progress, f)
		})
	}
	for _, id := range p.Log.Partitions() {
		err := p.partition(ctx, id, func(ctx context.Context, f func(*block) (*block, error)) error {
			return eachRecordBlock(ctx, p.Log, id, f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// partition takes a partition through engines that know of no other.
func (p *pass) partition(ctx context.Context, id int32, feed feed) error {
	if slices.ContainsFunc(p.runs, func(r *contest) bool { return r.Reporter.NeedsIDs() }) {
		p.ids = new(IDs)
	}
	for _, r := range p.runs {
		var err error
		if r.evaluator, err = r.begin(id); err != nil {
			return err
		}
	}
	if err := p.through(ctx, feed); err != nil {
		return err
	}
	if err := p.bad.finish(); err != nil {
		return err
	}
	return p.each(func(r *contest) error { return r.finish(p.Window, p.ids) })
}

// through takes events through the engines. One goroutine reads and decodes ahead
// of those that evaluate, so that both of two cores have something to do; what
// comes out is what comes out of one.
func (p *pass) through(ctx context.Context, feed feed) error {
	const ahead = 4 // blocks
	free, ready := make(chan *decoded, ahead), make(chan *decoded, ahead)
	for range ahead {
		free <- &decoded{days: p.days}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(ready)
		decoder := intake.NewDecoder(intake.Options{MaxBytes: maxLine})
		current := <-free
		return feed(ctx, func(filled *block) (*block, error) {
			current.block = *filled
			if err := current.decode(decoder, p.Window, p.accounts); err != nil {
				return nil, err
			}
			ready <- current
			select {
			case current = <-free:
				return &current.block, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	})
	work.Go(func() error {
		for d := range ready {
			if err := p.evaluate(d); err != nil {
				return err
			}
			free <- d
		}
		return nil
	})
	return work.Wait()
}

// evaluate takes the events of a block through the engines, and reports.
func (p *pass) evaluate(d *decoded) error {
	if p.ids != nil {
		d.keepIDs(p.ids)
	}
	if err := p.bad.add(d); err != nil {
		return err
	}
	p.read.join(d.read)
	return p.each(func(r *contest) error { return r.evaluate(d.inputs, p.Window, p.ids) })
}

// each has f done with each contender, side by side.
func (p *pass) each(f func(*contest) error) error {
	var work sync.WaitGroup
	for _, r := range p.runs[1:] {
		work.Go(func() { r.err = f(r) })
	}
	first := p.runs[0]
	first.err = f(first)
	work.Wait()
	for _, r := range p.runs {
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// sum completes the summaries with what all contenders have in common.
func (p *pass) sum() {
	for _, r := range p.runs {
		p.accounts.join(r.alerted)
	}
	for _, r := range p.runs {
		s := &r.summary
		s.BadLines, s.Counted, s.WarmUp, s.Outside = p.bad.all, p.read.counted, p.read.warmUp, p.read.outside
		s.Occurrences = r.fell.byRule
		s.First, s.Last = p.read.first, p.read.last
		s.Accounts, s.AccountsEstimated = p.accounts.count(), p.accounts.estimated()
		s.AccountDays = p.days.count()
	}
}

// reading is what there is to say of events before any rule sees them.
type reading struct {
	warmUp, outside int64
	counted         int64
	first, last     holdfast.Instant // of those that are counted
}

func (r *reading) add(t holdfast.Instant) {
	if r.counted == 0 {
		r.first, r.last = t, t
	}
	r.counted++
	r.first, r.last = min(r.first, t), max(r.last, t)
}

func (r *reading) join(other reading) {
	if other.counted > 0 {
		n := r.counted
		r.add(other.first)
		r.add(other.last)
		r.counted = n + other.counted
	}
	r.warmUp += other.warmUp
	r.outside += other.outside
}

// decoded is a block whose events have been read, and the events that are none.
type decoded struct {
	block  block
	events []holdfast.Event
	valid  []bool // by line
	inputs []detector.Input
	bad    []error // in the order of the lines
	read   reading
	days   *distinct // of the pass
}

// decode reads the events of a block. There is none in an empty line, and none in
// a bad one.
func (d *decoded) decode(decoder *intake.Decoder, w Window, accounts *distinct) error {
	lines := d.block.lines
	if more := len(lines) - len(d.events); more > 0 {
		d.events = append(d.events, make([]holdfast.Event, more)...)
	}
	d.valid, d.inputs, d.bad, d.read = d.valid[:0], d.inputs[:0], d.bad[:0], reading{}
	for i := range lines {
		l := &lines[i]
		if !l.record && !l.long && len(bytes.TrimSpace(l.bytes)) == 0 {
			d.valid = append(d.valid, false)
			continue
		}
		e := &d.events[i]
		err := decoder.Scan(l.bytes, l.broker, e)
		d.valid = append(d.valid, err == nil)
		var bad *intake.Error
		switch {
		case errors.As(err, &bad):
			d.bad = append(d.bad, fmt.Errorf("%s: %w", l.place(), bad))
			continue
		case err != nil:
			return err
		case !w.shows(e.Time):
			d.read.outside++
			continue
		case !w.counts(e.Time):
			d.read.warmUp++
		default:
			d.read.add(e.Time)
			accounts.add(e.Account)
			d.days.addOn(e.Account, e.Time)
		}
		d.inputs = append(d.inputs, detector.Input{Event: e, Offset: l.offset, Broker: brokerTime(l.broker)})
	}
	return nil
}

// brokerTime is a record's time as the engine takes it, 0 for none.
func brokerTime(t time.Time) holdfast.Instant {
	if t.IsZero() {
		return 0
	}
	i, err := holdfast.InstantOf(t)
	if err != nil {
		return 0
	}
	return i
}

// keepIDs remembers the ids of a block's events.
func (d *decoded) keepIDs(ids *IDs) {
	for i, valid := range d.valid {
		if valid {
			ids.add(d.block.lines[i].offset, d.events[i].ID)
		}
	}
}
