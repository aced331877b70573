package main

import (
	"context"
	"net"
	"os"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/web"
)

type healthcheckCommand struct {
	Config string `short:"c" help:"The daemon's configuration file, which says where it listens." placeholder:"FILE"`
	URL    string `arg:"" optional:"" help:"What to ask, in place of what the configuration says. Default: http://127.0.0.1:9480/-/healthy."`
}

func (*healthcheckCommand) Help() string {
	return `Exits with 0 if the daemon answers that it is well, and with 1 and its reasons otherwise. Behind TLS or
basic authentication, give the address: https://user:password@127.0.0.1:9480/-/healthy.

Example:

  holdfast healthcheck -c /etc/holdfast/holdfast.yaml
  holdfast healthcheck http://127.0.0.1:9480/-/ready`
}

// Run carries out the command.
func (c *healthcheckCommand) Run(ctx context.Context, std streams) error {
	address := "127.0.0.1:9480"
	if c.Config != "" {
		cfg, err := config.Load(c.Config, os.LookupEnv)
		if err != nil {
			return drawn(err, fileContent, std.err)
		}
		address = reachable(cfg.Web.Listen)
	}
	if c.URL == "" {
		c.URL = "http://" + address + "/-/healthy"
	}
	return web.Check(ctx, c.URL)
}

// reachable is the address at which a listener answers on this machine.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}
