package pipeline

import (
	"errors"
	"time"

	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/stream"
)

// reject makes a dead letter of a record that is no event.
func (p *processor) reject(r *stream.Record, err error) {
	if r.Offset < p.redone {
		return // it is in the dead-letter topic already
	}
	reason := intake.InvalidJSON
	if bad, ok := errors.AsType[*intake.Error](err); ok {
		reason = bad.Reason
	}
	p.metrics.rejected.WithLabelValues(string(reason)).Inc()
	p.letters = append(p.letters, stream.DeadLetter{Topic: p.opts.Topic, Partition: p.partition, Record: *r, Reason: string(reason)})
}

// logPause is how long a partition says nothing more of what it may meet at every
// record.
const logPause = time.Minute

// unsaid are the rejected events of one reason that the log has not named yet.
type unsaid struct {
	since   time.Time // when the log last named some; zero for never
	count   int
	offsets []int64 // of the first ones
}

// logRejected says which records were rejected: one line a minute for each
// reason, however many there are. Whoever can write bad events must not be able
// to fill the disk with the log of them. The rest is in the dead-letter topic.
func (p *processor) logRejected() {
	const most = 10 // offsets that a line names
	if len(p.letters) == 0 && len(p.unsaid) == 0 {
		return
	}
	if p.unsaid == nil {
		p.unsaid = map[string]*unsaid{}
	}
	for _, l := range p.letters {
		u := p.unsaid[l.Reason]
		if u == nil {
			u = &unsaid{}
			p.unsaid[l.Reason] = u
		}
		u.count++
		if len(u.offsets) < most {
			u.offsets = append(u.offsets, l.Record.Offset)
		}
	}
	now := p.opts.Now()
	for reason, u := range p.unsaid {
		if u.count > 0 && now.Sub(u.since) >= logPause {
			p.logUnsaid(reason, u)
			u.since = now
		}
	}
}

// logUnsaidRejected says what logRejected would have said later.
func (p *processor) logUnsaidRejected() {
	for reason, u := range p.unsaid {
		if u.count > 0 {
			p.logUnsaid(reason, u)
		}
	}
}

func (p *processor) logUnsaid(reason string, u *unsaid) {
	p.opts.Logger.Warn("Rejected events", "reason", reason, "count", u.count, "partition", p.partition, "offsets", u.offsets)
	u.count, u.offsets = 0, nil
}
