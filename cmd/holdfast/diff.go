package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

type diffCommand struct {
	Config   string `short:"c" help:"A configuration file, for its named lists and engine settings, and for what it can do of what rules ask for." placeholder:"FILE"`
	Format   string `help:"text or json." enum:"text,json" default:"text"`
	ExitZero bool   `help:"Exit with 0 also where alerts differ."`

	windowFlags

	Old    string   `arg:"" help:"The rules as they were: a file or folder, or \"pack\" for the default pack."`
	New    string   `arg:"" help:"The rules as they are to be: likewise."`
	Events []string `arg:"" help:"Files of events, one JSON object a line; .gz and .zst are decompressed, - is the standard input."`
}

func (*diffCommand) Help() string {
	return `Runs two sets of rules over the same events in one pass, and shows what becomes of the alerts: accounts
gained and lost, alerts earlier or later, messages and sessions more or fewer, each with an example. Two alerts are the
same attack if they are of the same rule and group and their spans overlap, from the first evidence to the alert.
Exits with 1 if alerts, or what follows from them, differ, and with 0 if they don't, whatever the rules say.

Example:

  git worktree add /tmp/main main
  holdfast diff /tmp/main/rules rules/ november.ndjson.zst`
}

// pack is the name of the default pack among paths of rules.
const packName = "pack"

// Run carries out the command.
func (c *diffCommand) Run(ctx context.Context, std streams) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	before, engine, plan, err := c.load(c.Old, std.err)
	if err != nil {
		return err
	}
	after, _, _, err := c.load(c.New, std.err)
	if err != nil {
		return err
	}
	events := workbench.Events{Files: c.Events, Stdin: std.in, Window: window, Diagnostics: std.err}
	bar := newProgress(std, c.Events, true)
	if bar != nil {
		events.Progress, events.Diagnostics = bar.read, bar
	}
	d := workbench.Diff{Old: before, New: after, Engine: engine, Plan: plan}
	difference, err := d.Run(ctx, events)
	bar.done()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usageError(err)
	case err != nil:
		return err
	}
	out := bufio.NewWriter(std.out)
	if c.Format == "json" {
		err = difference.WriteJSON(out)
	} else {
		err = difference.WriteText(out)
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if !difference.Equal && !c.ExitZero {
		return &exitError{code: exitFindings}
	}
	return nil
}

// load reads one set of rules, and what the configuration says of both.
func (c *diffCommand) load(path string, w io.Writer) (*rules.Set, detector.Options, workbench.Plan, error) {
	if path != packName {
		cfg, set, engine, err := loadForReplay(c.Config, []string{path}, w)
		return set, engine, planOf(cfg), err
	}
	set, err := loadRules(nil, rules.Options{}, w)
	if err != nil || c.Config == "" {
		return set, detector.Options{}, planOf(nil), err
	}
	cfg, err := config.Load(c.Config, os.LookupEnv)
	if err != nil {
		return nil, detector.Options{}, nil, drawn(err, fileContent, w)
	}
	return set, engineOptions(cfg.Engine), planOf(cfg), nil
}
