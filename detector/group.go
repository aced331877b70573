package detector

import (
	"math"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// entry is what a group remembers of one event or alert.
type entry struct {
	time     holdfast.Instant
	first    holdfast.Instant // time; of an alert, where its own evidence begins
	position holdfast.Position
	alert    string   // the alert's id, where the entry is one
	device   uint64   // hash of device.id
	session  uint64   // hash of session.id
	same     uint64   // hash of the values that cancel compares; 0 equals nothing
	values   []uint64 // hashes of the values that distinct counts; 0 is none
	behind   *traces  // of an alert: what its own evidence came from
}

// traces are the devices and sessions that an alert's evidence came from, as
// hashes, the last ones of them.
type traces struct{ devices, sessions []uint64 }

// maxTraces bounds the devices, and the sessions, that are carried along from
// alert to alert.
const maxTraces = 16

func (t *traces) add(devices, sessions []uint64) {
	t.devices, t.sessions = addTraces(t.devices, devices), addTraces(t.sessions, sessions)
}

func addTraces(known, more []uint64) []uint64 {
	for _, hash := range more {
		if hash != 0 && !slices.Contains(known, hash) {
			known = append(known, hash)
		}
	}
	return known[max(0, len(known)-maxTraces):]
}

// group is the state of one group of a rule.
type group struct {
	entries []entry // of a count or score, in the order of arrival
	chains  []chain // of a sequence: chains[n] has n+1 events; the zero chain is none
	score   float64 // sum of a score, as of newest
	surge   *baseline
	held    []*held // alerts that wait for their deadline
	newest  holdfast.Instant
	alive   bool // newest has a value: there are entries, or chains were begun

	suppressedUntil holdfast.Instant
	hasOpen         bool // there is an alert whose suppression is remembered
	open            holdfast.Occurrences

	serial uint64 // names the group among those the rule stores; 0: it is not stored
}

// single reports whether the group is no more than one event that led to nothing
// yet.
func (g *group) single() bool {
	further := len(g.chains) > 1 && slices.ContainsFunc(g.chains[1:], func(c chain) bool { return c.last != nil })
	return len(g.entries) <= 1 && !further && !g.hasOpen && len(g.held) == 0 && g.surge == nil
}

// clear drops entries and chains, as if none had ever been.
func (g *group) clear() {
	g.entries, g.score = nil, 0
	clear(g.chains)
	g.alive, g.newest = false, 0
}

// saw notes the time of an event that counts.
func (g *group) saw(t holdfast.Instant) {
	if !g.alive || t > g.newest {
		g.newest, g.alive = t, true
	}
}

// forget drops what the watermark has left behind: entries and chains by span
// after the newest of them, the suppression by lateness after its end.
func (g *group) forget(watermark holdfast.Instant, span, lateness time.Duration) {
	if g.alive && watermark > g.newest.Add(span) {
		g.clear()
		g.surge = nil
	}
	if g.hasOpen && watermark > g.suppressedUntil.Add(lateness) {
		g.hasOpen = false
	}
}

// remembersUntil returns the watermark past which the group is empty, if it
// holds anything at all.
func (g *group) remembersUntil(span, lateness time.Duration) (holdfast.Instant, bool) {
	until := holdfast.Instant(math.MinInt64)
	if g.alive {
		until = g.newest.Add(span)
	}
	if g.hasOpen {
		until = max(until, g.suppressedUntil.Add(lateness))
	}
	for _, h := range g.held {
		until = max(until, h.deadline())
	}
	return until, g.alive || g.hasOpen || len(g.held) > 0
}

// append adds an entry to a count and drops those that are older than timespan
// before the newest: the new one can be one of them. A timespan of 0 drops
// none. It returns how many were dropped because the group was full.
func (g *group) append(en entry, timespan time.Duration, most int) (overflowed int64) {
	g.entries = append(g.entries, en)
	g.saw(en.time)
	if timespan > 0 {
		oldest := g.newest.Add(-timespan)
		g.entries = slices.DeleteFunc(g.entries, func(o entry) bool { return o.time < oldest })
	}
	if over := len(g.entries) - most; over > 0 {
		g.entries = slices.Delete(g.entries, 0, over)
		g.renew()
		return int64(over)
	}
	return 0
}

// take removes the entries that a canceling event takes back: all, or those
// with the same values.
func (g *group) take(all bool, same uint64) {
	g.entries = slices.DeleteFunc(g.entries, func(o entry) bool { return all || same != 0 && o.same == same })
	g.renew()
}

// renew finds the newest entry again after some have gone.
func (g *group) renew() {
	g.alive, g.newest = false, 0
	for i := range g.entries {
		g.saw(g.entries[i].time)
	}
}
