package detector

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// The freeing of what is forgotten has no bearing on what is forgotten, only on
// when its memory is given back. A hand goes round each table and looks at the
// records that are due.
const (
	sweepEvery   = 64 // events
	sweepRecords = 4 * sweepEvery
	// dueUnit is how finely a record's due follows the watermark.
	dueUnit = holdfast.Instant(5 * time.Minute)
	// dueAhead is how far ahead a due can lie: it is kept in a circle of 65,536
	// units, 227 days. What lies further ahead is looked at once more then.
	dueAhead = 100 * 24 * time.Hour
)

// due is the first unit at which the watermark has passed a time.
func (e *Engine) due(t holdfast.Instant) uint16 {
	return uint16(floor(int64(min(t, e.watermark.Add(dueAhead))), int64(dueUnit)) + 1)
}

func (e *Engine) latestDue() uint16 { return e.due(e.watermark.Add(dueAhead)) }

// sooner reports whether a due comes before another one.
func sooner(a, b uint16) bool { return int16(a-b) < 0 }

// sweep looks at the next records of each table.
func (e *Engine) sweep() {
	if e.events%sweepEvery != 0 {
		return
	}
	now := uint16(floor(int64(e.watermark), int64(dueUnit)))
	for _, t := range e.groupings {
		e.dueNow = e.dueNow[:0]
		t.Sweep(sweepRecords, now, func(record uint32) { e.dueNow = append(e.dueNow, record) })
		for _, record := range e.dueNow { // the waits overlap
			if chain := t.Chain(record); chain != 0 {
				e.touched += e.arena.Touch(chain)
			}
		}
		for _, record := range e.dueNow {
			if chain := t.Chain(record); chain != 0 {
				if next := e.arena.Read(chain).Next(); next != 0 {
					e.touched += e.arena.Touch(next)
				}
			}
		}
		for _, record := range e.dueNow {
			e.tidy(t, record)
		}
	}
}

// tidy frees what is forgotten of a record, and the record if nothing is left.
func (e *Engine) tidy(t *grouping, record uint32) {
	t.SetDue(record, e.latestDue())
	p := place{resolved: true, belongs: true, exists: true, record: record}
	for _, r := range t.rules {
		if g := e.look(r, &p); g.stored {
			e.forget(&g, r.longest+e.opts.MaxLateness)
			e.settle(&g)
		}
	}
	e.tidyProfile(t, record)
	if t.Chain(record) == 0 {
		t.Remove(record)
	}
}
