package detector

import (
	"encoding/binary"

	"github.com/holdfastd/holdfast"
)

// recentEvents is how many events with an id are remembered per partition.
const recentEvents = 65_536

// recent remembers the last events that had an id, so that one delivered twice
// is seen once. It compares id, time, type, account and attempt together: an
// attacker who reuses an id must not hide an event behind another.
type recent struct {
	known map[groupID]struct{}
	ring  []groupID
	next  int
	buf   tuple
}

func newRecent() recent { return recent{known: make(map[groupID]struct{})} }

// seen reports whether the event is one of the last ones, and remembers it.
func (r *recent) seen(e *holdfast.Event, key *hashKey) bool {
	if e.ID == "" {
		return false
	}
	r.buf = r.buf[:0].add(e.ID).add(e.Type).add(e.Account).add(e.Attempt)
	r.buf = binary.LittleEndian.AppendUint64(r.buf, uint64(e.Time))
	id := key.wide(r.buf)
	if _, ok := r.known[id]; ok {
		return true
	}
	r.known[id] = struct{}{}
	if len(r.ring) < recentEvents {
		r.ring = append(r.ring, id)
		return false
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % recentEvents
	return false
}
