package notify

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

// Inbox keeps the messages that Holdfast's own page shows to an owner.
type Inbox interface {
	// PutMessage stores a message, named by its alert and channel; storing it
	// again changes nothing.
	PutMessage(ctx context.Context, m holdfast.Message) error
}

// InApp is the in-app channel: it puts every message into the built-in inbox
// and, where there is a webhook, hands it to the service's own app, which is
// then what delivery is judged by.
type InApp struct {
	Inbox   Inbox           // required
	Webhook *webhook.Sender // may be nil
}

// InAppAlert is the data of the "owner.alert" message that [InApp] posts, in the
// envelope {"type", "timestamp", "data"} of the Standard Webhooks
// specification. The timestamp is the alert's time, and the webhook-id the same
// at every try.
type InAppAlert struct {
	Alert    string         `json:"alert"`    // alert id
	Rule     string         `json:"rule"`     // rule id
	Level    holdfast.Level `json:"level"`    // "low", "medium", …
	Account  string         `json:"account"`  // whom to tell
	Template string         `json:"template"` // as the rule names it, for an app with texts of its own
	Locale   string         `json:"locale"`   // of the title and body, BCP 47
	Title    string         `json:"title"`    // plain text
	Body     string         `json:"body"`     // plain text; paragraphs are parted by empty lines

	// ExcludeSessions are the ids of the sessions that must not see the
	// message, nor any sign of it: they may be the attacker's.
	ExcludeSessions []string `json:"exclude_sessions"`
}

// Deliver puts the message into the inbox and posts it to the service's app.
func (c InApp) Deliver(ctx context.Context, d Delivery) (string, error) {
	if err := c.Inbox.PutMessage(ctx, d.Message); err != nil {
		return "", fmt.Errorf("putting a message into the inbox: %w", err)
	}
	if c.Webhook == nil {
		return "", nil
	}
	_, err := c.Webhook.Send(ctx, d.ID, webhook.Event{
		Type:      "owner.alert",
		Timestamp: d.Alert.Time.Std(),
		Data: InAppAlert{
			Alert:           d.Alert.ID,
			Rule:            d.Alert.Rule,
			Level:           d.Alert.Level,
			Account:         d.Message.Account,
			Template:        d.Template,
			Locale:          d.Message.Locale,
			Title:           d.Message.Title,
			Body:            d.Message.Body,
			ExcludeSessions: suspects(d.Alert),
		},
	})
	if e, ok := errors.AsType[*webhook.Error](err); ok && e.Permanent {
		return "", &Undeliverable{Reason: e.Reason, Err: err}
	}
	return "", err
}

// suspects are the ids of the alert's suspect sessions, never nil.
func suspects(alert holdfast.Alert) []string {
	ids := make([]string, len(alert.Sessions.Suspect))
	for i, s := range alert.Sessions.Suspect {
		ids[i] = s.ID
	}
	return ids
}

// DevelopmentSMS is an SMS channel without a phone: it shows the text messages
// in the built-in inbox.
type DevelopmentSMS struct {
	Inbox Inbox // required
}

// Deliver puts the text message into the inbox.
func (c DevelopmentSMS) Deliver(ctx context.Context, d Delivery) (string, error) {
	if err := c.Inbox.PutMessage(ctx, d.Message); err != nil {
		return "", fmt.Errorf("putting a text message into the inbox: %w", err)
	}
	return "", nil
}
