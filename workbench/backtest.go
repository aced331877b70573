package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
)

// maxLine is the longest event that is read, in bytes.
const maxLine = 64 << 10

// Reporter is told what a backtest finds, in the order in which it happens.
type Reporter interface {
	// NeedsIDs says whether Alert looks at ids. To keep them takes memory.
	NeedsIDs() bool
	// Alert is called with each alert as it fires. ids names the events of the
	// input by their offset.
	Alert(a *holdfast.Alert, ids *IDs) error
	// Finish is called once, after the last event.
	Finish(s Summary) error
}

// Summary is what a backtest went through.
type Summary struct {
	Events      int64 // taken in by the engine
	BadLines    int64
	Duplicates  int64
	Late        int64            // behind the watermark
	Occurrences map[string]int64 // by alert id: how often a suppressed alert was fed
}

// Backtest runs the rules over the events of files, in their order, as if they
// were one partition.
type Backtest struct {
	// Engine configures the engine. Its Partition is 0.
	Engine detector.Options
	// Rules are the rules to run. Required.
	Rules *rules.Set
	// Reporter receives the alerts. Required.
	Reporter Reporter
	// Diagnostics receives a line for each bad line of the input, as
	// file:line: reason. Required.
	Diagnostics io.Writer
	// Stdin is read for the file name "-".
	Stdin io.Reader
}

// Run reads the files and reports. The returned summary is valid even when the
// input had bad lines; whether those are an error is for the caller to say.
//
// Where the rules allow it, the accounts are divided among the processors. What
// comes out is the same.
func (b *Backtest) Run(ctx context.Context, files ...string) (Summary, error) {
	n := runtime.GOMAXPROCS(0)
	if !divisible(b.Rules) || slices.Contains(files, Stdin) { // which can't be read a second time
		n = 1
	}
	return b.run(ctx, n, files)
}

// run is Run with the accounts divided by n.
func (b *Backtest) run(ctx context.Context, n int, files []string) (Summary, error) {
	opts := b.Engine
	opts.Rules = b.Rules
	run := backtestRun{Backtest: b}
	if n > 1 {
		divided, err := newShards(n, opts)
		if err != nil {
			return Summary{}, err
		}
		summary, err := run.over(ctx, divided, files)
		if !errors.Is(err, errIndivisible) {
			return summary, err
		}
		// Once more with one engine; what was reported already comes out again first.
		run = backtestRun{Backtest: b, saidAlerts: run.alerts, saidBad: int(run.summary.BadLines)}
	}
	engine, err := detector.New(opts)
	if err != nil {
		return Summary{}, err
	}
	return run.over(ctx, whole{engine}, files)
}

// backtestRun is one pass over the files.
type backtestRun struct {
	*Backtest
	evaluator evaluator
	ids       IDs
	out       detector.Output
	summary   Summary
	alerts    int // reported, or met once more

	// How many alerts and bad lines have been reported before.
	saidAlerts, saidBad int
}

func (b *backtestRun) over(ctx context.Context, e evaluator, files []string) (Summary, error) {
	b.evaluator, b.summary.Occurrences = e, make(map[string]int64)
	if err := b.read(ctx, files); err != nil {
		return b.summary, err
	}
	b.out.Reset()
	e.finish(&b.out)
	if err := b.report(); err != nil {
		return b.summary, err
	}
	stats := e.stats()
	b.summary.Events, b.summary.Duplicates, b.summary.Late = stats.Events, stats.Duplicates, stats.Late
	return b.summary, b.Reporter.Finish(b.summary)
}

// read takes the files through the engine. One goroutine reads and decodes ahead
// of the one that evaluates, so that both of two cores have something to do; what
// comes out is what comes out of one.
func (b *backtestRun) read(ctx context.Context, files []string) error {
	const ahead = 4 // blocks
	free, ready := make(chan *decoded, ahead), make(chan *decoded, ahead)
	for range ahead {
		free <- new(decoded)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(ready)
		decoder := intake.NewDecoder(intake.Options{MaxBytes: maxLine})
		current := <-free
		return eachBlock(ctx, files, b.Stdin, maxLine, func(filled *block) (*block, error) {
			current.block = *filled
			if err := current.decode(decoder); err != nil {
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
			if err := b.evaluate(d); err != nil {
				return err
			}
			free <- d
		}
		return nil
	})
	return work.Wait()
}

// decoded is a block whose events have been read, and the events that are none.
type decoded struct {
	block  block
	events []holdfast.Event
	valid  []bool // by line
	inputs []detector.Input
	bad    []error // in the order of the lines
}

// decode reads the events of a block. There is none in an empty line, and none in
// a bad one.
func (d *decoded) decode(decoder *intake.Decoder) error {
	lines := d.block.lines
	if more := len(lines) - len(d.events); more > 0 {
		d.events = append(d.events, make([]holdfast.Event, more)...)
	}
	d.valid, d.inputs, d.bad = d.valid[:0], d.inputs[:0], d.bad[:0]
	for i := range lines {
		l := &lines[i]
		if !l.long && len(bytes.TrimSpace(l.bytes)) == 0 {
			d.valid = append(d.valid, false)
			continue
		}
		err := decoder.Scan(l.bytes, time.Time{}, &d.events[i])
		d.valid = append(d.valid, err == nil)
		var bad *intake.Error
		switch {
		case err == nil:
			d.inputs = append(d.inputs, detector.Input{Event: &d.events[i], Offset: l.offset})
		case errors.As(err, &bad):
			d.bad = append(d.bad, fmt.Errorf("%s:%d: %w", l.file, l.number, bad))
		default:
			return err
		}
	}
	return nil
}

// evaluate takes the events of a block through the engine, and reports.
func (b *backtestRun) evaluate(d *decoded) error {
	if b.Reporter.NeedsIDs() {
		b.keepIDs(d)
	}
	for _, err := range d.bad {
		if b.summary.BadLines++; b.summary.BadLines <= int64(b.saidBad) {
			continue
		}
		if _, err := fmt.Fprintln(b.Diagnostics, err); err != nil {
			return err
		}
	}
	b.out.Reset()
	if err := b.evaluator.process(d.inputs, &b.out); err != nil {
		return err
	}
	return b.report()
}

// keepIDs remembers the ids of a block's events.
func (b *backtestRun) keepIDs(d *decoded) {
	for i, valid := range d.valid {
		if valid {
			b.ids.add(d.events[i].ID)
		} else {
			b.ids.add("")
		}
	}
}

// report passes on what came out of the engine.
func (b *backtestRun) report() error {
	for i := range b.out.Alerts {
		if b.alerts++; b.alerts <= b.saidAlerts {
			continue
		}
		if err := b.Reporter.Alert(&b.out.Alerts[i], &b.ids); err != nil {
			return err
		}
	}
	for _, o := range b.out.Occurrences {
		b.summary.Occurrences[o.Alert] = o.Count
	}
	return nil
}

// IDs are the ids of the events of an input, by offset: the engine itself
// remembers places, not names.
type IDs struct {
	blocks []idBlock
}

// idBlock is the ids of some events in a row, in one piece of memory.
type idBlock struct {
	text []byte
	ends []uint32
}

// idsPerBlock is how many events a block names.
const idsPerBlock = 1 << 14

func (ids *IDs) add(id string) {
	last := len(ids.blocks) - 1
	if last < 0 || len(ids.blocks[last].ends) == idsPerBlock {
		size := 16 * idsPerBlock
		if last >= 0 {
			size = len(ids.blocks[last].text) * 9 / 8
		}
		ids.blocks = append(ids.blocks, idBlock{make([]byte, 0, size), make([]uint32, 0, idsPerBlock)})
		last++
	}
	b := &ids.blocks[last]
	b.text = append(b.text, id...)
	b.ends = append(b.ends, uint32(len(b.text)))
}

// At returns the id of the event at an offset; "" if it had none.
func (ids *IDs) At(offset int64) string {
	if offset < 0 || offset/idsPerBlock >= int64(len(ids.blocks)) {
		return ""
	}
	b, i := &ids.blocks[offset/idsPerBlock], int(offset%idsPerBlock)
	if i >= len(b.ends) {
		return ""
	}
	start := uint32(0)
	if i > 0 {
		start = b.ends[i-1]
	}
	return string(b.text[start:b.ends[i]])
}
