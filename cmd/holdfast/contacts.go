package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/notify"
)

// contacts is the directory of owners' contacts, and what of it can be read
// again.
type contacts struct {
	notify.Directory
	file *notify.File // nil if the contacts don't come from a file
}

// openContacts opens the configured directory, or takes the given one in its
// place. Without either every account is unknown, and messages go to the inbox
// of accounts that nobody has an address of.
func openContacts(cfg *config.Directory, given notify.Directory, logger *slog.Logger, diagnostics io.Writer) (*contacts, error) {
	switch {
	case given != nil:
		return &contacts{Directory: given}, nil
	case cfg == nil:
		return &contacts{Directory: nobody{}}, nil
	case cfg.File != "":
		file, err := notify.OpenFile(cfg.File)
		if err != nil {
			return nil, drawn(err, fileContent, diagnostics)
		}
		return &contacts{Directory: file, file: file}, nil
	}
	endpoint, err := notify.NewEndpoint(notify.EndpointOptions{
		URL: cfg.URL, Token: cfg.Token.Reveal(), Timeout: cfg.Timeout, Logger: logger.With("component", "directory"),
	})
	if err != nil {
		return nil, usageError(fmt.Errorf("directory: %w", err))
	}
	if cfg.Cache == 0 {
		return &contacts{Directory: endpoint}, nil
	}
	return &contacts{Directory: notify.NewCache(endpoint, notify.CacheOptions{TTL: cfg.Cache})}, nil
}

// Reload reads the file of contacts again; what is kept elsewhere is current
// anyway. On an error the contacts stay as they were.
func (c *contacts) Reload() error {
	if c.file == nil {
		return nil
	}
	return c.file.Reload()
}

// nobody is the directory of a service that has not said where its contacts are.
type nobody struct{}

// Contact knows no one.
func (nobody) Contact(context.Context, string) (notify.Contact, error) {
	return notify.Contact{}, notify.ErrNoContact
}
