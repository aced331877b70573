package pipeline

import (
	"fmt"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/store"
)

// verdict is the entry of a verdict as the engine sees it: an event that stands
// where the entry does. It does not move the watermark, since the clock by which
// it was given may be far ahead of where the partition is read.
//
// Nothing here appends such an entry yet: there is no inlet for verdicts.
func verdict(e store.Entry) (detector.Input, error) {
	const unmoving = holdfast.Instant(1) // the earliest broker time there is
	v, err := store.ReadVerdict(e.Verdict)
	if err != nil {
		return detector.Input{}, fmt.Errorf("entry %d of the journal: %w", e.Ordinal, err)
	}
	event := &holdfast.Event{
		ID: v.ID, Time: v.Time, Type: holdfast.TypeOwnerDenied, Account: v.Account,
		Session: v.Session, Device: holdfast.Device{ID: v.Device},
	}
	if v.Confirmed {
		event.Type = holdfast.TypeOwnerConfirmed
	}
	return detector.Input{Event: event, Offset: e.After, Broker: unmoving}, nil
}
