package intake

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

// maxAhead is how far an event may be ahead of the broker's clock: clocks
// differ, but one event from far ahead would move the watermark past everything
// that is yet to come.
const maxAhead = 5 * time.Minute

// eventTime reads an event's time as it is spelt.
func eventTime(at string, brokerTime time.Time) (holdfast.Instant, error) {
	if at == "" {
		return 0, missing("time")
	}
	t, ok := parseRFC3339(at)
	if !ok {
		return 0, &Error{Reason: BadTime, Field: "time", problem: "is not RFC 3339 with at most nine fractional digits"}
	}
	instant, err := holdfast.InstantOf(t)
	if err != nil {
		return 0, &Error{Reason: BadTime, Field: "time", problem: "is not within the years 1678 to 2261"}
	}
	if !brokerTime.IsZero() && t.Sub(brokerTime) > maxAhead {
		return 0, &Error{Reason: FutureTime, Field: "time", problem: fmt.Sprintf("is more than %v after the broker's", maxAhead)}
	}
	return instant, nil
}

// checkType checks that an event from outside may be of the type.
func checkType(typ string) error {
	switch typ {
	case "":
		return missing("type")
	case holdfast.TypeCodeRequested, holdfast.TypeCodeDelivered, holdfast.TypeCodeDeliveryFailed, holdfast.TypeCodeRejected,
		holdfast.TypeCodeAccepted, holdfast.TypeCodeExpired, holdfast.TypeLoginSucceeded, holdfast.TypeLoginFailed,
		holdfast.TypeSessionStarted, holdfast.TypeSessionEnded, holdfast.TypeAccountChanged, holdfast.TypeSIMChanged:
		return nil // a switch, as it is faster than a search through holdfast.EventTypes, and every event comes here
	}
	switch own, isOwn := strings.CutPrefix(typ, holdfast.TypeOwnPrefix); {
	case isOwn && own != "":
		return nil
	case typ == holdfast.TypeAlert || strings.HasPrefix(typ, "owner."):
		return &Error{Reason: ReservedType, Field: "type", problem: "is one that only Holdfast makes"}
	}
	return &Error{Reason: UnknownType, Field: "type", problem: `is neither built in nor "x." and a name of your own`}
}

// parseRFC3339 reads what RFC 3339 allows and nothing else. time.Parse alone
// would also take a comma for the decimal point, an hour of one digit, digits
// beyond the nanosecond (which it drops) and an offset of 24:60, and others who
// read the same log might take such a time for another one.
func parseRFC3339(s string) (time.Time, bool) {
	if !spelledRFC3339(s) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// spelledRFC3339 checks the spelling and the offset's range; the lengths of
// months, days and hours are time.Parse's to check.
func spelledRFC3339(s string) bool {
	s, ok := cutShape(s, "0000-00-00T00:00:00")
	if !ok {
		return false
	}
	if fraction, isFraction := strings.CutPrefix(s, "."); isFraction {
		s = strings.TrimLeft(fraction, "0123456789")
		if digits := len(fraction) - len(s); digits < 1 || digits > 9 {
			return false
		}
	}
	if s == "Z" {
		return true
	}
	rest, ok := cutShape(s, "+00:00")
	if !ok {
		rest, ok = cutShape(s, "-00:00")
	}
	return ok && rest == "" && s[1:3] <= "23" && s[4:6] <= "59"
}

// cutShape cuts a beginning of the given shape off s, in which 0 stands for any
// digit and everything else for itself.
func cutShape(s, shape string) (rest string, ok bool) {
	if len(s) < len(shape) {
		return s, false
	}
	for i := range len(shape) {
		digit := '0' <= s[i] && s[i] <= '9'
		if shape[i] == '0' && !digit || shape[i] != '0' && s[i] != shape[i] {
			return s, false
		}
	}
	return s[len(shape):], true
}
