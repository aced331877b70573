package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// owner begins a flow of an account's owner on one of the devices.
func (w *world) owner(index uint32, at holdfast.Instant, slot int) flow {
	a := &w.accounts[index]
	if a.seen == 0 {
		a.seen = at
	}
	dev := a.devices[slot]
	return flow{
		w: w, at: at, account: uint64(index), phone: w.phone(index, a), device: dev, own: true,
		client: w.networkOf(index, a, &models[dev.model], at), silent: a.flags&unstated != 0,
	}
}

// live is one use of an account by its owner. It returns when it was over.
func (w *world) live(index uint32, at holdfast.Instant) holdfast.Instant {
	a := &w.accounts[index]
	if a.flags&signsUp != 0 {
		a.flags &^= signsUp
		return w.signUp(index, at)
	}
	if until, gone := w.travels(a, at); gone {
		return until
	}
	// What happens to people whether they use the service or not, per million
	// days. A phone is kept for two and a half to three years (Reviews.org,
	// 2025: two years and five months); numbers and SIMs change less often than that.
	switch {
	case w.daily(a, 1100):
		return w.newPhone(index, at)
	case w.daily(a, 4000):
		return w.newBrowser(index, at)
	case w.daily(a, 250):
		f := w.owner(index, at, 0)
		f.says(simChanged, fromCarrier)
	case w.daily(a, 3500):
		return w.forgotten(index, at)
	case w.daily(a, 120):
		f := w.owner(index, at, 0)
		f.says(accountChanged, pick(w.dice, bySupport))
		return f.at
	case a.flags&usesKiosk != 0 && w.daily(a, 40_000):
		return w.kiosk(index, at)
	}
	slot := 0
	if n := a.count(); n > 1 && w.dice.chance(0.38) {
		slot = 1 + w.dice.below(n-1)
	}
	return w.use(index, at, slot)
}

// use is an ordinary one: with the session that is there, or after a login.
func (w *world) use(index uint32, at holdfast.Instant, slot int) holdfast.Instant {
	a := &w.accounts[index]
	f := w.owner(index, at, slot)
	if s := a.session(uint8(slot), at); s != nil {
		f.session = s.id
		s.used = f.at
		if w.daily(a, 600) {
			// The browser or the system was updated, and is told from others by
			// other marks than before.
			trusted := a.devices[slot].trusted
			a.devices[slot] = w.device(index, a, f.device.model)
			if w.dice.chance(0.8) { // the service finds the mark it has left
				a.devices[slot].trusted = trusted
			}
			f.device = a.devices[slot]
		}
		f.does(sessionSeen)
		w.settings(&f, a)
		return f.at
	}
	return w.logIn(&f, a, slot)
}

// logIn is the account's usual login; settings may follow.
func (w *world) logIn(f *flow, a *account, slot int) holdfast.Instant {
	if a.way == byCode && f.device.trusted > f.at && w.dice.chance(0.03) {
		w.mistypes(f, a)
	}
	if !w.proves(f, a) {
		return f.at
	}
	f.starts()
	w.keep(f, a, slot)
	w.settings(f, a)
	return f.at
}

// proves is all that comes before a login succeeds. Reynolds et al. ("Empirical
// Measurement of Systemic 2FA Usability", USENIX Security 2020) found more than one
// in twenty second factors aborted or failed.
func (w *world) proves(f *flow, a *account) bool {
	d := w.dice
	c := sms
	switch {
	case a.flags&prefersVoice != 0:
		c = voice
	case f.device.trusted > f.at && d.chance(0.008): // "call me" at once, on a device that is new
		c = voice
	case d.chance(0.05):
		c = whatsapp
	}
	if a.way == byCode {
		f.asks(c, login)
		return w.enters(f)
	}
	// Wrong passwords: a guess at a rate for which few services publish theirs.
	for p := 0.08; d.chance(p); p = 0.35 {
		f.doesWith(loginFailed, firstFactor)
		f.wait(4*time.Second, 30*time.Second)
		if d.chance(0.12) {
			return false // later, perhaps
		}
	}
	if a.way == byPassword || f.device.trusted <= f.at && d.chance(0.6) {
		return true // a second factor is not asked for at every login
	}
	f.second = true
	defer func() { f.second = false }()
	switch a.way {
	case byPasswordAndTOTP:
		f.asks(totp, login)
	case byPasswordAndPush:
		f.asks(push, login)
		return w.approves(f)
	default:
		f.asks(c, login)
	}
	return w.enters(f)
}

// enters is asking for a code and entering it, with all that may go wrong.
func (w *world) enters(f *flow) bool {
	d := w.dice
	for request := 1; ; request++ {
		delay := f.sends()
		if d.chance([]float64{0.015, 0.06, 0.06, 0.06}[request-1]) { // who waits looks for a better network
			w.strays(f)
		}
		patience := d.between(20*time.Second, 75*time.Second)
		if d.chance(0.03) { // taps twice, or looks away as the code comes in
			patience = d.between(8*time.Second, 25*time.Second)
			delay = max(delay, patience+1)
		}
		if delay <= patience {
			f.at = f.at.Add(delay)
			break
		}
		// Of those who get no code, the smaller part asks again (truecheck.co, 2026:
		// 37 percent do); those whose code is late are more patient.
		f.at = f.at.Add(patience)
		again := 0.75
		if delay == time.Duration(never) {
			again = 0.5
		}
		if request >= 4 || !d.chance(again) {
			f.expires()
			return false
		}
		if f.channel == sms && d.chance(0.2*float64(request)) {
			f.channel = voice // "call me instead"
		}
	}
	f.wait(4*time.Second, 25*time.Second)
	away := 0.02 // called away
	if f.channel == voice {
		away = 0.08 // or does not take the call
	}
	if d.chance(away) {
		f.expires()
		return false
	}
	wrong := 0.035
	if f.channel == totp { // typed against the clock
		wrong = 0.06
	}
	for p := wrong; d.chance(p); p = 0.22 {
		f.does(codeRejected)
		f.wait(5*time.Second, 30*time.Second)
	}
	f.does(codeAccepted)
	return true
}

// approves is a login that the owner approves on a phone, if not the wrong button
// is hit, or none in time.
func (w *world) approves(f *flow) bool {
	wrong := 20
	for range 4 {
		f.sends()
		switch u := w.dice.below(1000); {
		case u < wrong:
			f.wait(3*time.Second, 15*time.Second)
			f.does(codeRejected)
			wrong = 150 // who does not see what the push is for denies the next one, too
		case u < wrong+32:
			f.expires()
			f.wait(60*time.Second, 75*time.Second)
		default:
			f.wait(3*time.Second, 20*time.Second)
			f.does(codeAccepted)
			return true
		}
		f.wait(5*time.Second, 20*time.Second)
		f.asks(push, login)
	}
	return false
}

// keep remembers a session that has begun, and ends it when its time comes. Of
// more than there is room for, the service ends the oldest.
func (w *world) keep(f *flow, a *account, slot int) {
	at := 0
	for i := range a.sessions {
		if a.sessions[i].ends <= f.at {
			a.sessions[i] = session{}
		}
		if a.sessions[i].id == 0 || a.sessions[at].id != 0 && a.sessions[i].ends < a.sessions[at].ends {
			at = i
		}
	}
	if old := a.sessions[at]; old.id != 0 {
		over := *f
		over.session = old.id
		over.says(sessionEnded, overLimit)
	}
	s := session{id: f.session, used: f.at, device: uint8(slot)}
	last := *f
	switch {
	case models[f.device.model].platform == "web" && w.dice.chance(0.4):
		last.wait(4*time.Minute, 100*time.Minute)
		last.does(sessionEnded)
	case w.dice.chance(0.25):
		last.wait(20*time.Hour, 21*24*time.Hour)
		last.says(sessionEnded, ranOut)
	default:
		last.wait(30*24*time.Hour, 90*24*time.Hour)
		last.says(sessionEnded, ranOut)
	}
	s.ends = last.at
	a.sessions[at] = s
}

// settings is what an owner changes now and then.
func (w *world) settings(f *flow, a *account) {
	if w.dice.chance(0.02) {
		f.wait(10*time.Second, 4*time.Minute)
		f.doesWith(accountChanged, pick(w.dice, harmless))
	}
	if f.device.trusted > f.at && !w.dice.chance(0.3) { // people seldom do this on a device that is new
		return
	}
	switch {
	case w.daily(a, 600):
		w.changes(f, newPassword)
	case w.daily(a, 300):
		w.changes(f, newSecondFactor)
	case w.daily(a, 250):
		w.changes(f, newRecovery)
	case w.daily(a, 800):
		w.changes(f, newEmail)
	case w.daily(a, 350):
		w.changesNumber(f, a)
	}
}

// changesNumber is an owner's change of the number, which may come to nothing.
func (w *world) changesNumber(f *flow, a *account) {
	a.number++
	f.phone = w.phone(uint32(f.account), a)
	if !w.changes(f, newNumber) {
		a.number--
		f.phone = w.phone(uint32(f.account), a)
	}
}

// changes is a change of a sensitive setting. An address or a number is confirmed
// first, with a code to the new one. It reports whether the change was made.
func (w *world) changes(f *flow, what detail) bool {
	f.wait(15*time.Second, 5*time.Minute)
	switch what {
	case newEmail:
		f.asks(email, change)
	case newNumber:
		f.asks(sms, change)
	default:
		f.doesWith(accountChanged, what)
		return true
	}
	if !w.enters(f) {
		return false
	}
	f.wait(100*time.Millisecond, time.Second)
	f.doesWith(accountChanged, what)
	return true
}

// travels moves the owner: some three trips a year, of a day to two weeks. It
// reports whether the owner is on the way, and until when.
func (w *world) travels(a *account, at holdfast.Instant) (holdfast.Instant, bool) {
	switch {
	case a.away != a.city && at >= a.back:
		way := w.atlas.flight(a.away, a.city)
		a.away = a.city
		return at.Add(way), true
	case a.away == a.city && w.daily(a, 8000):
		a.away = w.anywhere()
		a.back = at.Add(w.dice.between(30*time.Hour, 14*24*time.Hour))
		return at.Add(w.atlas.flight(a.city, a.away)), true
	}
	return 0, false
}
