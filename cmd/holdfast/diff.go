package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

type diffCommand struct {
	Config   string `short:"c" help:"A configuration file, for its named lists and engine settings, and for what it can do of what rules ask for." placeholder:"FILE"`
	Format   string `help:"text or json." enum:"text,json" default:"text"`
	ExitZero bool   `help:"Exit with 0 also where alerts differ."`

	windowFlags

	Old    string   `arg:"" help:"The rules as they were: a file or folder, or \"pack\" for the default pack (./pack is a folder of that name)."`
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

// packName is the name of the default pack among paths of rules.
const packName = "pack"

// Run carries out the command.
func (c *diffCommand) Run(ctx context.Context, std streams) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	work, err := c.prepare(std.err)
	if err != nil {
		return err
	}
	events := workbench.Events{Files: c.Events, Stdin: std.in, Window: window, Diagnostics: std.err}
	bar := newProgress(std, c.Events, true)
	if bar != nil {
		events.Progress, events.Diagnostics = bar.read, bar
	}
	difference, err := work.Run(ctx, events)
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

// prepare reads both sets of rules, and once what the configuration says of both.
func (c *diffCommand) prepare(w io.Writer) (*workbench.Diff, error) {
	var (
		d    workbench.Diff
		cfg  *config.Config
		opts rules.Options
		err  error
	)
	if c.Config != "" {
		if cfg, opts, err = loadConfig(c.Config, w); err != nil {
			return nil, err
		}
		d.Engine = engineOptions(cfg.Engine)
	}
	d.Plan = planOf(cfg)
	if d.Old, err = loadSide(c.Old, opts, w); err != nil {
		return nil, err
	}
	if d.New, err = loadSide(c.New, opts, w); err != nil {
		return nil, err
	}
	return &d, nil
}

// loadSide reads one set of rules.
func loadSide(path string, opts rules.Options, w io.Writer) (*rules.Set, error) {
	if path != packName {
		return loadRules([]string{path}, opts, w)
	}
	if _, err := os.Stat(packName); err == nil {
		say(w, "holdfast: %q is the default pack; for what is here by that name, write ./%[1]s\n", packName)
	}
	return loadRules(nil, rules.Options{}, w)
}
