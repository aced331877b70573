package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
	"github.com/holdfastd/holdfast/intake"
)

type generateCommand struct {
	Events   int    `default:"1000000" help:"How many events."`
	Accounts int    `default:"100000" help:"Of how many accounts."`
	Seed     uint64 `default:"1" help:"Tells one file from another."`
	File     string `arg:"" help:"What to write."`
}

// Run carries out the command.
func (c *generateCommand) Run(ctx context.Context) error {
	return writeEvents(ctx, c.File, everyday.Options{Accounts: c.Accounts, Seed: c.Seed}, c.Events)
}

// corpus returns the name of a file of everyday events in a folder, which it
// writes unless it is there from an earlier run and the same would be written.
func corpus(ctx context.Context, folder string, accounts, events int) (string, error) {
	opts := everyday.Options{Accounts: accounts}
	name := filepath.Join(folder, fmt.Sprintf("everyday-%d-of-%d.ndjson", events, accounts))
	if same, err := beginsWith(name, opts, min(events, 20_000)); err != nil || same {
		return name, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	const perEvent, spare = 360, 2 << 30 // bytes
	if err := needDisk(folder, int64(events)*perEvent+spare); err != nil {
		return "", err
	}
	return name, writeEvents(ctx, name, opts, events)
}

// beginsWith reports whether a file begins with the first events of a traffic.
func beginsWith(name string, opts everyday.Options, events int) (bool, error) {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	var want bytes.Buffer
	if err := appendEvents(context.Background(), &want, opts, events); err != nil {
		return false, err
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(file, got); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(got, want.Bytes()), nil
}

// writeEvents writes a file aside and renames it, so that a file that is there is
// whole.
func writeEvents(ctx context.Context, name string, opts everyday.Options, events int) (err error) {
	aside := name + ".part"
	file, err := os.Create(aside)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(aside))
		}
	}()
	w := bufio.NewWriterSize(file, 1<<20)
	if err := appendEvents(ctx, w, opts, events); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		return err
	}
	return os.Rename(aside, name)
}

func appendEvents(ctx context.Context, w io.Writer, opts everyday.Options, events int) error {
	traffic := everyday.New(opts)
	var e holdfast.Event
	var line []byte
	for i := range events {
		if i%100_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		traffic.Next(&e)
		line = append(intake.Append(line[:0], &e), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}
