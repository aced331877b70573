package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
	"github.com/holdfastd/holdfast/workbench/sweep"
)

type sweepCommand struct {
	Config string   `short:"c" help:"A configuration file, for its rules, named lists and engine settings." placeholder:"FILE"`
	Rules  []string `help:"Rule files or folders. Without any: those of the configuration, or the default pack." placeholder:"PATH"`
	Rule   string   `required:"" help:"The id of the rule whose settings are changed." placeholder:"ID"`

	Count     string            `help:"Values of count: a range such as 2..8 or 5..50/5, a list, or both." placeholder:"VALUES"`
	Timespan  string            `help:"Values of timespan: a list such as 5m,10m,30m. Where the rule has no suppress of its own, that follows." placeholder:"VALUES"`
	Suppress  string            `help:"Values of suppress: a list of durations." placeholder:"VALUES"`
	Threshold string            `help:"Values of a score's threshold." placeholder:"VALUES"`
	Set       map[string]string `mapsep:"none" help:"Values of distinct.FIELD, of step.N (the count of a sequence's Nth step), of surge.min or surge.sigmas, such as distinct.client.ip=2..5." placeholder:"NAME=VALUES"`

	Labels   string   `help:"A file of known attacks, one JSON object a line: the table then has precision, recall and the median time to detection." placeholder:"FILE"`
	Scenario []string `help:"With --labels: the kinds of attack that the rule is to find. Without it: all attacks on an account, or of a rule that does not group by account, all campaigns." placeholder:"NAME"`
	HTML     string   `name:"html" help:"Write a page with the curves to this file. It needs no network." placeholder:"FILE"`
	Format   string   `help:"table or json." enum:"table,json" default:"table"`

	windowFlags

	Events []string `arg:"" help:"Files of events, one JSON object a line; .gz and .zst are decompressed, - is the standard input."`
}

func (*sweepCommand) Help() string {
	return `Shows what a rule would do with other values of its settings: the daemon's own engine is taken over the events
once for each combination of values, 200 at most, and what this rule's alerts come to is set side by side. The values
that the rule has now are always among them, and marked. The other rules run beside it as they are, since its alerts may
depend on theirs; theirs are not counted. Nothing is changed in any file. Settings in a rule's overrides stay as they are.

Owner messages are counted as if the rule were live.

Example:

  holdfast sweep --rule code-burst --count 2..8 --timespan 5m,10m,30m yesterday.ndjson.zst
  holdfast sweep --rule code-burst --count 2..8 --labels labels.ndjson --html sweep.html events.ndjson
  holdfast sweep --rule voice-fallback --set step.1=1..4 events.ndjson`
}

// Run carries out the command.
func (c *sweepCommand) Run(ctx context.Context, std streams) error {
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
		bar.total *= int64(work.Passes())
		events.Progress, events.Diagnostics = bar.read, bar
	}
	result, err := work.Run(ctx, events)
	bar.done()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, sweep.ErrReadOnce):
		return usageError(err)
	case err != nil:
		return err
	}
	if c.HTML != "" {
		if err := writePage(c.HTML, result); err != nil {
			return err
		}
	}
	if c.Format == "table" {
		return result.WriteText(std.out)
	}
	out := json.NewEncoder(std.out)
	out.SetIndent("", "  ")
	return out.Encode(result)
}

// prepare compiles the rule with all combinations. What is wrong with one of them
// is drawn on w.
func (c *sweepCommand) prepare(w io.Writer) (*sweep.Sweep, error) {
	settings, err := c.settings()
	if err != nil {
		return nil, usageError(err)
	}
	if c.HTML != "" { // rather than after the work
		if _, err := os.Stat(filepath.Dir(c.HTML)); err != nil {
			return nil, usageError(fmt.Errorf("--html: %w", err))
		}
	}
	cfg, set, engine, err := loadForReplay(c.Config, c.Rules, w)
	if err != nil {
		return nil, err
	}
	opts := sweep.Options{
		Rules: set, Rule: c.Rule, Settings: settings, Engine: engine, Plan: planOf(cfg), Scenarios: c.Scenario,
	}
	if opts.Labels, err = c.labels(); err != nil {
		return nil, err
	}
	work, err := sweep.New(opts)
	if invalid, ok := errors.AsType[*sweep.InvalidError](err); ok {
		say(w, "%s is no valid rule:\n", invalid.Values)
		return nil, drawn(invalid.Found, rules.SourceOf(invalid.Sources), w)
	} else if err != nil {
		return nil, usageError(err)
	}
	return work, nil
}

// settings reads the values that are given.
func (c *sweepCommand) settings() ([]sweep.Setting, error) {
	given := [][2]string{{"count", c.Count}, {"timespan", c.Timespan}, {"suppress", c.Suppress}, {"threshold", c.Threshold}}
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		given = append(given, [2]string{name, c.Set[name]})
	}
	var all []sweep.Setting
	for _, g := range given {
		if g[1] == "" {
			continue
		}
		s, err := sweep.ParseSetting(g[0], g[1])
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (c *sweepCommand) labels() ([]labels.Label, error) {
	if c.Labels == "" {
		if len(c.Scenario) > 0 {
			return nil, usageError(errors.New("--scenario goes with --labels"))
		}
		return nil, nil
	}
	all, err := readLabels(c.Labels)
	if err == nil && len(all) == 0 {
		return nil, usageError(fmt.Errorf("%s holds no label", c.Labels))
	}
	return all, err
}

func writePage(name string, result *sweep.Result) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return result.WriteHTML(file)
}
