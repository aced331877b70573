package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// kind is an event's type; the names are in write.go.
type kind uint8

const (
	codeRequested kind = iota
	codeDelivered
	codeDeliveryFailed
	codeRejected
	codeAccepted
	codeExpired
	loginSucceeded
	loginFailed
	sessionStarted
	sessionEnded
	sessionSeen
	accountChanged
	simChanged
)

type channel uint8

const (
	noChannel channel = iota
	sms
	voice
	app
	push
	email
	whatsapp
	totp
)

type purpose uint8

const (
	noPurpose purpose = iota
	login
	signup
	recovery
	change
)

// detail is the one attribute that an event may have besides app_version.
type detail uint8

// step is one event that is to happen, in a form that takes little room.
type step struct {
	at      holdfast.Instant
	order   uint64
	account uint64 // its index
	device  uint64 // 0: none
	session uint64 // 0: none
	attempt uint64 // 0: none
	phone   phone  // 0: none
	client  client
	kind    kind
	channel channel
	purpose purpose
	detail  detail
	model   uint8
	trust   holdfast.Trust
	online  bool // has a client
}

// flow is what one person does in one go with one account, on one device.
type flow struct {
	w       *world
	at      holdfast.Instant
	account uint64 // its index
	phone   phone
	device  device
	client  client
	own     bool // it is the account's owner on a device of the account's
	silent  bool // the account's events never say whether a device is trusted
	session uint64
	attempt uint64
	asked   holdfast.Instant // when a code was last asked for
	channel channel
	purpose purpose
	second  bool     // a code is the second factor
	attack  *assault // nil: no attack
}

// wait lets some time pass.
func (f *flow) wait(low, high time.Duration) { f.at = f.at.Add(f.w.dice.between(low, high)) }

// trust is what an event says of the device's trust: now and then nothing.
func (f *flow) trust() holdfast.Trust {
	switch {
	case f.silent || f.w.dice.chance(0.015):
		return holdfast.TrustUnstated
	case f.device.trusted <= f.at:
		return holdfast.Trusted
	}
	return holdfast.Untrusted
}

// does makes an event of the client's.
func (f *flow) does(k kind) { f.doesWith(k, noDetail) }

func (f *flow) doesWith(k kind, more detail) {
	s := f.step(k)
	s.detail, s.trust, s.online = more, f.trust(), true
	s.device, s.model, s.client = f.device.id, f.device.model, f.client
	if k == codeRequested && f.second {
		s.detail = secondFactor
	}
	f.schedule(s)
}

// says makes an event of the service's own, or the gateway's or the carrier's.
func (f *flow) says(k kind, more detail) {
	s := f.step(k)
	s.detail = more
	f.schedule(s)
}

// step is an event with what it says of the account.
func (f *flow) step(k kind) step {
	s := step{at: f.at, account: f.account, kind: k}
	switch k {
	case codeRequested, codeDelivered, codeDeliveryFailed, codeRejected, codeAccepted, codeExpired:
		s.attempt, s.channel, s.purpose = f.attempt, f.channel, f.purpose
		if f.channel == sms || f.channel == voice || f.channel == whatsapp {
			s.phone = f.phone
		}
	case simChanged:
		s.phone = f.phone
	case loginSucceeded, loginFailed:
	default:
		s.session = f.session
	}
	return s
}

func (f *flow) schedule(s step) {
	if s.at >= f.w.end || s.at < f.w.start {
		return
	}
	f.w.schedule(s)
	if f.attack != nil {
		f.attack.saw(&s)
	}
}

// How long a code is on its way. SMS: operators of code services call a median of
// 2 to 6 seconds, 15 at the 95th percentile and 30 at the 99th healthy
// (startmessaging.com, "OTP delivery delay", 2026); the last percent is the tail
// that makes people ask again.
var (
	bySMS   = curve{{0, 1500 * time.Millisecond}, {5000, 4500 * time.Millisecond}, {9500, 15 * time.Second}, {9900, 45 * time.Second}, {9970, 3 * time.Minute}, {10_000, 12 * time.Minute}}
	byVoice = curve{{0, 6 * time.Second}, {5000, 12 * time.Second}, {9500, 25 * time.Second}, {10_000, 50 * time.Second}}
	byEmail = curve{{0, 800 * time.Millisecond}, {5000, 5 * time.Second}, {9000, 20 * time.Second}, {9900, 2 * time.Minute}, {10_000, 15 * time.Minute}}
)

// lost is the share of messages that never arrive: code services promise 97 to
// 99.9 percent delivered (truecheck.co, "The true cost of failed OTP delivery", 2026).
const lost = 0.02

// sends has a code sent. It returns how long it takes to arrive; never if it
// does not.
func (f *flow) sends() time.Duration {
	f.asked = f.at
	f.does(codeRequested)
	var delay time.Duration
	switch f.channel {
	case sms, whatsapp:
		delay = f.w.dice.draw(bySMS)
	case voice:
		delay = f.w.dice.draw(byVoice)
	case email:
		delay = f.w.dice.draw(byEmail)
	default: // shown at once, by an app
		return 0
	}
	receipt := *f
	receipt.at = f.at.Add(delay)
	if f.w.dice.chance(lost) {
		receipt.wait(2*time.Second, 40*time.Second)
		receipt.says(codeDeliveryFailed, pick(f.w.dice, gateways))
		return time.Duration(never)
	}
	receipt.says(codeDelivered, pick(f.w.dice, gateways))
	return delay
}

// asks begins an attempt.
func (f *flow) asks(c channel, p purpose) {
	f.attempt, f.channel, f.purpose = f.w.dice.source.Uint64()|1, c, p
}

// life is how long a code can be entered after it was last asked for.
func (f *flow) life() time.Duration {
	if f.channel == push {
		return time.Minute
	}
	return 10 * time.Minute
}

// expires lets the attempt run out, for which a code has been asked.
func (f *flow) expires() {
	late := *f
	late.at = f.asked.Add(f.life())
	late.says(codeExpired, noDetail)
}

// starts is a login that went well: a session of its own.
func (f *flow) starts() {
	f.wait(60*time.Millisecond, 400*time.Millisecond)
	f.does(loginSucceeded)
	f.wait(30*time.Millisecond, 250*time.Millisecond)
	f.session = f.w.dice.source.Uint64() | 1
	f.does(sessionStarted)
}
