package workbench

import (
	"context"
	"io"
	"time"
)

// interruptible reads from what may be quiet for long, as a pipe or a terminal is,
// and gives up when its context ends.
//
// The read that is under way then is ended by a deadline where the source has such
// (an *os.File of a pipe may). Where it has none, its goroutine is left behind: it
// owns the memory that it reads into, and ends when the source brings something or
// is closed, at the latest with the process. The source must not be read by anybody
// else afterward.
type interruptible struct {
	ctx    context.Context
	source io.Reader
	buf    []byte // the goroutine's while it reads
	unread []byte // in buf
	err    error  // behind unread
	reads  chan reads
}

// reads is what a read came to.
type reads struct {
	n   int
	err error
}

func newInterruptible(ctx context.Context, source io.Reader) *interruptible {
	return &interruptible{ctx: ctx, source: source, buf: make([]byte, blockBytes), reads: make(chan reads, 1)}
}

// Read reads, and fails with the context's error when that ends first.
func (r *interruptible) Read(b []byte) (int, error) {
	if len(r.unread) == 0 && r.err == nil {
		r.await()
	}
	n := copy(b, r.unread)
	if r.unread = r.unread[n:]; len(r.unread) > 0 {
		return n, nil
	}
	return n, r.err
}

// await waits for a read, or for the end of the context.
func (r *interruptible) await() {
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	go func() {
		n, err := r.source.Read(r.buf)
		r.reads <- reads{n, err}
	}()
	select {
	case got := <-r.reads:
		r.unread, r.err = r.buf[:got.n], got.err
	case <-r.ctx.Done():
		r.err = r.ctx.Err()
		limited, ok := r.source.(interface{ SetReadDeadline(t time.Time) error })
		if ok && limited.SetReadDeadline(time.Unix(1, 0)) == nil { // long ago
			<-r.reads
		}
	}
}
