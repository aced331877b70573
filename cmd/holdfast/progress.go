package main

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/holdfastd/holdfast/workbench"
)

// progress shows on a terminal how much of some files has been read, once that
// takes longer than a moment. What else is written to the terminal goes through it,
// so that the two don't mix.
type progress struct {
	w     io.Writer
	total int64

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	begun time.Time
	shown time.Time // when the bar was last told
}

// later is the terminal once the bar is to be seen.
type later struct{ *progress }

func (l later) Write(b []byte) (int, error) {
	if time.Since(l.begun) < progressAfter {
		return len(b), nil
	}
	return l.w.Write(b)
}

const (
	progressAfter = time.Second            // of work, the bar is seen
	progressEvery = 100 * time.Millisecond // the bar is told
)

// newProgress returns nil where there is nobody to look, or no saying how much
// there is to read. apart says that nothing else goes to the terminal meanwhile
// but what goes through the bar.
func newProgress(std streams, files []string, apart bool) *progress {
	if !terminal(std.err) || !apart && terminal(std.out) || slices.Contains(files, workbench.Stdin) {
		return nil
	}
	var total int64
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() { // a pipe has no size
			return nil
		}
		total += info.Size()
	}
	if total == 0 {
		return nil
	}
	return progressOf(std.err, total, time.Now())
}

func progressOf(w io.Writer, total int64, begun time.Time) *progress {
	p := &progress{w: w, total: total, begun: begun}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(later{p}), progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	return p
}

// read says how many bytes have been read.
func (p *progress) read(n int64) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = now
	_ = p.bar.Set64(min(n, p.total-1)) // the work is done only when it is; a file may grow
}

// Write clears the bar away and writes.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.bar.Clear() // what fails here, fails below
	return p.w.Write(b)
}

// done takes the bar away, if there is one.
func (p *progress) done() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.bar.Clear() // nobody is left to tell
}
