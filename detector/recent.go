package detector

import (
	"encoding/binary"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// recent remembers the last 65,536 events that had an id, so that one delivered
// twice is seen once.
type recent struct {
	memory.Recent
	tuple tuple
}

// keyOf is what an event is known by: id, time, type, account and attempt
// together. An attacker who reuses an id must not hide an event behind another.
func (r *recent) keyOf(event *holdfast.Event, key *hashKey) memory.Key {
	t := r.tuple[:0].add(event.ID).add(event.Type).add(event.Account).add(event.Attempt)
	r.tuple = binary.LittleEndian.AppendUint64(t, uint64(event.Time))
	return key.wide(r.tuple)
}

// Duplicates recognizes events that are delivered twice where several engines
// share the events of one partition, as one engine does that takes in all of them.
type Duplicates struct {
	recent recent
	key    hashKey
}

// NewDuplicates returns one that has seen no event.
func NewDuplicates() *Duplicates { return &Duplicates{key: newHashKey()} }

// Seen reports whether the event is one of the last 65,536 that had an id, and
// remembers it if not.
func (d *Duplicates) Seen(event *holdfast.Event) bool {
	return event.ID != "" && d.recent.Seen(d.recent.keyOf(event, &d.key))
}
