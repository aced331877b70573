package workbench

import (
	"context"
	"io"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// Contender is a set of rules that is run over events, and who is told of it.
type Contender struct {
	// Rules are the rules to run. Required.
	Rules *rules.Set
	// Engine configures the engine; its Partition and Rules are not looked at.
	Engine detector.Options
	// Reporter receives the alerts. Required. Those of different contenders are
	// told at the same time.
	Reporter Reporter
}

// Events are what rules are run over.
type Events struct {
	// Files are read in their order, as if they were one partition. A name that
	// ends in .gz or .zst is decompressed; [Stdin] is the standard input.
	Files []string
	// Stdin is read for the name [Stdin].
	Stdin io.Reader
	// Log is read instead of files, if it is set.
	Log Log
	// Window says which of the events count. Defaults to all.
	Window Window
	// CountAccounts says that [Summary.Accounts] is wanted. It takes 16 bytes an
	// account, and a tenth of the time that evaluating takes.
	CountAccounts bool
	// EstimateAccounts says that an estimate will do where there are more than
	// 16,384 accounts: it is off by 1% or so, and takes next to nothing.
	EstimateAccounts bool
	// CountAccountDays says that [Summary.AccountDays] is wanted: up to 32 bytes for
	// each, and an estimate beyond 16 million.
	CountAccountDays bool
	// Diagnostics receives a line for each bad line of the input, as
	// file:line: reason: of each file the first 20, then how many more there are.
	// Required.
	Diagnostics io.Writer
	// Progress, if it is set, is told again and again how many bytes of the files
	// have been read, as they lie on the disk. The number goes back to 0 where they
	// are read a second time.
	Progress func(read int64)
}

// Window is the part of the events that counts, by event time.
type Window struct {
	// From is the time of the first event that the rules see, nil for no bound. It
	// comes before Since, so that the engine knows what led there: which devices an
	// account has, what is suppressed.
	From *holdfast.Instant
	// Since is the time from which alerts are reported, nil for no bound.
	Since *holdfast.Instant
	// Until is the time before which the events are that the rules see, and the
	// alerts that are reported; nil for no bound.
	Until *holdfast.Instant
}

// shows reports whether the rules see an event of a time.
func (w Window) shows(t holdfast.Instant) bool {
	return (w.From == nil || t >= *w.From) && (w.Until == nil || t < *w.Until)
}

// counts reports whether an event or alert of a time is more than warming up.
func (w Window) counts(t holdfast.Instant) bool {
	return (w.Since == nil || t >= *w.Since) && (w.Until == nil || t < *w.Until)
}

// RunAll runs several sets of rules over the same events in one pass: each event
// is read once and shown to an engine of each contender, side by side. The
// summaries are in the order of the contenders, and valid even when the input had
// bad lines. A file that has bad lines and no event ends the run with a
// [NoEventError].
func RunAll(ctx context.Context, events Events, contenders ...Contender) ([]Summary, error) {
	p := pass{Events: events}
	for _, c := range contenders {
		p.runs = append(p.runs, &contest{Contender: c, begin: c.whole})
	}
	err := p.over(ctx)
	summaries := make([]Summary, len(p.runs))
	for i, r := range p.runs {
		summaries[i] = r.summary
	}
	return summaries, err
}

// whole is an evaluator of one engine.
func (c Contender) whole(partition int32) (evaluator, error) {
	opts := c.Engine
	opts.Rules, opts.Partition = c.Rules, partition
	engine, err := detector.New(opts)
	if err != nil {
		return nil, err
	}
	return whole{engine}, nil
}

// contest is what a contender has come to in a pass over the events.
type contest struct {
	Contender
	begin     func(partition int32) (evaluator, error)
	evaluator evaluator
	out       detector.Output
	summary   Summary
	fell      occurrences
	alerted   *distinct // accounts with a reported alert; nil if they are not counted
	alerts    int       // reported, or met once more
	said      int       // how many have been reported before
	err       error     // of the last block
}

// evaluate takes events through the engine, and reports.
func (c *contest) evaluate(events []detector.Input, w Window, ids *IDs) error {
	c.out.Reset()
	if err := c.evaluator.process(events, &c.out); err != nil {
		return err
	}
	return c.report(w, ids)
}

// finish is the end of a partition.
func (c *contest) finish(w Window, ids *IDs) error {
	c.out.Reset()
	c.evaluator.finish(&c.out)
	stats := c.evaluator.stats()
	c.summary.Events += stats.Events
	c.summary.Duplicates += stats.Duplicates
	c.summary.Late += stats.Late
	return c.report(w, ids)
}

// report passes on what came out of the engine.
func (c *contest) report(w Window, ids *IDs) error {
	for i := range c.out.Alerts {
		a := &c.out.Alerts[i]
		if !w.counts(a.Time) {
			c.fell.leaveOut(a.ID)
			continue
		}
		c.alerted.add(a.Account)
		if c.alerts++; c.alerts <= c.said {
			continue
		}
		if err := c.Reporter.Alert(a, ids); err != nil {
			return err
		}
	}
	for _, o := range c.out.Occurrences {
		c.fell.add(o)
	}
	return nil
}
