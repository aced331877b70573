package workbench

import (
	"fmt"
	"io"
)

// shownBadLines bounds the bad lines of a file that are shown one by one.
const shownBadLines = 20

// NoEventError says that a file has lines, and none of them is an event.
type NoEventError struct{ File string }

// Error names the file, and what it may be.
func (e *NoEventError) Error() string {
	if e.File == Stdin {
		return "no line of the standard input is an event: is it JSON lines?"
	}
	return fmt.Sprintf("no line of %s is an event: is it JSON lines?", e.File)
}

// badLines tells of the lines that are no events: of each file or partition the
// first, and then how many more there are.
type badLines struct {
	w      io.Writer
	before int64 // what an earlier pass over the same events has said
	said   int64 // by this pass, or by the earlier one in its place
	all    int64

	source string // of the lines that follow
	record bool   // it is a partition of a log
	events bool   // it holds one at least
	bad    int64  // of this source
}

// add tells of a block's bad lines.
func (b *badLines) add(d *decoded) error {
	if len(d.block.lines) == 0 {
		return nil
	}
	if first := &d.block.lines[0]; first.number == 1 || first.file != b.source {
		if err := b.finish(); err != nil {
			return err
		}
		b.source, b.record = first.file, first.record
	}
	b.events = b.events || d.read != (reading{})
	for _, err := range d.bad {
		b.all++
		if b.bad++; b.bad > shownBadLines {
			continue
		}
		if err := b.say(err.Error()); err != nil {
			return err
		}
	}
	return nil
}

// finish is the end of a file or partition.
func (b *badLines) finish() error {
	source, more, none := b.source, b.bad-shownBadLines, b.bad > 0 && !b.events && !b.record
	b.source, b.record, b.events, b.bad = "", false, false, 0
	if more > 0 {
		if err := b.say(fmt.Sprintf("%s: … and %s", source, of(more, "more bad line"))); err != nil {
			return err
		}
	}
	if none {
		return &NoEventError{source}
	}
	return nil
}

func (b *badLines) say(text string) error {
	if b.said++; b.said <= b.before {
		return nil
	}
	_, err := fmt.Fprintln(b.w, text)
	return err
}
