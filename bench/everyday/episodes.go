package everyday

import (
	"time"

	"github.com/holdfastd/holdfast"
)

const (
	few  = 3 * time.Second
	some = 25 * time.Second
	long = 2 * time.Hour
)

// live is an episode of an owner's life.
func (ep *episode) live() {
	ep.who.device = uint8(ep.random.IntN(3) / 2) // two in three times the first one
	ep.who.roaming = ep.chance(0.3)
	ep.purpose, ep.channel = "login", "sms"
	switch u := ep.random.Float64(); {
	case u < 0.40: // opens the app
		ep.after(few, holdfast.TypeSessionStarted)
		ep.after(long, holdfast.TypeSessionEnded)
	case u < 0.68:
		ep.login()
	case u < 0.80: // with a password, at the first or second try
		if ep.chance(0.4) {
			ep.after(few, holdfast.TypeLoginFailed)
		}
		ep.after(some, holdfast.TypeLoginSucceeded)
		ep.after(few, holdfast.TypeSessionStarted)
		ep.after(long, holdfast.TypeSessionEnded)
	case u < 0.85: // a new device
		ep.who.device = uint8(2 + ep.random.IntN(3))
		ep.login()
	case u < 0.89: // gives up
		ep.after(few, holdfast.TypeCodeRequested)
		ep.after(few, holdfast.TypeCodeDelivered)
		ep.after(10*time.Minute, holdfast.TypeCodeExpired)
	case u < 0.92:
		ep.purpose = "recovery"
		ep.channel = "email"
		ep.login()
	case u < 0.95:
		ep.purpose = "change"
		ep.after(few, holdfast.TypeCodeRequested)
		ep.after(few, holdfast.TypeCodeDelivered)
		ep.after(some, holdfast.TypeCodeAccepted)
		ep.after(few, holdfast.TypeAccountChanged)
	case u < 0.951:
		ep.after(few, holdfast.TypeSIMChanged)
	default:
		ep.after(few, "x.message.reported")
	}
}

// login is one with a code.
func (ep *episode) login() {
	if ep.chance(0.15) {
		ep.channel = "push"
	}
	ep.after(few, holdfast.TypeCodeRequested)
	if ep.chance(0.03) {
		ep.after(some, holdfast.TypeCodeDeliveryFailed)
		ep.channel = "voice"
		ep.after(some, holdfast.TypeCodeRequested)
	}
	ep.after(few, holdfast.TypeCodeDelivered)
	if ep.chance(0.06) {
		ep.after(some, holdfast.TypeCodeRejected)
	}
	ep.after(some, holdfast.TypeCodeAccepted)
	ep.after(few, holdfast.TypeLoginSucceeded)
	ep.after(few, holdfast.TypeSessionStarted)
	if ep.chance(0.5) {
		ep.after(long, holdfast.TypeSessionEnded)
	}
}

// attack is an episode of somebody else's.
func (ep *episode) attack() {
	ep.who.attacker = 1 + uint32(ep.random.IntN(1<<16))
	ep.purpose, ep.channel = "login", "sms"
	switch u := ep.random.Float64(); {
	case u < 0.1: // many accounts from one address
		for range 40 {
			ep.who.account = uint32(ep.random.IntN(ep.opts.Accounts))
			ep.after(few, holdfast.TypeLoginFailed)
		}
	case u < 0.15: // many passwords for one account
		for range 12 {
			ep.after(some, holdfast.TypeLoginFailed)
		}
	case u < 0.3: // a swapped SIM
		ep.after(few, holdfast.TypeSIMChanged)
		ep.after(10*time.Minute, holdfast.TypeCodeRequested)
		ep.after(few, holdfast.TypeCodeDelivered)
		ep.after(some, holdfast.TypeCodeAccepted)
		ep.after(few, holdfast.TypeLoginSucceeded)
		ep.after(few, holdfast.TypeSessionStarted)
		ep.after(some, holdfast.TypeAccountChanged)
	default: // codes that nobody asked for, then a voice call
		for range 3 {
			ep.after(time.Minute, holdfast.TypeCodeRequested)
			ep.after(few, holdfast.TypeCodeDelivered)
		}
		ep.channel = "voice"
		ep.after(time.Minute, holdfast.TypeCodeRequested)
		for range 3 {
			ep.after(some, holdfast.TypeCodeRejected)
		}
		if ep.chance(0.3) {
			ep.after(some, holdfast.TypeCodeAccepted)
			ep.after(few, holdfast.TypeLoginSucceeded)
			ep.after(few, holdfast.TypeSessionStarted)
			ep.after(some, holdfast.TypeAccountChanged)
		}
	}
}
