package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/stream"
)

type runCommand struct {
	Config string   `short:"c" required:"" help:"The configuration file." placeholder:"FILE"`
	Rules  []string `help:"Rule files or folders, in place of those in the configuration." placeholder:"PATH"`

	MissingRecords string `help:"What to do where retention has deleted records that are needed: stop, or skip them and go on with those that are left." enum:"stop,skip" default:"stop"`
	SplitAccounts  string `help:"What to do where one account has events in several partitions: stop, or accept that none of them sees all that happens to it." enum:"stop,accept" default:"stop"`
	ReplacedTopic  string `help:"What to do where the topic is not the one that was read before, or has lost records: stop, or start-over, which forgets what is known of it." enum:"stop,start-over" default:"stop"`
}

func (*runCommand) Help() string {
	return `Consumes the events of a Kafka topic, applies the rules, and warns owners and ends sessions as the rules say.
SIGTERM and Ctrl-C end it cleanly. SIGHUP, or POST /-/reload, reads rules, contacts and configuration again.

Example:

  holdfast run -c /etc/holdfast/holdfast.yaml`
}

// Run carries out the command.
func (c *runCommand) Run(ctx context.Context, std streams) error {
	cfg, set, err := loadAll(c.Config, c.Rules, std.err)
	if err != nil {
		return err
	}
	drawing := std.err
	if !terminal(drawing) {
		drawing = io.Discard // a log that machines read has the findings as one line
	}
	opts := daemonOptions{
		config: cfg, set: set, logger: newLogger(cfg.Log, std.err), diagnostics: std.err,
		load: func() (*config.Config, *rules.Set, error) { return loadAll(c.Config, c.Rules, drawing) },
	}
	if c.MissingRecords == "skip" {
		opts.missing = stream.SkipMissing
	}
	if c.SplitAccounts == "accept" {
		opts.split = pipeline.AcceptSplit
	}
	if c.ReplacedTopic == "start-over" {
		opts.replaced = stream.StartOverIfReplaced
	}
	return runDaemon(ctx, opts)
}

// loadAll reads the configuration and the rules it names, or those at the paths
// if there are any. What is wrong with either is drawn on w.
func loadAll(file string, paths []string, w io.Writer) (*config.Config, *rules.Set, error) {
	cfg, opts, err := loadConfig(file, w)
	if err != nil {
		return nil, nil, err
	}
	if len(paths) == 0 {
		paths = cfg.Rules
	}
	set, err := loadRules(paths, opts, w)
	return cfg, set, err
}

// loadConfig reads the configuration, and what it says of rules that are compiled
// with it. What is wrong with it is drawn on w.
func loadConfig(file string, w io.Writer) (*config.Config, rules.Options, error) {
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		return nil, rules.Options{}, drawn(err, fileContent, w)
	}
	templates, err := notify.NewTemplates(notify.TemplateOptions{Service: cfg.ServiceName})
	if err != nil {
		return nil, rules.Options{}, usageError(err)
	}
	return cfg, rules.Options{Templates: templates.Names(), Lists: cfg.Lists}, nil
}

// fileContent is a file as it stands, for drawing what is wrong with it.
func fileContent(name string) []byte {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return content
}

// newLogger logs as text to a terminal and as JSON elsewhere, unless told which.
func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == config.LogText || cfg.Format != config.LogJSON && terminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
