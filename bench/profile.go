package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
	"github.com/holdfastd/holdfast/workbench"
)

type profileCommand struct {
	Out  string `default:"ten.prof" help:"Where the CPU profile goes."`
	Pack bool   `help:"The default pack in place of ten.yaml."`
	File string `arg:"" help:"Events, one JSON object a line."`
}

// Run carries out the command: what `holdfast backtest` does, with a profile.
func (c *profileCommand) Run(ctx context.Context) error {
	sources, err := []rules.Source{{Name: "ten.yaml", Content: tenRules}}, error(nil)
	if c.Pack {
		sources, err = pack.Sources()
	}
	if err != nil {
		return err
	}
	set, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		return err
	}
	out, err := os.Create(c.Out)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	b := workbench.Backtest{Rules: set, Reporter: &workbench.TableReporter{W: os.Stdout}, Diagnostics: io.Discard}
	_, err = b.Run(ctx, c.File)
	pprof.StopCPUProfile()
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("profiling: %w", err)
	}
	return nil
}
