package main

import (
	"context"

	"github.com/holdfastd/holdfast/web"
)

type healthcheckCommand struct {
	URL string `arg:"" optional:"" help:"What to ask." default:"http://127.0.0.1:9480/-/healthy"`
}

func (*healthcheckCommand) Help() string {
	return `Exits with 0 if the daemon answers that it is well, and with 1 and its reasons otherwise.

Example:

  holdfast healthcheck http://127.0.0.1:9480/-/ready`
}

// Run carries out the command.
func (c *healthcheckCommand) Run(ctx context.Context) error { return web.Check(ctx, c.URL) }
