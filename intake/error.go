package intake

import (
	"fmt"
	"slices"
	"strings"
)

// Reason is why a value is no event. It is a metric label and a word in the
// dead-letter topic, so the set is fixed.
type Reason string

// The reasons.
const (
	InvalidJSON  Reason = "invalid_json"  // not exactly one JSON value, or nested too deep
	InvalidUTF8  Reason = "invalid_utf8"  // not UTF-8, or half of a surrogate pair
	DuplicateKey Reason = "duplicate_key" // a key twice in one object, known or not
	WrongType    Reason = "wrong_type"    // a known field's value is of another kind or out of its range
	MissingField Reason = "missing_field" // time, type or account is absent, null or empty
	BadTime      Reason = "bad_time"      // not RFC 3339, or not a time that holdfast.Instant can hold
	UnknownType  Reason = "unknown_type"  // neither built in nor the user's own
	ReservedType Reason = "reserved_type" // a type that only Holdfast makes
	FutureTime   Reason = "future_time"   // too far ahead of the broker's clock
	TooLarge     Reason = "too_large"     // longer than Options.MaxBytes
)

// Reasons lists the reasons, for metrics that start at 0.
var Reasons = []Reason{
	InvalidJSON, InvalidUTF8, DuplicateKey, WrongType, MissingField,
	BadTime, UnknownType, ReservedType, FutureTime, TooLarge,
}

// Error says why a value is no event. Nothing in it is the sender's text.
type Error struct {
	Reason Reason
	// Field is the path of the known field that is wrong or that holds what is
	// wrong, such as "client.asn"; "" is the value as a whole. It is always one
	// of a fixed set: the names of attributes and unknown keys don't appear.
	Field string
	// Offset is where in the value it was noticed, in bytes; 0 where that means
	// nothing.
	Offset int64

	problem string // completes a sentence that starts with the field
}

// Error returns the reason and a sentence, such as "wrong_type: client.asn is
// not a whole number from 0 to 4294967295 (at byte 120)".
func (e *Error) Error() string {
	subject := e.Field
	if subject == "" {
		subject = "the event"
	}
	s := fmt.Sprintf("%s: %s %s", e.Reason, subject, e.problem)
	if e.Offset > 0 {
		s += fmt.Sprintf(" (at byte %d)", e.Offset)
	}
	return s
}

func missing(field string) *Error {
	return &Error{Reason: MissingField, Field: field, problem: "is missing or empty"}
}

// knownFields are the paths that an Error may name, as JSON pointers.
var knownFields = []string{
	"/id", "/time", "/type", "/account", "/channel", "/purpose", "/attempt",
	"/session", "/session/id",
	"/device", "/device/id", "/device/trusted", "/device/platform", "/device/name",
	"/client", "/client/ip", "/client/country", "/client/asn", "/client/user_agent", "/client/lat", "/client/lon",
	"/phone", "/attrs",
}

// knownField returns the known field that a JSON pointer points at, exactly, or
// into. It returns "" for what is in none.
func knownField(pointer string) (field string, exact bool) {
	keys := strings.SplitN(pointer, "/", 4) // "", a key, a key in its object, everything below
	for n := min(len(keys), 3); n > 1; n-- {
		if p := strings.Join(keys[:n], "/"); slices.Contains(knownFields, p) {
			return strings.ReplaceAll(p[1:], "/", "."), n == len(keys)
		}
	}
	return "", false
}
