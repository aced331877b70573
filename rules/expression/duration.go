package expression

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrTooLong says of a duration that it is longer than [LongestDuration].
var ErrTooLong = errors.New("too long a duration: the longest is " + LongestDuration)

// LongestDuration is the longest duration that [ParseDuration] reads, about ten
// years.
const LongestDuration = "3660d"

// ParseDuration reads a Go duration that may also count days and weeks, such as
// "10m", "1h30m", "90d" or "1w2d". A day is 24 hours. The error is ErrTooLong where
// the text is a duration that is longer than one can be here.
func ParseDuration(s string) (time.Duration, error) {
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	var total time.Duration
	rest := s
	for rest != "" {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if digits < 1 {
			break
		}
		unit := time.Duration(0)
		switch rest[digits] {
		case 'd':
			unit = day
		case 'w':
			unit = week
		}
		if unit == 0 {
			break
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil || n > int64(maxDuration/unit) {
			return 0, tooLong(s)
		}
		if total += time.Duration(n) * unit; total > maxDuration {
			return 0, tooLong(s)
		}
		rest = rest[digits+1:]
	}
	if rest != "" || s == "" {
		d, err := time.ParseDuration(rest)
		if err != nil && goDuration.MatchString(rest) {
			return 0, tooLong(s) // so long that it can't be represented
		}
		if err != nil || strings.HasPrefix(rest, "-") && rest != s {
			return 0, fmt.Errorf("%q is not a duration such as 10m, 1h30m or 7d", s)
		}
		if d > maxDuration-total {
			return 0, tooLong(s)
		}
		total += d
	}
	if total > maxDuration {
		return 0, tooLong(s)
	}
	return total, nil
}

// goDuration is what [time.ParseDuration] reads that is not negative, however long.
var goDuration = regexp.MustCompile(`^\+?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$`)

func tooLong(s string) error { return fmt.Errorf("%q is %w", s, ErrTooLong) }

// FormatDuration writes a duration as a rule author would: without the units
// that are 0.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// maxDuration keeps sums of an instant, a timespan and a lateness far from the
// ends of what an instant can hold.
const maxDuration = 10 * 366 * 24 * time.Hour
