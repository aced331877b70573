// Package respond ends the sessions that should not exist: those that an alert
// names as suspect, through the service's own backend.
//
// It plans without I/O ([Plan]) and carries out one planned action at a time
// ([Terminator.Work]). It must never end a session that is protected, and never
// one that the alert does not name.
package respond

import (
	"fmt"

	"github.com/holdfastd/holdfast"
)

// The scopes of a terminate_sessions response.
const (
	Suspects  = "suspects"   // the alert's suspect sessions
	AllOthers = "all_others" // all but the owner's own: not carried out yet
)

// Plan says which sessions are ended: for each terminate_sessions response of
// scope suspects that waits for no one, the alert's suspect sessions, if it has
// any that are not protected. A rule on trial ends none.
func Plan(alert holdfast.Alert) []holdfast.Action {
	if alert.Status == holdfast.Test || len(terminable(alert)) == 0 {
		return nil
	}
	var actions []holdfast.Action
	for _, r := range alert.Respond {
		if r.Kind == holdfast.TerminateSessions && supported(r) {
			actions = append(actions, holdfast.Action{Kind: r.Kind, Scope: Suspects, Wipe: r.Wipe})
		}
	}
	return actions
}

// Unsupported says, one sentence each, which of a rule's responses are not
// carried out yet, so that whoever runs the rule is told before it is too late.
func Unsupported(responses []holdfast.Response) []string {
	var sentences []string
	for _, r := range responses {
		switch {
		case r.Kind == holdfast.HoldCodes:
			sentences = append(sentences, "hold_codes is not carried out yet: codes go out as before")
		case r.Kind == holdfast.NotifyTeam:
			sentences = append(sentences, "notify_team is not carried out yet: no team is told")
		case r.Kind != holdfast.TerminateSessions || supported(r):
		case r.When != holdfast.Now:
			sentences = append(sentences, fmt.Sprintf(
				"terminate_sessions with when: %s is not carried out yet: no session is ended", r.When))
		default:
			sentences = append(sentences, fmt.Sprintf(
				"terminate_sessions with scope: %s is not carried out yet: no session is ended", r.Scope))
		}
	}
	return sentences
}

// supported reports whether a terminate_sessions response is carried out.
func supported(r holdfast.Response) bool {
	return r.When == holdfast.Now && (r.Scope == Suspects || r.Scope == "")
}

// terminable are the suspect sessions that may be ended: named, each once, and
// not protected. The engine keeps the two lists apart; that a protected session
// stays is worth checking twice.
func terminable(alert holdfast.Alert) []holdfast.Session {
	kept := map[string]bool{"": true}
	for _, s := range alert.Sessions.Protected {
		kept[s.ID] = true
	}
	var sessions []holdfast.Session
	for _, s := range alert.Sessions.Suspect {
		if !kept[s.ID] {
			kept[s.ID] = true
			sessions = append(sessions, s)
		}
	}
	return sessions
}
