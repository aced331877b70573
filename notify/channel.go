package notify

import (
	"context"
	"errors"
	"time"

	"github.com/holdfastd/holdfast"
)

// Channel carries one message to an owner.
type Channel interface {
	// Deliver makes one try and returns the other side's id of the message, if
	// it gives one. A try that no other can better ends in an [*Undeliverable];
	// one that may have had its effect all the same ends in an error with an
	// Ambiguous() bool method that returns true.
	Deliver(ctx context.Context, d Delivery) (reference string, err error)
}

// Delivery is one message on its way.
type Delivery struct {
	ID       string // the same at every try
	Alert    holdfast.Alert
	Template string           // as the rule names it
	Message  holdfast.Message // an SMS has no title
	To       Phone            // by SMS: the number to write to
	Repeat   bool             // an earlier try may have delivered
	Since    time.Time        // no try began before
}

// The reasons of an outcome: a bounded set, fit for a metric label.
const (
	NoContact     = "no_contact"     // the directory does not know the account
	NoPhone       = "no_phone"       // the directory has no number
	PhoneTooNew   = "phone_too_new"  // the number was changed lately, and there is no earlier one
	NoChannel     = "no_channel"     // the channel is not configured
	DailyLimit    = "daily_limit"    // the owner has had enough messages for a day
	InvalidNumber = "invalid_number" // not a phone number
	Unsubscribed  = "unsubscribed"   // the owner opted out of the sender's messages
	NotMobile     = "not_mobile"     // the number can't receive SMS
	Landline      = "landline"       // the number is a landline, or its carrier takes no SMS
	Unreachable   = "unreachable"    // the number is unknown to its network
	Unauthorized  = "unauthorized"   // our credentials were refused
	Unavailable   = "unavailable"    // no try got through
	Unconfirmed   = "unconfirmed"    // a try may or may not have got through
	Gone          = "gone"           // the app's endpoint wants no more messages
	Redirected    = "redirected"     // the app's endpoint points elsewhere
	Rejected      = "rejected"       // refused for a reason of the other side's own

	EndpointNotFound = "endpoint_not_found" // the app's endpoint does not exist
)

// Undeliverable is a message that no further try on the same channel would
// deliver.
type Undeliverable struct {
	Reason string // one of the reasons above
	Err    error  // what happened; may be nil
}

// Error says why.
func (e *Undeliverable) Error() string {
	if e.Err == nil {
		return "message is undeliverable: " + e.Reason
	}
	return "message is undeliverable: " + e.Err.Error()
}

// Unwrap returns what happened.
func (e *Undeliverable) Unwrap() error { return e.Err }

// errUnauthorized says that a channel refused our credentials.
var errUnauthorized = errors.New("our credentials were refused")

// ambiguous marks an error of a try that may have had its effect.
type ambiguous struct{ error }

// Ambiguous tells the store to record the try.
func (ambiguous) Ambiguous() bool { return true }

// Unwrap returns the error itself.
func (e ambiguous) Unwrap() error { return e.error }

func isAmbiguous(err error) bool {
	e, ok := errors.AsType[interface {
		error
		Ambiguous() bool
	}](err)
	return ok && e.Ambiguous()
}
