package workbench

import (
	"hash/maphash"

	"github.com/holdfastd/holdfast"
)

// Plan says what follows from an alert, as the daemon's own planning does. It is
// given by whoever may know of messages and sessions: this package acts on nothing.
type Plan func(holdfast.Alert) []holdfast.Action

// Consequences are what would follow from alerts. Whether an owner has been
// written to often enough for a day is not looked at, nor whether an owner reads.
type Consequences struct {
	InApp      int `json:"in_app"`          // messages to owners in the app
	SMS        int `json:"sms"`             // messages to owners by SMS
	UnlessSeen int `json:"sms_unless_seen"` // of those, how many only follow if the one in the app stays unseen
	Ended      int `json:"sessions_ended"`  // sessions ended at once
	// OwnerDenies and TeamApproves are sessions that would be ended then.
	OwnerDenies  int `json:"sessions_if_owner_denies"`
	TeamApproves int `json:"sessions_if_team_approves"`
}

// consequences adds up what follows from alerts. A session counts once, whatever
// the number of alerts that it is a suspect of.
type consequences struct {
	messages            Consequences
	ended, denies, team *distinct
	owners              *distinct // who are written to
}

func newConsequences(seed maphash.Seed) *consequences {
	return &consequences{
		ended: newDistinct(seed, exactly), denies: newDistinct(seed, exactly),
		team: newDistinct(seed, exactly), owners: newDistinct(seed, exactly),
	}
}

// add adds what follows from an alert.
func (c *consequences) add(a *holdfast.Alert, actions []holdfast.Action) {
	for _, action := range actions {
		switch action.Kind {
		case holdfast.NotifyOwner:
			c.owners.add(a.Account)
			if action.Channel != holdfast.SMS {
				c.messages.InApp++
				continue
			}
			c.messages.SMS++
			if action.UnlessSeen {
				c.messages.UnlessSeen++
			}
		case holdfast.TerminateSessions:
			suspects(a, c.ended)
		}
	}
	if a.Status == holdfast.Test {
		return
	}
	for _, r := range a.Respond {
		switch {
		case r.Kind != holdfast.TerminateSessions:
		case r.When == holdfast.OwnerDenies:
			suspects(a, c.denies)
		case r.When == holdfast.TeamApproves:
			suspects(a, c.team)
		}
	}
}

// suspects counts the alert's suspect sessions.
func suspects(a *holdfast.Alert, into *distinct) {
	for _, s := range a.Sessions.Suspect {
		into.add(a.Account + "\x00" + s.ID)
	}
}

// sum is what it all comes to.
func (c *consequences) sum() Consequences {
	all := c.messages
	all.Ended, all.OwnerDenies, all.TeamApproves = c.ended.count(), c.denies.count(), c.team.count()
	return all
}
