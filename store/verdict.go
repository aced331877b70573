package store

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/holdfastd/holdfast"
)

// Verdict is what an account's owner said of an alert, as an [Entry] has it in
// JSON.
type Verdict struct {
	ID      string           `json:"id"`      // tells it from every other; required
	Time    holdfast.Instant `json:"time"`    // when it was given; required
	Account string           `json:"account"` // required
	// Confirmed says that it was the owner, else that it was not.
	Confirmed bool   `json:"confirmed"`
	Session   string `json:"session,omitempty"` // that the alert is about
	Device    string `json:"device,omitempty"`  // likewise: the device's id
}

// ReadVerdict reads a verdict. The error is an [ErrRefused], and does not repeat
// the text.
func ReadVerdict(text json.RawMessage) (Verdict, error) {
	const longest = 64 << 10 // bytes
	if len(text) > longest || !utf8.Valid(text) || !json.Valid(text) {
		return Verdict{}, refuse("a verdict must be a JSON value of at most %d bytes", longest)
	}
	var v Verdict
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // who does not know one would make another event of it
	if err := d.Decode(&v); err != nil {
		return Verdict{}, refuse("a verdict must be an object with the fields of one that this version knows")
	}
	if v.ID == "" || v.Account == "" || v.Time == 0 {
		return Verdict{}, refuse("a verdict must have an id, a time and an account")
	}
	return v, nil
}
