package webhook

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The reasons of an [Error].
const (
	Unavailable      = "unavailable"        // no answer, or one that asks for another try
	Gone             = "gone"               // 410: the receiver wants no more messages
	Unauthorized     = "unauthorized"       // 401 or 403: most likely the wrong secret
	EndpointNotFound = "endpoint_not_found" // 404
	Redirected       = "redirected"         // 3xx: not followed
	Rejected         = "rejected"           // any other answer of 4xx
)

// Error is a message that was not accepted.
type Error struct {
	Reason    string        // one of the reasons above
	Permanent bool          // no other try is wanted: 410 alone
	Status    int           // HTTP status; 0 without an answer
	After     time.Duration // how long the receiver asks to be left alone, at most [LongestWait]; 0 if it doesn't say

	err error
}

// Error says what happened; it names no address.
func (e *Error) Error() string {
	if e.err != nil {
		return "webhook: " + e.err.Error()
	}
	return fmt.Sprintf("webhook: %s (status %d)", e.Reason, e.Status)
}

// Unwrap returns the network's error, if there was one.
func (e *Error) Unwrap() error { return e.err }

// RetryAfter is After, for a queue that knows no more of an error.
func (e *Error) RetryAfter() time.Duration { return e.After }

// LongestWait bounds the Retry-After that is honored: a warning that comes an
// hour late is of no use to anyone.
const LongestWait = time.Minute

// refusal is the error of an answer outside 2xx. The specification has 410
// alone end the tries: anything else may come from what stands before the
// receiver while that is being replaced, such as an ingress without a backend.
func refusal(resp *http.Response, now time.Time) *Error {
	e := &Error{Status: resp.StatusCode, After: RetryAfter(resp.Header, now)}
	switch status := resp.StatusCode; {
	case status >= 500,
		status == http.StatusTooManyRequests,
		status == http.StatusRequestTimeout,
		status == http.StatusTooEarly:
		e.Reason = Unavailable
	case status == http.StatusGone:
		e.Reason, e.Permanent, e.After = Gone, true, 0
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Reason = Unauthorized
	case status == http.StatusNotFound:
		e.Reason = EndpointNotFound
	case status < 400:
		e.Reason = Redirected
	default:
		e.Reason = Rejected
	}
	return e
}

// RetryAfter is how long an answer asks to be left alone, at most
// [LongestWait]: the seconds or the date of its Retry-After (RFC 9110, 10.2.3),
// 0 without one.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	var wait time.Duration
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(LongestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), LongestWait)
}
