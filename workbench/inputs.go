package workbench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Stdin is the name under which the standard input is read.
const Stdin = "-"

// maxZstdWindow bounds what a compressed file can make the reader hold, bytes.
const maxZstdWindow = 128 << 20

// The beginnings of compressed data; no event begins like that.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// open opens a file of events by its name, or the standard input. It is
// decompressed if its name or its beginning says so. Reading ends with ctx, even
// while a pipe is quiet.
func open(ctx context.Context, name string, stdin io.Reader, read *counter) (io.Reader, func() error, error) {
	if name == Stdin {
		in, closeInput, err := decompressed(newInterruptible(ctx, stdin), "")
		if err != nil {
			return nil, nil, fmt.Errorf("the standard input: %w", err)
		}
		return in, closeInput, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	var source io.Reader = file
	if stat, err := file.Stat(); err == nil && !stat.Mode().IsRegular() {
		source = newInterruptible(ctx, file)
	}
	in, closeInput, err := decompressed(read.of(source), name)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return in, func() error { return errors.Join(closeInput(), file.Close()) }, nil
}

// decompressed reads what an input holds, and returns how to be done with it.
func decompressed(in io.Reader, name string) (io.Reader, func() error, error) {
	begun := bufio.NewReader(in)
	magic, err := begun.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case strings.HasSuffix(name, ".gz"), bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(begun)
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case strings.HasSuffix(name, ".zst"), bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(begun, zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, func() error { z.Close(); return nil }, nil
	}
	return begun, func() error { return nil }, nil
}
