// Package intake reads events: the bytes of a record go in, and a
// [holdfast.Event] comes out, or the reason why they are none. It must never
// let the way an event is spelt hide it or change what it says, never guess at
// what is malformed, and never repeat a value in an error: values are private,
// and may be an attacker's text.
package intake

import (
	"bytes"
	"fmt"
	"time"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfastd/holdfast"
)

// Options configure a [Decoder].
type Options struct {
	// MaxBytes is the size of the largest value that is read, in bytes; a
	// longer one is [TooLarge]. Defaults to 65536.
	MaxBytes int
}

// Decoder reads events. It is safe for concurrent use.
type Decoder struct{ maxBytes int }

// NewDecoder returns a Decoder.
func NewDecoder(opts Options) *Decoder {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = 64 << 10
	}
	return &Decoder{maxBytes: opts.MaxBytes}
}

// Decode reads value, which is an event in canonical JSON, into e. What e held
// before is gone, and it shares no memory with value. Its strings may be parts of
// one copy of value, so that whoever keeps one of them for long clones it.
//
// brokerTime is when the broker received the value; an event that claims to be
// of more than five minutes later is [FutureTime]. A zero brokerTime, as for
// values from a file, checks nothing.
//
// The error is an [*Error], and e is then zero. Where more than one thing is
// wrong, it is the first in the value that counts; what only the whole can tell,
// such as a missing field, comes last.
func (d *Decoder) Decode(value []byte, brokerTime time.Time, e *holdfast.Event) error {
	*e = holdfast.Event{}
	if len(value) <= d.maxBytes && scan(string(value), brokerTime, e) {
		return nil
	}
	return d.decodeAny(value, brokerTime, e)
}

// Scan is Decode without the copy, for loops through which every event goes: the
// strings of e are parts of value and change with its bytes, and the memory of
// e.Attrs is used again. So e is to be done with before either is used for
// something else, and what is to outlive it is cloned.
//
// It allocates nothing, unless value spells strings with escapes or is so
// unusual that the scanner leaves it to the general reader.
func (d *Decoder) Scan(value []byte, brokerTime time.Time, e *holdfast.Event) error {
	*e = holdfast.Event{Attrs: e.Attrs[:0]}
	text := unsafe.String(unsafe.SliceData(value), len(value)) //nolint:gosec // the caller is told what that means
	if len(text) <= d.maxBytes && scan(text, brokerTime, e) {
		return nil
	}
	return d.decodeAny(value, brokerTime, e)
}

// decodeAny is Decode without the scanner: it decides alone on what that one
// turns down.
func (d *Decoder) decodeAny(value []byte, brokerTime time.Time, e *holdfast.Event) error {
	*e = holdfast.Event{}
	if err := d.decode(value, brokerTime, e); err != nil {
		*e = holdfast.Event{}
		return err
	}
	return nil
}

func (d *Decoder) decode(value []byte, brokerTime time.Time, e *holdfast.Event) error {
	if len(value) > d.maxBytes {
		return &Error{Reason: TooLarge, problem: fmt.Sprintf("is longer than %d bytes", d.maxBytes)}
	}
	r := reader{value: value, json: jsontext.NewDecoder(bytes.NewBuffer(value))}
	at, err := r.event(e)
	if err != nil {
		return err
	}
	if e.Time, err = eventTime(at, brokerTime); err != nil {
		return err
	}
	if err := checkType(e.Type); err != nil {
		return err
	}
	if e.Account == "" {
		return missing("account")
	}
	return nil
}
