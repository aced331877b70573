package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/holdfastd/holdfast/internal/webhook"
)

// twilioRefusal is an answer of Twilio's that says no, or the fate of a message
// that did not arrive (its status is 0 then). Twilio's own text is left out: it
// tells the number.
type twilioRefusal struct {
	status int           // HTTP
	code   int           // Twilio's; 0 if the answer had none
	after  time.Duration // how long Twilio asks to be left alone
}

// refused reads an answer outside 2xx.
func refused(resp *http.Response, body []byte) *twilioRefusal {
	var answer struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(body, &answer) // a gateway on the way answers in HTML
	return &twilioRefusal{
		status: resp.StatusCode,
		code:   answer.Code,
		after:  webhook.RetryAfter(resp.Header, time.Now()),
	}
}

// Error says which answer it was.
func (e *twilioRefusal) Error() string {
	if e.status == 0 {
		return fmt.Sprintf("twilio: the message did not arrive (code %d)", e.code)
	}
	return fmt.Sprintf("twilio: refused (status %d, code %d)", e.status, e.code)
}

// RetryAfter is how long to wait before another try, at most a minute; 0 leaves
// it to the queue.
func (e *twilioRefusal) RetryAfter() time.Duration { return e.after }

// Codes of Twilio's error dictionary (twilio.com/docs/api/errors).
const (
	twilioAuthenticate   = 20003
	twilioInvalidTo      = 21211
	twilioOptedOut       = 21610
	twilioNotMobile      = 21614
	twilioLandlineTo     = 21635
	twilioUnknownHandset = 30005
	twilioLandline       = 30006
)

func (e *twilioRefusal) unauthorized() bool {
	return e.status == http.StatusUnauthorized || e.code == twilioAuthenticate
}

// permanent is the reason why another try would end the same way, "" if it might
// not.
func (e *twilioRefusal) permanent() string {
	switch e.code {
	case twilioInvalidTo:
		return InvalidNumber
	case twilioOptedOut:
		return Unsubscribed
	case twilioNotMobile:
		return NotMobile
	case twilioLandlineTo, twilioLandline:
		return Landline
	case twilioUnknownHandset:
		return Unreachable
	}
	switch {
	case e.status == 0, e.status >= 500, e.unauthorized(),
		e.status == http.StatusTooManyRequests, e.status == http.StatusRequestTimeout:
		return ""
	}
	return Rejected
}
