package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/respond"
	"github.com/holdfastd/holdfast/rules"
)

type checkCommand struct {
	Config string   `short:"c" help:"A configuration file to check, with the rules it names." placeholder:"FILE"`
	Rules  []string `arg:"" optional:"" help:"Rule files or folders. Without any, those of the configuration, or the default pack."`

	Format string `help:"How to report: text for people, json for programs." enum:"text,json" default:"text"`
	Strict bool   `help:"Let warnings fail too."`
}

func (*checkCommand) Help() string {
	return `Reports every mistake at once, as file:line:column with the source line and what to do about it, and exits with
1 if there is one. Warnings are findings that may be meant; they don't change the exit code unless --strict is given.

With --format json, the result is one object: "diagnostics", a list of {file, line, column, severity, code, message, hint}
in reading order, and the numbers "errors", "warnings", "rules" and "files".

Example:

  holdfast check -c holdfast.yaml
  holdfast check --strict rules/codes.yaml
  holdfast check --format json rules/ | jq -r '.diagnostics[].message'`
}

// Run carries out the command.
func (c *checkCommand) Run(_ context.Context, std streams) error {
	checked, err := c.check()
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = checked.writeJSON(std.out)
	} else {
		err = checked.writeText(std)
	}
	switch {
	case err != nil:
		return err
	case checked.found.Errors() > 0 || c.Strict && len(checked.found) > 0:
		return &exitError{code: exitFindings, said: checked.found}
	}
	return nil
}

// checked is what was found, and in what.
type checked struct {
	found   diag.List
	sources []rules.Source
	rules   int // that compile, all or none
}

// check finds everything that is wrong. The error is that of not being able to
// look.
func (c *checkCommand) check() (*checked, error) {
	cfg := new(config.Config)
	paths, opts := c.Rules, rules.Options{}
	if c.Config != "" {
		var err error
		cfg, err = config.Load(c.Config, os.LookupEnv)
		if found, ok := errors.AsType[diag.List](err); ok {
			for i := range found {
				found[i].Code = cmp.Or(found[i].Code, "config")
			}
			return &checked{found: found}, nil
		}
		if err != nil {
			return nil, usageError(err)
		}
		if len(paths) == 0 {
			paths = cfg.Rules
		}
		opts.Lists, opts.MaxEntries = cfg.Lists, cfg.Engine.MaxEntries
	}
	templates, err := notify.NewTemplates(notify.TemplateOptions{Service: cfg.ServiceName})
	if err != nil {
		return nil, usageError(err)
	}
	opts.Templates, opts.TemplateProblems = templates.Names(), templates.Problems
	sources, err := ruleSources(paths)
	if err != nil {
		return nil, usageError(err)
	}
	set, found := rules.Check(sources, opts)
	result := &checked{found: found, sources: sources}
	if set != nil {
		result.rules = len(set.Rules)
		for _, r := range set.Rules {
			result.found = append(result.found, c.shortcomings(r, cfg)...)
		}
		result.found.Sort()
	}
	return result, nil
}

// shortcomings warns of responses that lead to less than they ask for.
func (c *checkCommand) shortcomings(r *rules.Rule, cfg *config.Config) diag.List {
	sentences := respond.Unsupported(r.Respond)
	if c.Config != "" {
		sentences = shortcomings(r, cfg)
	}
	var found diag.List
	for _, sentence := range sentences {
		found = append(found, diag.Diagnostic{
			File: r.File, Pos: r.Pos, Severity: diag.Warning, Code: "response", Message: "rule `" + r.ID + "`: " + sentence,
		})
	}
	return found
}

// source is a file as it was read.
func (c *checked) source(name string) []byte {
	if content := rules.SourceOf(c.sources)(name); content != nil {
		return content
	}
	return fileContent(name)
}

// writeText draws the findings on the error stream, and sums up on the other.
func (c *checked) writeText(std streams) error {
	if err := c.found.Render(std.err, c.source); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.out, c.summary())
	return err
}

// summary is the closing line.
func (c *checked) summary() string {
	if len(c.found) == 0 {
		if c.rules == 1 {
			return "1 rule is fine"
		}
		return fmt.Sprintf("%d rules are fine", c.rules)
	}
	files := map[string]bool{}
	for _, d := range c.found {
		files[d.File] = true
	}
	var counts []string
	if n := c.found.Errors(); n > 0 {
		counts = append(counts, counted(n, "error"))
	}
	if n := len(c.found) - c.found.Errors(); n > 0 {
		counts = append(counts, counted(n, "warning"))
	}
	return strings.Join(counts, ", ") + " in " + counted(len(files), "file")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (c *checked) writeJSON(w io.Writer) error {
	files := make(map[string]bool)
	for _, s := range c.sources {
		files[s.Name] = true
	}
	for _, d := range c.found {
		files[d.File] = true
	}
	found := c.found
	if found == nil {
		found = diag.List{}
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(struct {
		Diagnostics diag.List `json:"diagnostics"`
		Errors      int       `json:"errors"`
		Warnings    int       `json:"warnings"`
		Rules       int       `json:"rules"` // 0 where they don't compile
		Files       int       `json:"files"` // that were looked at
	}{found, found.Errors(), len(found) - found.Errors(), c.rules, len(files)})
}
