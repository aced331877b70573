// Package notify writes to an account's owner when an alert calls for it: in
// the service's app at once, and by SMS as the level asks.
//
// It plans without I/O ([Plan]) and carries out one planned action at a time
// ([Notifier.Work]). A message must never hold a code, a phone number, a link or
// any text that an attacker could have chosen; it must never be shown in a
// suspect session or sent to a number that was changed a moment ago.
package notify

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// Escalation is how long the owner has to see a high alert in the app before
// an SMS follows.
const Escalation = time.Minute

// Plan says what the alert's owner is told: for each notify_owner response an
// in-app message at once and, of a high alert, an SMS after [Escalation] unless
// a message of the alert was seen by then; of a critical one, an SMS at once. A
// rule on trial tells no one. ending says that a termination of the suspect
// sessions is planned for the same alert: no message speaks of one otherwise.
func Plan(alert holdfast.Alert, ending bool) []holdfast.Action {
	if alert.Status == holdfast.Test {
		return nil
	}
	var actions []holdfast.Action
	for _, r := range alert.Respond {
		if r.Kind != holdfast.NotifyOwner {
			continue
		}
		actions = append(actions, message(holdfast.InApp, r.Template, ending))
		if alert.Level >= holdfast.High {
			sms := message(holdfast.SMS, r.Template, ending)
			if alert.Level == holdfast.High {
				sms.Delay, sms.UnlessSeen = Escalation, true
			}
			actions = append(actions, sms)
		}
	}
	return actions
}

func message(channel holdfast.Channel, template string, ending bool) holdfast.Action {
	return holdfast.Action{Kind: holdfast.NotifyOwner, Channel: channel, Template: template, Ending: ending}
}

// planned reports whether the alert's own plan writes to its owner by channel.
func planned(alert holdfast.Alert, channel holdfast.Channel) bool {
	for _, a := range Plan(alert, false) {
		if a.Channel == channel {
			return true
		}
	}
	return false
}
