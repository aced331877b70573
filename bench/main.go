// Command bench measures Holdfast and prints what it finds as the table of
// docs/benchmarks.md. `make bench` runs it. It is a module of its own, so that
// what it compares Holdfast with is no dependency of the product.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Measure   measureCommand   `cmd:"" default:"withargs" help:"Measure, and print the table."`
	Generate  generateCommand  `cmd:"" help:"Write everyday events, one JSON object a line."`
	Profile   profileCommand   `cmd:"" help:"Run rules over a file of events and write a CPU profile."`
	Sonic     sonicCommand     `cmd:"" hidden:"" help:"Decode each line of a file with bytedance/sonic."`
	Groups    groupsCommand    `cmd:"" hidden:"" help:"Fill an engine with groups and print what they take."`
	Snapshots snapshotsCommand `cmd:"" hidden:"" help:"Take snapshots of an engine at work and print how long it stopped."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	var cmd commands
	selected := kong.Parse(&cmd,
		kong.Name("bench"),
		kong.Description("Measures Holdfast."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
	)
	selected.FatalIfErrorf(selected.Run())
}
