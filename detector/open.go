package detector

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// The words of a cellOpen: an alert whose suppression is remembered. They count
// from the chunk's own first word.
const (
	openUntil  = iota + 1
	openHash   // two words
	_          //
	openCount  // occurrences
	openOffset // of the last one
	openTime   // likewise
	openEnd
)

// suppressedUntil is the end of the group's suppression, which there must be.
func (e *Engine) suppressedUntil(g *group) holdfast.Instant {
	return holdfast.Instant(e.arena.Read(g.open)[openUntil])
}

// suppressed reports whether something of time t falls into an open alert; if so
// it is counted as one more occurrence of it.
func (e *Engine) suppressed(g *group, t holdfast.Instant, at holdfast.Position, out *Output) bool {
	if g.open == 0 || t > e.suppressedUntil(g) {
		return false
	}
	c := e.arena.Own(g.open)
	c[openCount]++
	c[openOffset], c[openTime] = uint64(at.Offset), uint64(at.Time)
	hash, _ := unpackHash(c[openHash], c[openHash+1])
	out.occurred(g.rule.rule.ID, hash, int64(c[openCount]), at)
	return true
}

// openAlert opens the suppression of an alert that fires.
func (e *Engine) openAlert(g *group, a *firing, suppress time.Duration) {
	e.drop(g, cellOpen)
	if suppress <= 0 {
		return
	}
	a.openUntil = a.alert.Time.Add(suppress)
	if c := e.add(g, cellOpen, openEnd-1); c != nil {
		c[openUntil] = uint64(a.openUntil)
		c[openHash], c[openHash+1] = packHash(a.hash, 0)
		c[openCount] = 0
		c[openOffset], c[openTime] = uint64(a.alert.Trigger.Offset), uint64(a.alert.Trigger.Time)
	}
}
