package pipeline

import (
	"errors"

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

// logRejected says which records of a batch were rejected. It is one line a
// reason and batch, however many there are: whoever can write bad events must
// not be able to fill the disk with the log of them. The rest is in the
// dead-letter topic.
func (p *processor) logRejected() {
	const most = 10 // offsets that a line names
	byReason := map[string][]int64{}
	for _, l := range p.letters {
		byReason[l.Reason] = append(byReason[l.Reason], l.Record.Offset)
	}
	for reason, offsets := range byReason {
		p.opts.Logger.Warn("Rejected events", "reason", reason, "count", len(offsets),
			"partition", p.partition, "offsets", offsets[:min(most, len(offsets))])
	}
}
