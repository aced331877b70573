package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench/sigma"
)

type rulesCommand struct {
	Import importCommand `cmd:"" help:"Turn rules of another language into rules."`
}

type importCommand struct {
	Sigma sigmaCommand `cmd:"" help:"Turn Sigma correlation rules into rules."`
}

type sigmaCommand struct {
	Mapping      string   `help:"What Sigma's fields and log sources are among your events. Without it, the built-in mapping." placeholder:"FILE"`
	PrintMapping bool     `help:"Print the mapping that is used, and quit."`
	Files        []string `arg:"" optional:"" name:"file" help:"Sigma files: correlations, and the rules they name."`
}

func (*sigmaCommand) Help() string {
	return `Writes the correlations (event_count, value_count, temporal_ordered) as a rule file to stdout. They are in test:
their alerts are recorded and nothing follows from them until you set status: stable. What can't be expressed
is refused at its line, on stderr; a rule with such a part is not written, and the exit code is 1.

The built-in mapping takes the log sources "product: holdfast" and "category: authentication", reads User,
user.id, user.name and TargetUserName as account and source.ip, src_ip, SourceIp and IpAddress as client.ip,
among others; fields by Holdfast's own names stand for themselves. --print-mapping shows all of it.

Example:

  holdfast rules import sigma --print-mapping > mapping.yaml
  holdfast rules import sigma --mapping mapping.yaml sigma/*.yml > rules/imported.yaml
  holdfast check rules/`
}

// Run carries out the command.
func (c *sigmaCommand) Run(std streams) error {
	from := sigma.DefaultMapping()
	if c.Mapping != "" {
		content, err := readBounded(c.Mapping)
		if err != nil {
			return usageError(fmt.Errorf("reading the mapping: %w", err))
		}
		from = rules.Source{Name: c.Mapping, Content: content}
	}
	mapping, err := sigma.ReadMapping(from)
	if err != nil {
		return drawn(err, rules.SourceOf([]rules.Source{from}), std.err)
	}
	if c.PrintMapping {
		_, err := std.out.Write(from.Content)
		return err
	}
	if len(c.Files) == 0 {
		return usageError(errors.New("name the Sigma files to import, or --print-mapping"))
	}
	sources := make([]rules.Source, len(c.Files))
	for i, name := range c.Files {
		content, err := readBounded(name)
		if err != nil {
			return usageError(fmt.Errorf("reading Sigma rules: %w", err))
		}
		sources[i] = rules.Source{Name: name, Content: content}
	}
	result := sigma.Import(sources, mapping)
	if err := result.Findings.Render(std.err, rules.SourceOf(sources)); err != nil {
		return err
	}
	if _, err := std.out.Write(result.YAML); err != nil {
		return err
	}
	if result.Findings.Errors() > 0 {
		return &exitError{code: exitFindings, said: result.Findings}
	}
	return nil
}

// readBounded reads a file as far as the importer looks at one: a byte more than
// it takes, so that it can say so.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, sigma.MaxFileSize+1))
}
