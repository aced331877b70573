package workbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// line is one line of the input. Its bytes are valid until the next one is read.
type line struct {
	file   string
	number int   // in the file, from 1
	offset int64 // over all files, from 0
	bytes  []byte
	long   bool // the line exceeds the bound; bytes holds its beginning

	record bool      // it is a record of a log, and file names its partition
	broker time.Time // of a record, when the broker got it; zero if nobody says
}

// place is where the line stands, for people.
func (l *line) place() string {
	if l.record {
		return fmt.Sprintf("%s, offset %d", l.file, l.offset)
	}
	return fmt.Sprintf("%s:%d", l.file, l.number)
}

// blockBytes is how much of the input is read at once.
const blockBytes = 1 << 16

// block is a part of the input: some lines of one file, with the memory that they
// lie in.
type block struct {
	buf   []byte
	lines []line
}

// eachBlock fills blocks with the lines of the files in turn, and hands them on
// to f. The block that it fills next is what f returns. What is compressed is
// decompressed; [Stdin] is stdin. No more than most+1 bytes of a line are handed on.
// progress, unless it is nil, is told after each block how many bytes of files have
// been read.
//
// When ctx ends, eachBlock returns without waiting for what a pipe will bring, and
// stdin is not to be read any more.
func eachBlock(ctx context.Context, files []string, stdin io.Reader, most int, progress func(int64), f func(*block) (*block, error)) error {
	var offset int64
	b, read := new(block), new(counter)
	if progress != nil {
		hand := f
		f = func(b *block) (*block, error) {
			progress(read.n.Load())
			return hand(b)
		}
	}
	for _, name := range files {
		var err error
		if b, err = eachBlockOf(ctx, name, stdin, most, read, &offset, b, f); err != nil {
			return err
		}
	}
	if progress != nil {
		progress(read.n.Load())
	}
	return nil
}

// counter counts the bytes of files that are read, by whichever goroutine.
type counter struct{ n atomic.Int64 }

// of counts what is read of a file.
func (c *counter) of(file io.Reader) io.Reader { return counted{file, c} }

type counted struct {
	io.Reader
	by *counter
}

func (r counted) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.by.n.Add(int64(n))
	return n, err
}

func eachBlockOf(ctx context.Context, name string, stdin io.Reader, most int, read *counter, offset *int64, b *block, f func(*block) (*block, error)) (_ *block, err error) {
	in, closeInput, err := open(ctx, name, stdin, read)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	defer func() { err = errors.Join(err, closeInput()) }()

	lines := lineReader{r: in, most: most}
	number := 1
	for ctx.Err() == nil {
		err := lines.fill(b)
		for i := range b.lines {
			b.lines[i].file, b.lines[i].number, b.lines[i].offset = name, number, *offset
			number++
			*offset++
		}
		next, failed := f(b)
		if failed != nil {
			return nil, failed
		}
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading events: %s, line %d: %w", name, number, err)
		}
		b = next
	}
	return nil, ctx.Err()
}

// lineReader cuts what it reads into lines.
type lineReader struct {
	r    io.Reader
	most int
	rest []byte // of the block before: the beginning of a line
	skip bool   // up to the next line break: it is the rest of a long line
	err  error  // of the last read
}

// fill fills a block with the lines that come with one read, at least one if there
// is any. An error stands beside the lines that came before it; it is io.EOF at the
// end.
func (l *lineReader) fill(b *block) error {
	if size := max(blockBytes, 2*l.most); len(b.buf) < size {
		b.buf = make([]byte, size)
	}
	b.lines = b.lines[:0]
	from, to := 0, copy(b.buf, l.rest)
	searched := to
	for {
		for {
			i := bytes.IndexByte(b.buf[searched:to], '\n')
			if i < 0 {
				break
			}
			if !l.skip {
				b.lines = append(b.lines, l.line(b.buf[from:searched+i]))
			}
			l.skip = false
			from = searched + i + 1
			searched = from
		}
		searched = to
		if l.skip {
			from = to
		}
		switch {
		case l.err != nil:
			if rest := b.buf[from:to]; errors.Is(l.err, io.EOF) && len(rest) > 0 {
				b.lines = append(b.lines, l.line(rest))
			}
			return l.err
		case len(b.lines) > 0: // what there is must not wait for what a pipe will bring
			l.rest = append(l.rest[:0], b.buf[from:to]...)
			return nil
		case from > 0: // the end of a long line has been skipped
			to = copy(b.buf, b.buf[from:to])
			from, searched = 0, to
		case to == len(b.buf):
			b.lines = append(b.lines, l.line(b.buf))
			l.skip, l.rest = true, l.rest[:0]
			return nil
		}
		n, err := l.r.Read(b.buf[to:])
		to += n
		l.err = err
	}
}

func (l *lineReader) line(text []byte) line {
	if long := len(text) > l.most; long {
		return line{bytes: text[:l.most+1], long: true}
	}
	return line{bytes: bytes.TrimSuffix(text, []byte("\r"))}
}
