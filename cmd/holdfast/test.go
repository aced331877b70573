package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
	"github.com/holdfastd/holdfast/workbench/ruletest"
)

type testCommand struct {
	Config  string   `short:"c" help:"A configuration file, for its named lists and engine settings." placeholder:"FILE"`
	Rules   []string `help:"Rule files or folders to test, in place of those beside the tests." placeholder:"PATH"`
	Only    string   `name:"run" help:"Run only the test of this name, or those whose names match this regular expression." placeholder:"NAME"`
	Format  string   `help:"text, json, or junit for CI systems." enum:"text,json,junit" default:"text"`
	Verbose bool     `short:"v" help:"List the tests that pass, too."`
	Paths   []string `arg:"" optional:"" name:"path" help:"Files of tests (*_test.yaml), folders of them, or rule files with tests beside them. Without any: the default pack and its tests."`
}

func (*testCommand) Help() string {
	return `Runs the unit tests of rules with the daemon's own engine: the events of a test go in, and the alerts that come
out are held against what it expects. The rules under test are those in the test file's folder and below, those
that the file names under "rules:", or those of --rules.

Of the rules that a test names in expect or expect_not, exactly the expected alerts must fire. Alerts of other
rules are ignored, unless the test says "only: true". At the end every deadline passes. What fails is shown with
the reason why a rule did not fire. Exits with 1 if a test fails, with 2 if a file is broken: then no test is run, and
the reports of --format hold the mistakes, as "diagnostics" and as errors.

Example:

  holdfast test rules/
  holdfast test --run "voice call" rules/codes_test.yaml
  holdfast test --format junit rules/ > report.xml

  # rules/codes_test.yaml
  tests:
    - name: the owner is warned at the third code
      events:
        - {at: 0s, repeat: 3, every: 2m, type: code.requested, account: ana, device: {id: evil}}
      expect: [{rule: code-burst, at: 4m, group: {account: ana}}]
      expect_not: [wrong-codes]`
}

// Run carries out the command.
func (c *testCommand) Run(ctx context.Context, std streams) error {
	suites, engine, err := c.load(std)
	var broken diag.List
	if errors.As(err, &broken) && c.Format != "text" { // a CI system wants its report then, too
		if failed := c.write(std.out, &ruletest.Report{Broken: broken}); failed != nil {
			return failed
		}
		return err
	}
	if err != nil {
		return err
	}
	runner := ruletest.Runner{Engine: engine}
	if c.Only != "" {
		if runner.Wanted, err = wanted(c.Only, suites); err != nil {
			return usageError(err)
		}
	}
	var report ruletest.Report
	if report.Results, err = runner.Run(ctx, suites); err != nil {
		return err
	}
	if c.Only == "" {
		report.Untested, report.Rules = ruletest.Untested(suites)
	}
	if err := c.write(std.out, &report); err != nil {
		return err
	}
	if report.Failed() > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

// write writes the report in the format that is asked for.
func (c *testCommand) write(w io.Writer, report *ruletest.Report) (err error) {
	out := bufio.NewWriter(w)
	switch c.Format {
	case "json":
		err = report.WriteJSON(out)
	case "junit":
		err = report.WriteJUnit(out)
	default:
		err = report.WriteText(out, c.Verbose)
	}
	return errors.Join(err, out.Flush())
}

// load reads the tests and their rules.
func (c *testCommand) load(std streams) ([]ruletest.Suite, detector.Options, error) {
	var loader ruletest.Loader
	var engine detector.Options
	if c.Config != "" {
		cfg, err := config.Load(c.Config, os.LookupEnv)
		if err != nil {
			return nil, engine, drawn(err, fileContent, std.err)
		}
		loader.Options.Lists, engine = cfg.Lists, engineOptions(cfg.Engine)
	}
	files, err := c.read(&loader)
	if err != nil {
		return nil, engine, usageError(err)
	}
	suites, found, err := loader.Load(files)
	switch {
	case err != nil:
		return nil, engine, usageError(err)
	case found.Err() != nil:
		return nil, engine, drawn(found, loader.SourceOf, std.err)
	}
	return suites, engine, found.Render(std.err, loader.SourceOf)
}

// read reads the files of tests, and the rules where the files don't say which.
func (c *testCommand) read(loader *ruletest.Loader) (files []rules.Source, err error) {
	switch {
	case len(c.Rules) > 0:
		loader.Rules, err = rules.ReadFiles(c.Rules...)
	case len(c.Paths) == 0:
		loader.Rules, err = pack.Sources()
	}
	if err != nil {
		return nil, err
	}
	if len(c.Paths) == 0 {
		return pack.Tests()
	}
	return ruletest.ReadFiles(c.Paths...)
}

// wanted returns which tests are asked for: the one of that name, if there is one,
// or else those that match.
func wanted(name string, suites []ruletest.Suite) (func(string) bool, error) {
	anyTest := func(want func(string) bool) bool {
		return slices.ContainsFunc(suites, func(s ruletest.Suite) bool {
			return slices.ContainsFunc(s.Tests, func(t ruletest.Test) bool { return want(t.Name) })
		})
	}
	exact := func(n string) bool { return n == name }
	if anyTest(exact) {
		return exact, nil
	}
	pattern, err := regexp.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	if !anyTest(pattern.MatchString) {
		return nil, fmt.Errorf("--run: no test is named, or matches, %q", name)
	}
	return pattern.MatchString, nil
}
