package ruletest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

// Runner runs tests.
type Runner struct {
	// Engine configures the engines. Rules and Partition are set by the Runner.
	Engine detector.Options
	// Wanted says which tests are run, by name. Defaults to all.
	Wanted func(name string) bool
}

// Result is what came of a test.
type Result struct {
	File    string
	Test    *Test
	Elapsed time.Duration
	// Missing are the expected alerts that did not fire.
	Missing []Expectation
	// Fired are all alerts, in firing order.
	Fired []Fired
	// Why explains, rule by rule, what the test did not expect.
	Why []Explanation
}

// Passed reports whether everything was as the test expects it.
func (r *Result) Passed() bool {
	return len(r.Missing) == 0 && !slices.ContainsFunc(r.Fired, func(f Fired) bool { return f.Standing == Unexpected })
}

// Standing is what a test says of an alert.
type Standing string

// The standings.
const (
	Expected   Standing = "expected"
	Unexpected Standing = "unexpected"
	NotJudged  Standing = "not_judged" // the test does not name the rule
)

// Fired is an alert of a test.
type Fired struct {
	holdfast.Alert
	Standing Standing
	Line     int // of the event that completed the alert, in the file of the test
}

// Explanation says why a rule did not fire, or why it did.
type Explanation struct {
	Rule string
	Text string // lines, for people
}

// Run runs the tests of all suites, as many at a time as there are processors, and
// returns the results in the order of the files.
func (r Runner) Run(ctx context.Context, suites []Suite) ([]Result, error) {
	type job struct {
		file string
		test *Test
		set  *rules.Set
	}
	var jobs []job
	for _, s := range suites {
		for i := range s.Tests {
			if t := &s.Tests[i]; r.Wanted == nil || r.Wanted(t.Name) {
				jobs = append(jobs, job{s.Name, t, s.Set})
			}
		}
	}
	results := make([]Result, len(jobs))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, j := range jobs {
		work.Go(func() (err error) {
			if results[i], err = r.run(ctx, j.test, j.set); err != nil {
				return fmt.Errorf("%s:%d: %w", j.file, j.test.Pos.Line, err)
			}
			results[i].File = j.file
			return nil
		})
	}
	return results, work.Wait()
}

// run runs one test. What it did not expect is asked for in a second run, before
// the eyes of a trace: the engine does the same again.
func (r Runner) run(ctx context.Context, t *Test, set *rules.Set) (Result, error) {
	begun := time.Now()
	alerts, err := r.alerts(ctx, t, set, nil)
	if err != nil {
		return Result{}, err
	}
	result := Result{Test: t}
	result.Fired, result.Missing = judge(t, alerts)
	if !result.Passed() {
		result.Why, err = r.explain(ctx, t, set, &result)
	}
	result.Elapsed = time.Since(begun)
	return result, err
}

// alerts takes a test's events through an engine of its own, to the end of
// the last deadline.
func (r Runner) alerts(ctx context.Context, t *Test, set *rules.Set, watch detector.Observer) ([]holdfast.Alert, error) {
	opts := r.Engine
	opts.Rules, opts.Partition = set, 0
	engine, err := detector.New(opts)
	if err != nil {
		return nil, err
	}
	engine.Observe(watch)
	var out detector.Output
	const asked = 1000 // events between two looks at the context
	for i := range t.Events {
		if i%asked == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		engine.Process(detector.Input{Event: &t.Events[i].Event, Offset: int64(i)}, &out)
	}
	engine.Finish(&out)
	return out.Alerts, nil
}

// maxExplained bounds how many rules, and alerts of a rule, are explained: one
// mistake has many consequences.
const maxExplained = 5

// explain says why what is missing did not fire, and why what is unexpected did.
func (r Runner) explain(ctx context.Context, t *Test, set *rules.Set, result *Result) ([]Explanation, error) {
	var wrong []string
	add := func(rule string) {
		if !slices.Contains(wrong, rule) && len(wrong) < maxExplained {
			wrong = append(wrong, rule)
		}
	}
	for _, x := range result.Missing {
		add(x.Rule)
	}
	for _, f := range result.Fired {
		if f.Standing == Unexpected {
			add(f.Rule)
		}
	}
	trace := workbench.NewTrace(workbench.TraceOptions{Rules: wrong, Clock: t.clock})
	if _, err := r.alerts(ctx, t, set, trace); err != nil {
		return nil, err
	}
	var all []Explanation
	for _, rule := range wrong {
		text, err := explainRule(trace, rule, result)
		if err != nil {
			return nil, err
		}
		all = append(all, Explanation{Rule: rule, Text: text})
	}
	return all, nil
}

// explainRule says why a rule fired where it should not have, and otherwise why
// it did not.
func explainRule(trace *workbench.Trace, rule string, result *Result) (string, error) {
	var text strings.Builder
	var err error
	explained := 0
	for i := range result.Fired {
		if f := &result.Fired[i]; f.Rule == rule && f.Standing == Unexpected && explained < maxExplained {
			explained++
			err = errors.Join(err, trace.WriteWhy(&text, &f.Alert))
		}
	}
	if explained > 0 {
		return text.String(), err
	}
	var accounts []string
	for _, x := range result.Missing {
		if account := x.account(); x.Rule == rule && !slices.Contains(accounts, account) && len(accounts) < maxExplained {
			accounts = append(accounts, account)
			err = errors.Join(err, trace.WriteWhyNot(&text, rule, account))
		}
	}
	return text.String(), err
}

// account is the account of which an alert is expected, as far as it is said.
func (x *Expectation) account() string {
	for _, g := range x.Group {
		if g.Field == "account" {
			return g.Value
		}
	}
	return x.Account
}
