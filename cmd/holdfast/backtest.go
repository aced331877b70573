package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

type backtestCommand struct {
	Config string   `short:"c" help:"A configuration file, for its rules, named lists and engine settings." placeholder:"FILE"`
	Rules  []string `help:"Rule files or folders. Without any: those of the configuration, or the default pack." placeholder:"PATH"`
	Format string   `help:"table, or json: one alert a line, in firing order." enum:"table,json" default:"table"`
	Strict bool     `help:"Exit with 1 if any line is no valid event."`
	Events []string `arg:"" help:"Files of events, one JSON object a line; .gz and .zst are decompressed, - is the standard input."`
}

func (*backtestCommand) Help() string {
	return `Runs the rules over recorded events with the daemon's own engine, in event time, as if all the files
were one partition, and shows the alerts that would have fired. Bad lines are reported on stderr
as file:line: reason.

Example:

  holdfast backtest --rules rules/ --format json yesterday.ndjson.zst`
}

// Run carries out the command.
func (c *backtestCommand) Run(ctx context.Context, std streams) error {
	set, engine, err := c.load(std.err)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(std.out, 1<<16)
	var reporter workbench.Reporter = &workbench.TableReporter{W: out}
	if c.Format == "json" {
		reporter = workbench.JSONReporter{W: out}
	}
	b := workbench.Backtest{Engine: engine, Rules: set, Reporter: reporter, Diagnostics: std.err, Stdin: std.in}
	summary, err := b.Run(ctx, c.Events...)
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

// load reads the rules, and what of the configuration decides how they are
// evaluated.
func (c *backtestCommand) load(w io.Writer) (*rules.Set, detector.Options, error) {
	if c.Config == "" {
		set, err := loadRules(c.Rules, rules.Options{}, w)
		return set, detector.Options{}, err
	}
	cfg, set, err := loadAll(c.Config, c.Rules, w)
	if err != nil {
		return nil, detector.Options{}, err
	}
	return set, engineOptions(cfg.Engine), nil
}
