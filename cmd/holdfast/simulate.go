package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/holdfastd/holdfast/workbench/labels"
	"github.com/holdfastd/holdfast/workbench/simulate"
)

type simulateCommand struct {
	Accounts int       `required:"" help:"How many accounts there are."`
	Days     int       `required:"" help:"How many days are simulated."`
	Seed     uint64    `help:"Another seed gives another simulation; the same one gives the same bytes." default:"1"`
	Start    time.Time `help:"The first day, at midnight UTC." format:"2006-01-02" default:"2026-11-02" placeholder:"DATE"`
	Attacks  float64   `help:"How many accounts of 1,000 are attacked in a day; 0 for none. Campaigns come on top." default:"3" placeholder:"RATE"`
	Labels   string    `help:"Write here who was attacked, how and when: one JSON object a line." placeholder:"FILE"`
	Out      string    `help:"Write the events here instead of to the standard output." placeholder:"FILE"`
}

func (*simulateCommand) Help() string {
	return `Makes up the events of an online service, one JSON object a line, with attacks among them. Nothing in
the events gives the attacks away; the labels do. docs/simulation.md says how everything is written, and
where the numbers come from.

Example:

  holdfast simulate --accounts 20000 --days 7 --seed 1 --labels attacks.ndjson --out events.ndjson`
}

// Run carries out the command.
func (c *simulateCommand) Run(ctx context.Context, std streams) (err error) {
	opts := simulate.Options{Accounts: c.Accounts, Days: c.Days, Seed: c.Seed, Start: c.Start, Attacks: c.Attacks}
	if err := opts.Check(); err != nil {
		return usageError(err) // before a file is emptied
	}
	out, truth := std.out, io.Discard
	for _, to := range []struct {
		name string
		w    *io.Writer
	}{{c.Out, &out}, {c.Labels, &truth}} {
		if to.name == "" {
			continue
		}
		file, failed := os.Create(to.name)
		if failed != nil {
			return usageError(fmt.Errorf("creating a file: %w", failed))
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		*to.w = file
	}
	summary, attacks, err := simulate.Run(ctx, opts, out)
	if err != nil {
		return err
	}
	if err := writeLabels(truth, attacks); err != nil {
		return err
	}
	say(std.err, "%d events of %d accounts, %d attacks\n", summary.Events, summary.Accounts, summary.Attacks)
	return nil
}

func writeLabels(w io.Writer, attacks []labels.Label) error {
	out := bufio.NewWriter(w)
	for i := range attacks {
		if err := labels.Write(out, &attacks[i]); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing labels: %w", err)
	}
	return nil
}
