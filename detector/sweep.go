package detector

import (
	"slices"
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
	// dueAhead is how far ahead a due can lie: it is kept in a circle of 227 days.
	// What lies further ahead is looked at once more then.
	dueAhead = 100 * 24 * time.Hour
	dueUnits = uint16(dueAhead/time.Duration(dueUnit)) + 1
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
	now := floor(int64(e.watermark), int64(dueUnit))
	for _, t := range e.groupings {
		e.dueNow = e.dueNow[:0]
		t.Sweep(sweepRecords, now, dueUnits, func(record uint32) { e.dueNow = append(e.dueNow, record) })
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

// ownersIn appends the owners of the chunks in a record's chain, each once.
func (e *Engine) ownersIn(to []uint16, t *grouping, record uint32) []uint16 {
	for ref := t.Chain(record); ref != 0; {
		c := e.arena.Read(ref)
		if owner := c.Owner(); owner != 0 && !slices.Contains(to, owner) {
			to = append(to, owner)
		}
		ref = c.Next()
	}
	return to
}

// tidy frees what is forgotten of a record, and the record if nothing is left.
func (e *Engine) tidy(t *grouping, record uint32) {
	t.SetDue(record, e.latestDue())
	p := place{resolved: true, belongs: true, exists: true, record: record}
	e.present = e.ownersIn(e.present[:0], t, record)
	for _, owner := range e.present {
		r := e.owners[owner]
		g := e.look(r, &p)
		e.forget(&g, r.longest+e.opts.MaxLateness)
		e.settle(&g)
	}
	e.tidyProfile(t, record)
	if t.Chain(record) == 0 {
		t.Remove(record)
	}
}
