package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
)

// maxLine is the longest event that is read, in bytes.
const maxLine = 64 << 10

// Reporter is told what a backtest finds, in the order in which it happens.
type Reporter interface {
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
	run := backtestRun{
		Backtest: b, engine: engine,
		decoder: intake.NewDecoder(intake.Options{MaxBytes: maxLine}),
		summary: Summary{Occurrences: make(map[string]int64)},
	}
	if err := eachBatch(ctx, files, b.Stdin, maxLine, run.batch); err != nil {
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
	decoder *intake.Decoder
	ids     IDs
	out     detector.Output
	summary Summary
	events  [batchLines]holdfast.Event
	inputs  []detector.Input
}

// batch decodes some lines, and takes the events through the engine.
func (b *backtestRun) batch(lines []line) error {
	b.inputs = b.inputs[:0]
	for i := range lines {
		event := &b.events[i]
		ok, err := b.decode(&lines[i], event)
		if err != nil {
			return err
		}
		if !ok {
			b.ids.add("")
			continue
		}
		b.ids.add(event.ID)
		b.inputs = append(b.inputs, detector.Input{Event: event, Offset: lines[i].offset})
	}
	b.out.Reset()
	b.engine.ProcessAll(b.inputs, &b.out)
	return b.report()
}

// decode reads the event of a line. There is none in an empty line, and none in a
// bad one, which is reported.
func (b *backtestRun) decode(l *line, event *holdfast.Event) (bool, error) {
	if !l.long && len(bytes.TrimSpace(l.bytes)) == 0 {
		return false, nil
	}
	err := b.decoder.Scan(l.bytes, time.Time{}, event)
	if err == nil {
		return true, nil
	}
	b.summary.BadLines++
	var bad *intake.Error
	if !errors.As(err, &bad) {
		return false, err
	}
	_, err = fmt.Fprintf(b.Diagnostics, "%s:%d: %s\n", l.file, l.number, bad)
	return false, err
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
