package main

import (
	"github.com/holdfastd/holdfast/schema"
)

type schemaCommand struct {
	Of string `arg:"" enum:"rules,config" help:"What it describes: rules or config."`
}

func (*schemaCommand) Help() string {
	return `Prints a JSON Schema (draft 2020-12), from which an editor completes, explains and underlines while you write.
What is wrong with a file beyond its shape, such as a condition, is for holdfast check to say.

Example:

  holdfast schema rules > rules.schema.json

and in the first line of a rule file beside it, for editors with the YAML language server:

  # yaml-language-server: $schema=rules.schema.json`
}

// Run carries out the command.
func (c *schemaCommand) Run(std streams) error {
	describe := schema.Rules
	if c.Of == "config" {
		describe = schema.Config
	}
	text, err := describe()
	if err != nil {
		return err
	}
	_, err = std.out.Write(text)
	return err
}
