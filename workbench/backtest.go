package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
func (b *Backtest) Run(ctx context.Context, files ...string) (Summary, error) {
	opts := b.Engine
	opts.Rules = b.Rules
	engine, err := detector.New(opts)
	if err != nil {
		return Summary{}, err
	}
	run := backtestRun{Backtest: b, engine: engine, summary: Summary{Occurrences: make(map[string]int64)}}
	if err := run.read(ctx, files); err != nil {
		return run.summary, err
	}
	run.out.Reset()
	engine.Finish(&run.out)
	if err := run.report(); err != nil {
		return run.summary, err
	}
	stats := engine.Stats()
	run.summary.Events, run.summary.Duplicates, run.summary.Late = stats.Events, stats.Duplicates, stats.Late
	return run.summary, b.Reporter.Finish(run.summary)
}

type backtestRun struct {
	*Backtest
	engine  *detector.Engine
	ids     IDs
	out     detector.Output
	summary Summary
}

// decoded is a block whose events have been read, and the events that are none.
type decoded struct {
	block  block
	events []holdfast.Event
	valid  []bool // by line
	inputs []detector.Input
	bad    []error // in the order of the lines
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
	b.summary.BadLines += int64(len(d.bad))
	for _, err := range d.bad {
		if _, err := fmt.Fprintln(b.Diagnostics, err); err != nil {
			return err
		}
	}
	b.out.Reset()
	b.engine.ProcessAll(d.inputs, &b.out)
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
