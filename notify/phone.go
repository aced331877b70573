package notify

import (
	"errors"
	"log/slog"
	"regexp"
)

// Phone is a number in E.164. Printed, logged or encoded, it shows its first
// and last digits alone; only [Phone.Number] tells the whole. The zero Phone is
// no number.
type Phone struct{ number string }

// ErrPhone says that a text is no phone number; it does not repeat it.
var ErrPhone = errors.New("phone number is not in E.164 form: + and 7 to 15 digits")

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// ParsePhone reads a number in E.164.
func ParsePhone(s string) (Phone, error) {
	if !e164.MatchString(s) {
		return Phone{}, ErrPhone
	}
	return Phone{s}, nil
}

// Number is the whole number, for the one who sends to it.
func (p Phone) Number() string { return p.number }

// IsZero reports whether p is no number.
func (p Phone) IsZero() bool { return p.number == "" }

// String masks the number.
func (p Phone) String() string {
	const head, tail = 3, 2 // "+" and two digits; the last two
	if p.IsZero() {
		return ""
	}
	return p.number[:head] + "…" + p.number[len(p.number)-tail:]
}

// GoString masks the number.
func (p Phone) GoString() string { return p.String() }

// LogValue masks the number.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText masks the number.
func (p Phone) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
