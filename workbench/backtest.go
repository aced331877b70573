package workbench

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// Reporter is told what a backtest finds, in the order in which it happens.
type Reporter interface {
	// NeedsIDs says whether Alert looks at ids. To keep them takes memory.
	NeedsIDs() bool
	// Alert is called with each alert as it fires. ids names the events of the
	// input by their offset. Neither is to be kept.
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
	Occurrences map[string]int64 // by rule: how often its suppressed alerts were fed

	// The events by the window, duplicates included: those that count, those before
	// Window.Since, and those that the rules did not see.
	Counted, WarmUp, Outside int64
	// First and Last are the times of the oldest and newest event that counts; 0
	// if there is none.
	First, Last holdfast.Instant
	// Accounts is how many accounts the events are of that count, or the alerts:
	// one that was held back may fire for an account that is silent since. It is
	// counted where Events.CountAccounts or Events.EstimateAccounts asks for it; AccountsEstimated
	// that it is an estimate.
	Accounts          int
	AccountsEstimated bool
	// AccountDays is how many pairs there are of an account and a day of UTC on
	// which an event of it counts, where Events.CountAccountDays asks for it.
	AccountDays int
}

// Backtest runs the rules over the events of files, in their order, as if they
// were one partition, or over those of a log, each of whose partitions has an
// engine of its own.
type Backtest struct {
	// Engine configures the engine. Its Partition is 0.
	Engine detector.Options
	// Rules are the rules to run. Required.
	Rules *rules.Set
	// Reporter receives the alerts. Required.
	Reporter Reporter

	// What follows is as in Events.

	Diagnostics      io.Writer
	Stdin            io.Reader
	Log              Log
	Window           Window
	CountAccounts    bool
	EstimateAccounts bool
	CountAccountDays bool
	Progress         func(read int64)
}

// Run reads the files and reports. The returned summary is valid even when the
// input had bad lines; whether those are an error is for the caller to say.
//
// Where the rules allow it, the accounts are divided among the processors. What
// comes out is the same.
func (b *Backtest) Run(ctx context.Context, files ...string) (Summary, error) {
	n := runtime.GOMAXPROCS(0)
	// A log is never divided: shards don't know of the time that a broker gives.
	if !divisible(b.Rules) || b.Log != nil || slices.Contains(files, Stdin) { // which can't be read a second time
		n = 1
	}
	return b.run(ctx, n, files)
}

// run is Run with the accounts divided by n.
func (b *Backtest) run(ctx context.Context, n int, files []string) (Summary, error) {
	events := Events{
		Files: files, Stdin: b.Stdin, Log: b.Log, Window: b.Window,
		CountAccounts: b.CountAccounts, EstimateAccounts: b.EstimateAccounts, CountAccountDays: b.CountAccountDays,
		Diagnostics: b.Diagnostics, Progress: b.Progress,
	}
	c := Contender{Rules: b.Rules, Engine: b.Engine, Reporter: b.Reporter}
	p, r := pass{Events: events}, &contest{Contender: c, begin: c.whole}
	if n > 1 {
		opts := b.Engine
		opts.Rules = b.Rules
		r.begin = func(int32) (evaluator, error) { return newShards(n, opts) }
	}
	p.runs = []*contest{r}
	err := p.over(ctx)
	if errors.Is(err, errIndivisible) {
		// Once more with one engine; what was reported already comes out again first.
		r = &contest{Contender: c, begin: c.whole, said: r.alerts}
		p = pass{Events: events, runs: []*contest{r}, bad: badLines{before: p.bad.said}}
		err = p.over(ctx)
	}
	return r.summary, err
}
