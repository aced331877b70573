// Command holdfast notices account takeovers while they happen. Its subcommands
// run the daemon, show it in a demo, and check and prove the rules it applies.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // owners' time zones, whatever the image has

	"github.com/alecthomas/kong"
	"github.com/prometheus/common/version"
)

// The exit codes.
const (
	exitDone     = 0
	exitFindings = 1
	exitUsage    = 2 // wrong flags, configuration or rules
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

type commands struct {
	Demo        demoCommand        `cmd:"" help:"Show everything at work: embedded broker, traffic, an attack, the owner's inbox."`
	Run         runCommand         `cmd:"" help:"Run the daemon against Kafka."`
	Check       checkCommand       `cmd:"" help:"Check a configuration and rules."`
	Test        testCommand        `cmd:"" help:"Run the unit tests of rules."`
	Backtest    backtestCommand    `cmd:"" help:"Run rules over events from files or Kafka, and show what would have happened."`
	Diff        diffCommand        `cmd:"" help:"Show what a change of rules changes over the same events."`
	Explain     explainCommand     `cmd:"" help:"Say why an alert fired, or how far rules got with an account."`
	Sweep       sweepCommand       `cmd:"" help:"Show what other values of a rule's settings would do."`
	Schema      schemaCommand      `cmd:"" help:"Print a JSON Schema of rule files or of the configuration, for editors."`
	Rules       rulesCommand       `cmd:"" help:"Import rules of another language."`
	Simulate    simulateCommand    `cmd:"" help:"Make up realistic events with labeled attacks."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running daemon whether it is well; for container health checks."`

	Version kong.VersionFlag `help:"Print the version and quit."`
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	if version.Version == "" {
		version.Version = builtVersion()
	}
	var cmd commands
	exited, code := false, exitDone
	parser, err := kong.New(&cmd,
		kong.Name("holdfast"),
		kong.Description("Holdfast notices account takeovers while they happen, warns the owner, and ends the sessions that should not exist."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.Vars{"version": version.Print("holdfast")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
		kong.Bind(std),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		say(std.err, "holdfast: %v\n", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	selected, err := parser.Parse(args)
	switch {
	case exited:
		return code
	case err != nil:
		say(std.err, "holdfast: %v\nRun `holdfast --help` to see what there is.\n", err)
		return exitUsage
	}
	return report(selected.Run(), std.err)
}

// builtVersion is the version of a program that was built without one: what the
// Go command noted.
func builtVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// exitError ends a command with a code of its own.
type exitError struct {
	code int
	err  error // to be reported; nil if everything has been said
	said error // what has been said already
}

func (e *exitError) Error() string { return fmt.Sprint(errors.Join(e.err, e.said)) }
func (e *exitError) Unwrap() error { return errors.Join(e.err, e.said) }

// usageError marks an error as one of flags, configuration or rules.
func usageError(err error) error { return &exitError{code: exitUsage, err: err} }

// report says what went wrong, once, and returns the exit code.
func report(err error, w io.Writer) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		if exit.err != nil {
			say(w, "holdfast: %v\n", exit.err)
		}
		return exit.code
	}
	say(w, "holdfast: %v\n", err)
	return exitFindings
}

// say writes to a person. There is nobody left to tell if that fails.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
