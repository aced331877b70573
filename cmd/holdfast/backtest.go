package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
)

type backtestCommand struct {
	Config string   `short:"c" help:"A configuration file, for its rules, named lists and engine settings, and its brokers." placeholder:"FILE"`
	Rules  []string `help:"Rule files or folders. Without any: those of the configuration, or the default pack." placeholder:"PATH"`
	Format string   `help:"table; json: one alert a line, in firing order; or markdown: what is known by --labels alone." enum:"table,json,markdown" default:"table"`
	Labels string   `help:"A file of known attacks, one JSON object a line: the table ends with how many were found, how soon, and how precise each rule is." placeholder:"FILE"`
	Strict bool     `help:"Exit with 1 if any line is no valid event."`

	windowFlags

	Kafka   string   `help:"Read the events of a Kafka topic in place of files, up to where it ends now. Nothing is committed or written." placeholder:"TOPIC"`
	From    string   `help:"With --kafka: the records' own time to begin at, or how long ago that is, such as 7d. Without it: the oldest record." placeholder:"TIME"`
	Brokers []string `help:"With --kafka: host:port of brokers, in place of those of the configuration." placeholder:"ADDRESS"`

	Events []string `arg:"" optional:"" help:"Files of events, one JSON object a line; .gz and .zst are decompressed, - is the standard input."`
}

func (*backtestCommand) Help() string {
	return `Runs the rules over recorded events with the daemon's own engine, in event time, and shows the alerts
that would have fired and what would have followed. All the files together are one partition; of a Kafka topic,
each partition has an engine of its own, as in the daemon. Bad lines are reported on stderr as file:line: reason,
the first 20 of each file.

Messages and sessions are what the rules ask for, and with -c what the configuration can do of it. How many messages
an owner gets in a day is not limited here.

With --since, the events before it are still shown to the rules, so that they know each account's devices and what is
suppressed; alerts are reported from then on. --warm-up makes that a shorter time, and 0s none: the engine then knows
nothing at --since, and every device is new to it.

Example:

  holdfast backtest yesterday.ndjson.zst
  holdfast backtest --rules rules/ --since 2026-11-20 --until 2026-11-21 november.ndjson.zst
  holdfast backtest -c holdfast.yaml --kafka security-events --from 7d`
}

// windowFlags choose a part of the events by their time.
type windowFlags struct {
	Since  givenTime `help:"Report alerts from this time on: an RFC 3339 time, or a date, which begins at midnight UTC." placeholder:"TIME"`
	Until  givenTime `help:"Leave out events and alerts from this time on." placeholder:"TIME"`
	WarmUp string    `help:"How long before --since events are shown to the rules, such as 7d. Without it: from the first event on." placeholder:"DURATION"`
}

func (f *windowFlags) window() (workbench.Window, error) {
	w := workbench.Window{Since: f.Since.instant, Until: f.Until.instant}
	if w.Since != nil && w.Until != nil && *w.Until <= *w.Since {
		return w, usageError(errors.New("--until is not after --since: no time is left"))
	}
	if f.WarmUp == "" {
		return w, nil
	}
	before, err := expression.ParseDuration(f.WarmUp)
	switch {
	case err != nil:
		return w, usageError(fmt.Errorf("--warm-up: %w", err))
	case w.Since == nil:
		return w, usageError(errors.New("--warm-up is a time before --since, which is not given"))
	}
	from := w.Since.Add(-before)
	w.From = &from
	return w, nil
}

// eventTime is a time on the command line, 0 if none is given.
type eventTime holdfast.Instant

// UnmarshalText reads an RFC 3339 time, or a date.
func (t *eventTime) UnmarshalText(text []byte) error {
	i, err := holdfast.ParseInstant(string(text))
	if day, notDay := time.Parse(time.DateOnly, string(text)); notDay == nil {
		i, err = holdfast.InstantOf(day)
	}
	if err != nil {
		return fmt.Errorf("%q is neither an RFC 3339 time such as 2026-11-24T08:30:00Z nor a date such as 2026-11-24", text)
	}
	*t = eventTime(i)
	return nil
}

// givenTime is a time on the command line, nil if none is given: 1970 is a time
// too.
type givenTime struct{ instant *holdfast.Instant }

// UnmarshalText reads a time as [eventTime] does.
func (t *givenTime) UnmarshalText(text []byte) error {
	var at eventTime
	if err := at.UnmarshalText(text); err != nil {
		return err
	}
	t.instant = (*holdfast.Instant)(&at)
	return nil
}

// Run carries out the command.
func (c *backtestCommand) Run(ctx context.Context, std streams) error {
	if err := c.check(); err != nil {
		return err
	}
	window, err := c.window()
	if err != nil {
		return err
	}
	cfg, set, engine, err := loadForReplay(c.Config, c.Rules, std.err)
	if err != nil {
		return err
	}
	plan := planOf(cfg)
	out := bufio.NewWriterSize(std.out, 1<<16)
	reporter, err := c.reporter(out, plan)
	if err != nil {
		return err
	}
	b := workbench.Backtest{
		Engine: engine, Rules: set, Reporter: reporter, Diagnostics: std.err, Stdin: std.in,
		Window: window, CountAccounts: c.Labels != "", CountAccountDays: c.Labels != "", EstimateAccounts: c.Format == "table",
	}
	var bar *progress
	if c.Kafka != "" {
		topic, err := openTopic(ctx, cfg, c.Brokers, c.Kafka, c.From)
		if err != nil {
			return err
		}
		defer topic.Close()
		b.Log, b.Rules = topic, wholeIn(topic, set, std.err)
	} else if bar = newProgress(std, c.Events, c.Format == "table"); bar != nil {
		b.Progress, b.Diagnostics = bar.read, bar
	}
	summary, err := b.Run(ctx, c.Events...)
	bar.done()
	if err = errors.Join(err, out.Flush()); errors.Is(err, fs.ErrNotExist) {
		return usageError(err)
	} else if err != nil {
		return err
	}
	if c.Strict && summary.BadLines > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// check finds flags that don't go together.
func (c *backtestCommand) check() error {
	switch {
	case c.Kafka == "" && len(c.Events) == 0:
		return usageError(errors.New("no events are given: name files, or a topic with --kafka"))
	case c.Kafka != "" && len(c.Events) > 0:
		return usageError(errors.New("events come from files or from --kafka, not from both"))
	case c.Kafka == "" && (c.From != "" || len(c.Brokers) > 0):
		return usageError(errors.New("--from and --brokers go with --kafka"))
	case c.Kafka != "" && c.Config == "" && len(c.Brokers) == 0:
		return usageError(errors.New("--kafka needs -c or --brokers, to know where Kafka is"))
	case c.Labels != "" && c.Format == "json":
		return usageError(errors.New("--labels goes with --format table or markdown"))
	case c.Labels == "" && c.Format == "markdown":
		return usageError(errors.New("--format markdown shows what --labels tells of the rules, which is not given"))
	}
	return nil
}

func (c *backtestCommand) reporter(w io.Writer, plan workbench.Plan) (workbench.Reporter, error) {
	if c.Format == "json" {
		return workbench.JSONReporter{W: w, Partitions: c.Kafka != ""}, nil
	}
	table := &workbench.TableReporter{W: w, Plan: plan}
	if c.Labels == "" {
		return table, nil
	}
	if c.Format == "markdown" {
		table = nil
	}
	all, err := readLabels(c.Labels)
	if err != nil {
		return nil, err
	}
	return judged{table, labels.NewJudge(all, labels.Options{Plan: plan}), w}, nil
}

func readLabels(name string) (_ []labels.Label, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usageError(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	all, err := labels.Read(file)
	if err != nil {
		return nil, usageError(fmt.Errorf("%s: %w", name, err))
	}
	return all, nil
}

// judged is a page that ends with what a judge says of the alerts; without the
// table, that alone, as Markdown.
type judged struct {
	table *workbench.TableReporter
	judge *labels.Judge
	w     io.Writer
}

// NeedsIDs says that no event is named.
func (judged) NeedsIDs() bool { return false }

// Alert tells both.
func (j judged) Alert(a *holdfast.Alert, ids *workbench.IDs) error {
	j.judge.Alert(a)
	if j.table == nil {
		return nil
	}
	return j.table.Alert(a, ids)
}

// Finish writes what both have to say.
func (j judged) Finish(s workbench.Summary) error {
	report := j.judge.Report(labels.Traffic{Accounts: s.Accounts, AccountDays: s.AccountDays, From: s.First, To: s.Last})
	if j.table == nil {
		return report.WriteMarkdown(j.w)
	}
	if err := j.table.Finish(s); err != nil {
		return err
	}
	if _, err := io.WriteString(j.w, "\n"); err != nil {
		return err
	}
	return report.WriteText(j.w)
}

// loadForReplay reads the rules at the paths, or else those of the configuration,
// or else the default pack, and what of the configuration decides how they are
// evaluated. Without a file, the configuration is nil.
func loadForReplay(file string, paths []string, w io.Writer) (*config.Config, *rules.Set, detector.Options, error) {
	if file == "" {
		set, err := loadRules(paths, rules.Options{}, w)
		return nil, set, detector.Options{}, err
	}
	cfg, set, err := loadAll(file, paths, w)
	if err != nil {
		return nil, nil, detector.Options{}, err
	}
	return cfg, set, engineOptions(cfg.Engine), nil
}

// planOf says what follows from alerts where the configuration is in force, or
// where all is possible that rules ask for, if there is none.
func planOf(cfg *config.Config) workbench.Plan {
	return planner{endsSessions: cfg == nil || cfg.Respond.Sessions != nil}.plan
}
