package simulate

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// story: codes that nobody asked for, then a call that reads one out, and wrong
// codes in between; sometimes, at last, the right one.
func (w *world) story(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, nil)
	f := w.attacker(a, index, at)
	slow := d.below(3) // in haste, at leisure
	pause := func() {
		if slow == 0 {
			f.wait(90*time.Second, 5*time.Minute)
		} else {
			f.wait(25*time.Second, 110*time.Second)
		}
		if d.chance(0.3) {
			w.moves(&f)
		}
	}
	f.asks(sms, login)
	for range d.from(2, 4) {
		f.sends()
		pause()
		if d.chance(0.3) {
			f.does(codeRejected)
		}
	}
	f.channel = voice
	for range d.from(1, 2) {
		f.sends()
		f.wait(30*time.Second, 100*time.Second)
		for range d.below(4) {
			f.does(codeRejected)
			f.wait(6*time.Second, 45*time.Second)
		}
	}
	if d.chance(0.4) {
		f.does(codeAccepted)
		w.takesOver(&f, index, 0.75)
		return
	}
	f.expires()
}

// burst: codes and nothing else, to wear the owner out or to be read out later.
func (w *world) burst(a *assault, at holdfast.Instant) {
	d := w.dice
	f := w.attacker(a, w.victim(at, nil), at)
	c := sms
	if d.chance(0.15) {
		c = whatsapp
	}
	low, high, n := 15*time.Second, 140*time.Second, d.from(4, 9)
	if d.chance(0.35) { // slower than most rules look
		low, high, n = 3*time.Minute, 11*time.Minute, d.from(6, 10)
	}
	f.asks(c, login)
	for i := range n {
		f.sends()
		if i == n-1 {
			break
		}
		f.wait(low, high)
		if d.chance(0.2) {
			w.moves(&f)
			f.expires()
			f.asks(c, login)
		}
	}
	f.expires()
}

// voicePhishing: a caller who says to be the service, and a call at once that reads
// out a code, which the owner passes on.
func (w *world) voicePhishing(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, func(a *account) bool { return a.flags&prefersVoice == 0 })
	f := w.attacker(a, index, at)
	f.asks(voice, login)
	f.sends()
	f.wait(20*time.Second, 100*time.Second)
	for d.chance(0.35) { // "once more, please"
		f.sends()
		f.wait(20*time.Second, 100*time.Second)
	}
	if d.chance(0.2) {
		f.does(codeRejected)
		f.wait(8*time.Second, 40*time.Second)
	}
	if d.chance(0.2) { // the owner hangs up
		f.expires()
		return
	}
	f.does(codeAccepted)
	w.takesOver(&f, index, 0.7)
}

// bruteForce: one code or a few, and many guesses.
func (w *world) bruteForce(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, nil)
	f := w.attacker(a, index, at)
	high := 6 * time.Second
	if d.chance(0.4) {
		high = 50 * time.Second
	}
	c := sms
	switch w.accounts[index].way { // of some, the password is known
	case byPasswordAndTOTP:
		c, f.second = totp, true
	case byPasswordAndSMS:
		f.second = true
	default:
	}
	for range d.from(1, 3) {
		if f.asked != 0 {
			f.expires() // that of before
		}
		f.asks(c, login)
		f.sends()
		f.wait(5*time.Second, 30*time.Second)
		for range d.from(4, 14) {
			if f.at >= f.asked.Add(f.life()-time.Minute) {
				break
			}
			f.does(codeRejected)
			f.wait(700*time.Millisecond, high)
			if d.chance(0.08) {
				w.moves(&f)
			}
		}
		if d.chance(0.05) {
			f.does(codeAccepted)
			f.second = false
			w.takesOver(&f, index, 0.75)
			return
		}
		if d.chance(0.3) {
			f.device = device{id: d.source.Uint64() | 1, trusted: never, model: f.device.model}
		}
	}
	f.expires()
}

// simSwap: the carrier gives the number to the attacker's SIM, and so every code.
func (w *world) simSwap(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, nil)
	f := w.attacker(a, index, at)
	f.says(simChanged, fromCarrier)
	f.wait(4*time.Minute, 5*time.Hour)
	p := login
	if d.chance(0.3) {
		p = recovery
	}
	f.asks(sms, p)
	f.sends()
	f.wait(15*time.Second, 70*time.Second)
	if d.chance(0.1) { // the service asks for more
		f.does(codeAccepted)
		return
	}
	if d.chance(0.08) {
		f.does(codeRejected)
		f.wait(5*time.Second, 20*time.Second)
	}
	f.does(codeAccepted)
	if p == recovery {
		f.wait(10*time.Second, 50*time.Second)
		f.doesWith(accountChanged, newPassword)
	}
	w.takesOver(&f, index, 0.85)
}

// pushFatigue: somebody has the password, and asks until the owner gives in.
func (w *world) pushFatigue(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, func(a *account) bool { return a.way == byPasswordAndPush })
	f := w.attacker(a, index, at)
	f.second = true
	for denied, most := 0, d.from(5, 16); denied < most; {
		f.asks(push, login)
		f.sends()
		if d.chance(0.15) {
			f.expires()
			f.wait(60*time.Second, 70*time.Second)
			continue
		}
		f.wait(3*time.Second, 25*time.Second)
		f.does(codeRejected)
		denied++
		f.wait(5*time.Second, 40*time.Second)
		if d.chance(0.1) {
			w.moves(&f)
		}
	}
	if !d.chance(0.35) {
		return
	}
	f.asks(push, login)
	f.sends()
	f.wait(4*time.Second, 30*time.Second)
	f.does(codeAccepted)
	f.second = false
	w.takesOver(&f, index, 0.7)
}

// sessionTheft: a cookie was copied from the owner's browser or phone, and is used
// elsewhere. It is the owner's session, on a device with other marks.
func (w *world) sessionTheft(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, func(a *account) bool {
		return slices.ContainsFunc(a.sessions[:], func(s session) bool { return s.used != 0 && s.ends > at.Add(6*time.Hour) })
	})
	f := w.attacker(a, index, at)
	for _, s := range w.accounts[index].sessions {
		if s.ends > at && (f.session == 0 || s.used != 0) {
			f.session = s.id
		}
	}
	if f.session == 0 {
		return
	}
	a.got(f.at, w.end)
	for range d.from(1, 6) {
		f.does(sessionSeen)
		f.wait(40*time.Second, 40*time.Minute)
	}
	w.plunders(&f, index, 0.6)
}

// recoveryChange: the mailbox or the number is in the attacker's hands. The password
// is set anew, and then what the owner would get the account back with.
func (w *world) recoveryChange(a *assault, at holdfast.Instant) {
	d := w.dice
	index := w.victim(at, nil)
	f := w.attacker(a, index, at)
	c := email
	if d.chance(0.35) {
		c = sms
	}
	f.asks(c, recovery)
	f.sends()
	f.wait(12*time.Second, 90*time.Second)
	if d.chance(0.2) {
		for range d.from(3, 6) {
			f.does(codeRejected)
			f.wait(4*time.Second, 40*time.Second)
		}
		f.expires()
		return
	}
	f.does(codeAccepted)
	f.wait(10*time.Second, 60*time.Second)
	f.doesWith(accountChanged, newPassword)
	f.starts()
	a.got(f.at, w.end)
	f.wait(20*time.Second, 15*time.Minute)
	w.changes(&f, pick(d, []detail{newSecondFactor, newRecovery, newEmail}))
	w.plunders(&f, index, 0.5)
}
