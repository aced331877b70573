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

// maxZstdWindow bounds what a compressed file can make the reader hold, bytes.
const maxZstdWindow = 128 << 20

// Stdin is the name under which the standard input is read.
const Stdin = "-"

// line is one line of the input. Its bytes are valid until the next one is read.
type line struct {
	file   string
	number int   // in the file, from 1
	offset int64 // over all files, from 0
	bytes  []byte
	long   bool // the line exceeds the bound; bytes holds its beginning
}

// eachLine calls f with every line of the files in turn. A name that ends in .gz
// or .zst is decompressed; [Stdin] is stdin. No more than most+1 bytes of a line
// are held.
func eachLine(ctx context.Context, files []string, stdin io.Reader, most int, f func(line) error) error {
	var offset int64
	for _, name := range files {
		if err := eachLineOf(ctx, name, stdin, most, &offset, f); err != nil {
			return err
		}
	}
	return nil
}

func eachLineOf(ctx context.Context, name string, stdin io.Reader, most int, offset *int64, f func(line) error) (err error) {
	in, closeInput, err := open(name, stdin)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer func() { err = errors.Join(err, closeInput()) }()

	const checkEvery = 4096 // lines between looks at ctx
	r := bufio.NewReaderSize(in, 1<<16)
	var buf []byte
	for number := 1; ; number++ {
		if number%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var long bool
		buf, long, err = readLine(r, buf[:0], most)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading events: %s, line %d: %w", name, number, err)
		}
		if end := err != nil; end && len(buf) == 0 {
			return nil
		}
		if e := f(line{file: name, number: number, offset: *offset, bytes: buf, long: long}); e != nil {
			return e
		}
		*offset++
		if err != nil {
			return nil
		}
	}
}

// readLine reads up to the end of the line, which it leaves off. Of a line that
// is longer than most bytes it keeps most+1 and skips the rest.
func readLine(r *bufio.Reader, buf []byte, most int) (text []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if room := most + 1 - len(buf); room > 0 {
			buf = append(buf, part[:min(room, len(part))]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if n := len(buf); n > 0 && buf[n-1] == '\n' {
			buf = bytes.TrimSuffix(buf[:n-1], []byte("\r"))
		}
		return buf, len(buf) > most, err
	}
}

func open(name string, stdin io.Reader) (io.Reader, func() error, error) {
	if name == Stdin {
		return stdin, func() error { return nil }, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case strings.HasSuffix(name, ".gz"):
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
		}
		return z, func() error { return errors.Join(z.Close(), file.Close()) }, nil
	case strings.HasSuffix(name, ".zst"):
		z, err := zstd.NewReader(file, zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
		}
		return z, func() error { z.Close(); return file.Close() }, nil
	}
	return file, file.Close, nil
}
