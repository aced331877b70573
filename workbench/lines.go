package workbench

import (
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

// batchLines is how many lines are handed on together.
const batchLines = 64

// eachBatch calls f with the lines of the files in turn, some at a time. A name
// that ends in .gz or .zst is decompressed; [Stdin] is stdin. No more than most+1
// bytes of a line are handed on.
func eachBatch(ctx context.Context, files []string, stdin io.Reader, most int, f func([]line) error) error {
	var offset int64
	for _, name := range files {
		if err := eachBatchOf(ctx, name, stdin, most, &offset, f); err != nil {
			return err
		}
	}
	return nil
}

func eachBatchOf(ctx context.Context, name string, stdin io.Reader, most int, offset *int64, f func([]line) error) (err error) {
	in, closeInput, err := open(name, stdin)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer func() { err = errors.Join(err, closeInput()) }()

	lines := newLineReader(in, most)
	batch := make([]line, 0, batchLines)
	number := 1
	for ctx.Err() == nil {
		batch, err = lines.next(batch[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events: %s, line %d: %w", name, number, err)
		}
		for i := range batch {
			batch[i].file, batch[i].number, batch[i].offset = name, number, *offset
			number++
			*offset++
		}
		if err := f(batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lineReader cuts what it reads into lines, without copying them.
type lineReader struct {
	r        io.Reader
	most     int
	buf      []byte
	from, to int   // what of buf was read and not handed on yet
	skip     bool  // up to the next line break: it is the rest of a long line
	err      error // of the last read
}

func newLineReader(r io.Reader, most int) *lineReader {
	return &lineReader{r: r, most: most, buf: make([]byte, max(1<<18, 2*most))}
}

// next appends lines to a batch, at least one and at most as many as it has room
// for. They are valid until the next call. The error is io.EOF after the last.
func (l *lineReader) next(batch []line) ([]line, error) {
	for {
		for len(batch) < cap(batch) {
			i := bytes.IndexByte(l.buf[l.from:l.to], '\n')
			if i < 0 {
				break
			}
			if !l.skip {
				batch = append(batch, l.line(l.buf[l.from:l.from+i]))
			}
			l.skip = false
			l.from += i + 1
		}
		if len(batch) > 0 {
			return batch, nil
		}
		if l.err != nil {
			rest := l.buf[l.from:l.to]
			l.from = l.to
			if errors.Is(l.err, io.EOF) && len(rest) > 0 && !l.skip {
				return append(batch, l.line(rest)), nil
			}
			return nil, l.err
		}
		if l.skip {
			l.from = l.to
		}
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from = 0
		if l.to == len(l.buf) {
			l.skip, l.from = true, l.to
			return append(batch, l.line(l.buf)), nil
		}
		n, err := l.r.Read(l.buf[l.to:])
		l.to += n
		l.err = err
	}
}

func (l *lineReader) line(text []byte) line {
	if long := len(text) > l.most; long {
		return line{bytes: text[:l.most+1], long: true}
	}
	return line{bytes: bytes.TrimSuffix(text, []byte("\r"))}
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
