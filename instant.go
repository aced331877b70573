package holdfast

import (
	"errors"
	"fmt"
	"time"
)

// Instant is a moment of event time: nanoseconds since the Unix epoch, UTC.
// It spans 1677-09-21 to 2262-04-11. It is an integer rather than a time.Time
// because the engine compares and stores millions of them.
type Instant int64

// ErrInstantRange says that a time is outside what an Instant can hold.
var ErrInstantRange = errors.New("time is outside the years 1678 to 2261")

// InstantOf converts t, losing nothing but its location.
func InstantOf(t time.Time) (Instant, error) {
	if y := t.UTC().Year(); y < 1678 || y > 2261 {
		return 0, ErrInstantRange
	}
	return Instant(t.UnixNano()), nil
}

// ParseInstant reads an RFC 3339 time with up to nine fractional digits.
func ParseInstant(s string) (Instant, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("not an RFC 3339 time: %q", s)
	}
	return InstantOf(t)
}

// Std returns i as a time.Time in UTC.
func (i Instant) Std() time.Time { return time.Unix(0, int64(i)).UTC() }

// Add returns i+d, held at the ends of the range rather than wrapped around.
func (i Instant) Add(d time.Duration) Instant {
	sum := i + Instant(d)
	switch {
	case d > 0 && sum < i:
		return maxInstant
	case d < 0 && sum > i:
		return minInstant
	}
	return sum
}

// Sub returns i-j, held at the ends of what a time.Duration can say.
func (i Instant) Sub(j Instant) time.Duration {
	d := time.Duration(i - j)
	switch {
	case i > j && d < 0:
		return time.Duration(maxInstant)
	case i < j && d > 0:
		return time.Duration(minInstant)
	}
	return d
}

// String formats i as RFC 3339 with milliseconds, and with more digits only
// where the instant has them.
func (i Instant) String() string {
	if i%Instant(time.Millisecond) == 0 {
		return i.Std().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return i.Std().Format("2006-01-02T15:04:05.000000000Z07:00")
}

// MarshalText writes the form of [Instant.String].
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the form of [ParseInstant].
func (i *Instant) UnmarshalText(b []byte) error {
	v, err := ParseInstant(string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

const (
	minInstant Instant = -1 << 63
	maxInstant Instant = 1<<63 - 1
)
