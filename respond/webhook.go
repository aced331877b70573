package respond

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

// Adapter ends sessions where they live.
type Adapter interface {
	// Terminate makes one try, and returns what became of the sessions it was
	// asked to end. An error that another try won't change is an [*Refused].
	Terminate(ctx context.Context, r Request) (Result, error)
}

// Request is what an [Adapter] is asked.
type Request struct {
	ID       string // the same at every try of the same job
	Alert    holdfast.Alert
	Sessions []holdfast.Session // to end; never empty
	Wipe     bool               // ask the devices to delete what they downloaded
}

// Result is what became of the sessions, by id.
type Result struct {
	Ended    []string
	NotFound []string // there was no such session any more
}

// Refused is a request that no further try would get accepted.
type Refused struct {
	Reason string // one of the reasons of an outcome
	Err    error
}

// Error says why.
func (e *Refused) Error() string { return "termination is refused: " + e.Err.Error() }

// Unwrap returns what happened.
func (e *Refused) Unwrap() error { return e.Err }

// Webhook is the adapter that asks the service's backend, by a signed POST.
type Webhook struct {
	Sender *webhook.Sender // required
}

// Terminate is the data of the "sessions.terminate" message that [Webhook]
// posts, in the envelope {"type", "timestamp", "data"} of the Standard Webhooks
// specification. The timestamp is the alert's time. The webhook-id is the same
// at every try.
//
// The receiver answers 2xx when it has ended the sessions: with
// {"ended": [ids], "not_found": [ids]}, either of which may be left out, or with
// an empty body if it ended them all. Anything else is no answer, and what an
// answer leaves out counts as alive: the whole request is repeated then, so that
// ending a session twice must be harmless, and a receiver that drops repeats by
// their id must drop only those of a request that it has carried out in full.
type Terminate struct {
	Alert     string         `json:"alert"` // alert id
	Rule      string         `json:"rule"`  // rule id
	Level     holdfast.Level `json:"level"`
	Account   string         `json:"account"`
	Reason    string         `json:"reason"` // "account_takeover"
	Sessions  []Session      `json:"sessions"`
	Protected []string       `json:"protected"` // ids that must stay, whatever else happens
	Wipe      bool           `json:"wipe"`      // have the devices delete what they downloaded
}

// Session is a session to end.
type Session struct {
	ID      string           `json:"id"`
	Device  string           `json:"device,omitempty"`
	Started holdfast.Instant `json:"started"`
}

// Terminate posts the request and reads the answer.
func (w Webhook) Terminate(ctx context.Context, r Request) (Result, error) {
	data := Terminate{
		Alert:     r.Alert.ID,
		Rule:      r.Alert.Rule,
		Level:     r.Alert.Level,
		Account:   r.Alert.Account,
		Reason:    "account_takeover",
		Sessions:  make([]Session, len(r.Sessions)),
		Protected: make([]string, len(r.Alert.Sessions.Protected)),
		Wipe:      r.Wipe,
	}
	for i, s := range r.Sessions {
		data.Sessions[i] = Session(s)
	}
	for i, s := range r.Alert.Sessions.Protected {
		data.Protected[i] = s.ID
	}
	answer, err := w.Sender.Send(ctx, r.ID, webhook.Event{
		Type: "sessions.terminate", Timestamp: r.Alert.Time.Std(), Data: data,
	})
	if e, ok := errors.AsType[*webhook.Error](err); ok && e.Permanent {
		return Result{}, &Refused{Reason: e.Reason, Err: err}
	}
	if err != nil {
		return Result{}, fmt.Errorf("asking for sessions to be ended: %w", err)
	}
	return readResult(answer, r.Sessions)
}

// readResult reads the answer to a request that was accepted. One that is not
// empty and names no sessions, such as an error in JSON or a proxy's page, says
// nothing of them: nothing is ended then, for all we know.
func readResult(answer []byte, asked []holdfast.Session) (Result, error) {
	if len(bytes.TrimSpace(answer)) == 0 {
		return Result{Ended: ids(asked)}, nil
	}
	var body struct {
		Ended    []string `json:"ended"`
		NotFound []string `json:"not_found"`
	}
	if err := json.Unmarshal(answer, &body); err != nil || body.Ended == nil && body.NotFound == nil {
		return Result{}, errBadAnswer
	}
	return Result{Ended: body.Ended, NotFound: body.NotFound}, nil
}

// errBadAnswer hides the decoder's error, which quotes the answer.
var errBadAnswer = errors.New("the answer to a termination request is neither empty nor JSON with a list of ended or not_found sessions")

func ids(sessions []holdfast.Session) []string {
	out := make([]string, len(sessions))
	for i, s := range sessions {
		out[i] = s.ID
	}
	return out
}
