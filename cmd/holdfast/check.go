package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/respond"
	"github.com/holdfastd/holdfast/rules"
)

type checkCommand struct {
	Config string   `short:"c" help:"A configuration file to check, with the rules it names." placeholder:"FILE"`
	Rules  []string `arg:"" optional:"" help:"Rule files or folders. Without any, those of the configuration, or the default pack."`

	config *config.Config
}

func (*checkCommand) Help() string {
	return `Reports every mistake at once, as file:line:column with the source line, and exits with 1 if there is one.
Warnings don't change the exit code.

Example:

  holdfast check -c holdfast.yaml
  holdfast check rules/codes.yaml`
}

// Run carries out the command.
func (c *checkCommand) Run(_ context.Context, std streams) error {
	set, err := c.load(std)
	if err != nil {
		return findings(err)
	}
	for _, r := range set.Rules {
		for _, sentence := range c.shortcomings(r) {
			d := diag.Diagnostic{File: r.File, Pos: r.Pos, Severity: diag.Warning, Message: "rule `" + r.ID + "`: " + sentence}
			if _, err := fmt.Fprintln(std.err, d); err != nil {
				return err
			}
		}
	}
	_, err = fmt.Fprintf(std.out, "%d rules are fine\n", len(set.Rules))
	return err
}

func (c *checkCommand) shortcomings(r *rules.Rule) []string {
	if c.config == nil {
		return respond.Unsupported(r.Respond)
	}
	return shortcomings(r, c.config)
}

// load reads the rules, and notes the configuration if there is one.
func (c *checkCommand) load(std streams) (set *rules.Set, err error) {
	if c.Config != "" {
		c.config, set, err = loadAll(c.Config, c.Rules, std.err)
		return set, err
	}
	templates, err := notify.NewTemplates(notify.TemplateOptions{})
	if err != nil {
		return nil, err
	}
	return loadRules(c.Rules, rules.Options{Templates: templates.Names()}, std.err)
}

// findings turns what would keep the daemon from starting into what check found.
func findings(err error) error {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return &exitError{code: exitFindings, err: exit.err, said: exit.said}
	}
	return err
}
