package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// tenRules is the 10-rule file, elsewhereRules the rules that match nothing.
var (
	//go:embed ten.yaml
	tenRules []byte
	//go:embed elsewhere.yaml
	elsewhereRules string
)

type measureCommand struct {
	Holdfast string   `default:"bin/holdfast" help:"The program to measure."`
	Folder   string   `default:".cache/bench" help:"Where events are kept from one time to the next."`
	Sources  string   `default:"." help:"The repository's folder, for its Kafka."`
	Runs     int      `default:"5" help:"How often each thing is measured; the table has the medians."`
	Events   int      `default:"5000000" help:"Events of a backtest."`
	Accounts int      `default:"100000" help:"Accounts of a backtest."`
	Groups   int      `default:"10000000" help:"Groups whose memory is measured."`
	Records  int      `default:"2000000" help:"Records of the topic that the daemon catches up with."`
	Seconds  int      `default:"20" help:"How long events are produced for a latency."`
	Restored int      `default:"1000000" help:"Accounts of the engine whose snapshot is taken, and of the daemon that is restarted."`
	Profile  string   `help:"Let the daemon catch up once more, and write a CPU profile of it." placeholder:"FILE"`
	Parts    []string `arg:"" optional:"" help:"backtest, memory, stream, latency, snapshot, restart. Without any: all."`
}

// bench is what the parts share.
type bench struct {
	measureCommand
	self   string // this program
	rules  string // the 10-rule file
	logger *slog.Logger
}

// part is what can be measured by itself.
type part struct {
	name    string
	measure func(context.Context) (table, error)
}

// Run carries out the command.
func (c *measureCommand) Run(ctx context.Context) error {
	if c.Runs < 1 {
		return errors.New("--runs must be at least 1")
	}
	b := bench{measureCommand: *c, logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	for _, path := range []*string{&b.Holdfast, &b.Folder, &b.Sources} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.Folder, 0o750); err != nil {
		return err
	}
	release, err := occupy(b.Folder)
	if err != nil {
		return err
	}
	defer release()
	b.rules = filepath.Join(b.Folder, "ten.yaml")
	if err := os.WriteFile(b.rules, tenRules, 0o600); err != nil {
		return err
	}

	parts := []part{
		{"backtest", b.measureBacktests},
		{"memory", b.measureMemory},
		{"stream", b.withBroker(b.Records, b.measureStream)},
		{"latency", b.withBroker(perSecond*b.Seconds*(b.Runs+1), b.measureLatency)},
		{"snapshot", b.measureSnapshots},
		{"restart", b.withBroker(toSeeAll*b.Restored, b.measureRestart)},
	}
	for _, name := range c.Parts {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is nothing called %q to measure", name)
		}
	}
	load := loadAverage()
	var all table
	var failed error
	for _, p := range parts {
		if len(c.Parts) > 0 && !slices.Contains(c.Parts, p.name) {
			continue
		}
		rows, err := p.measure(ctx)
		all = append(all, rows...)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	fmt.Printf("%d cores of an %s, %s, sonic %s; load before %s; medians of %d.\n\n",
		runtime.GOMAXPROCS(0), processor(), runtime.Version(), moduleVersion("github.com/bytedance/sonic"), load, c.Runs)
	return errors.Join(all.print(os.Stdout), failed)
}
