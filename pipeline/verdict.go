package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/store"
)

// Verdict is what an account's owner said of an alert, as the journal keeps it.
type Verdict struct {
	ID      string           `json:"id"`   // tells it from every other; required
	Time    holdfast.Instant `json:"time"` // when it was given; required
	Account string           `json:"account"`
	// Confirmed says that it was the owner, else that it was not.
	Confirmed bool   `json:"confirmed"`
	Session   string `json:"session,omitempty"` // that the alert is about
	Device    string `json:"device,omitempty"`  // likewise: the device's id
}

// verdict is the entry of a verdict as the engine sees it: an event that stands
// where the entry does. It does not move the watermark, since the clock by which
// it was given may be far ahead of where the partition is read.
func verdict(e store.Entry) (detector.Input, error) {
	const unmoving = holdfast.Instant(1) // the earliest broker time there is
	var v Verdict
	err := json.Unmarshal(e.Verdict, &v)
	if err == nil && (v.ID == "" || v.Account == "" || v.Time == 0) {
		err = errors.New("it lacks an id, a time or an account")
	}
	if err != nil {
		return detector.Input{}, fmt.Errorf("the journal's entry %d is no verdict: %w", e.Ordinal, err)
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
