package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// newPhone is a login on a phone that was bought. A quarter comes with a new SIM:
// an eSIM moves by being replaced. Most are set up at home.
func (w *world) newPhone(index uint32, at holdfast.Instant) holdfast.Instant {
	a, d := &w.accounts[index], w.dice
	old := a.session(0, at)
	a.devices[0] = w.device(index, a, w.anyPhone())
	w.confirms(&a.devices[0], at)
	f := w.owner(index, at, 0)
	if d.chance(0.8) && a.away == a.city {
		f.client = w.atHome(index, a, at)
	}
	if d.chance(0.25) {
		f.says(simChanged, fromCarrier)
		f.wait(2*time.Minute, 3*time.Hour)
	}
	if old != nil && a.way == byCode && d.chance(0.45) {
		// The code is shown on the old phone, which is at hand.
		f.asks(app, login)
		if !w.enters(&f) {
			return f.at
		}
		f.starts()
		w.keep(&f, a, 0)
	} else if until := w.logIn(&f, a, 0); f.session == 0 {
		return until
	}
	if old != nil && d.chance(0.5) {
		over := f
		over.session = old.id
		over.wait(10*time.Minute, 30*time.Hour)
		over.doesWith(sessionEnded, ended)
		old.ends = over.at
	}
	w.setsUp(&f, a)
	return f.at
}

// setsUp is what owners see to on a device that they have just logged in on: those
// with a second factor move it, and others remember what they had put off.
func (w *world) setsUp(f *flow, a *account) {
	second := 0.02
	if a.way >= byPasswordAndSMS {
		second = 0.1
	}
	if w.dice.chance(second) {
		w.changes(f, newSecondFactor)
	}
	if !w.dice.chance(0.025) {
		return
	}
	switch what := pick(w.dice, []detail{newRecovery, newPassword, newEmail, newEmail, newNumber}); what {
	case newNumber:
		w.changesNumber(f, a)
	default:
		w.changes(f, what)
	}
}

// confirms is when an owner lets a device be trusted, if ever.
func (w *world) confirms(dev *device, at holdfast.Instant) {
	if w.dice.chance(0.9) {
		dev.trusted = at.Add(w.dice.between(20*time.Minute, 60*time.Hour))
	}
}

// newBrowser is a device that the service takes for a new one: another browser, a
// cleared one, or an app that was installed again.
func (w *world) newBrowser(index uint32, at holdfast.Instant) holdfast.Instant {
	a := &w.accounts[index]
	n := a.count()
	slot := w.dice.below(n)
	kind := a.devices[slot].model
	if n < maxDevices && w.dice.chance(0.3) {
		slot, kind = n, anyModel(w.dice, isBrowser)
	}
	a.devices[slot] = w.device(index, a, kind)
	w.confirms(&a.devices[slot], at)
	f := w.owner(index, at, slot)
	over := w.logIn(&f, a, slot)
	if f.session != 0 && w.dice.chance(0.5) {
		w.setsUp(&f, a)
		return f.at
	}
	return over
}

// forgotten is a password that is set anew: on a device of the owner's, seldom on
// another.
func (w *world) forgotten(index uint32, at holdfast.Instant) holdfast.Instant {
	a, d := &w.accounts[index], w.dice
	slot := d.below(a.count())
	if d.chance(0.12) {
		a.devices[slot] = w.device(index, a, a.devices[slot].model)
		w.confirms(&a.devices[slot], at)
	}
	f := w.owner(index, at, slot)
	for range d.from(1, 4) {
		f.doesWith(loginFailed, firstFactor)
		f.wait(4*time.Second, 40*time.Second)
	}
	c := email
	if d.chance(0.4) {
		c = sms
	}
	f.asks(c, recovery)
	if !w.enters(&f) {
		return f.at
	}
	f.wait(15*time.Second, 2*time.Minute)
	f.doesWith(accountChanged, newPassword)
	f.starts()
	w.keep(&f, a, slot)
	if d.chance(0.05) { // so that it does not happen again
		w.changes(&f, pick(d, []detail{newRecovery, newSecondFactor, newEmail}))
	}
	return f.at
}

// kiosk is a login on a borrowed computer: a library's, a hotel's, a shop's.
// Each city has one for some 60,000 accounts of the service, and one at least.
func (w *world) kiosk(index uint32, at holdfast.Instant) holdfast.Instant {
	a := &w.accounts[index]
	which := uint64(a.away) + uint64(len(w.atlas.cities))*(uint64(index)%uint64(1+w.opts.Accounts/60_000))
	id := w.mix(which, saltKiosk)
	n := w.atlas.fixed[a.away][id%uint64(len(w.atlas.fixed[a.away]))]
	f := w.owner(index, at, 0)
	f.device = device{id: id, model: browser(id), trusted: never}
	f.client = client{n, w.atlas.networks[n].address(id)}
	if a.way == byCode && w.dice.chance(0.04) {
		w.mistypes(&f, a)
	}
	if !w.proves(&f, a) {
		return f.at
	}
	f.starts()
	if w.dice.chance(0.9) {
		last := f
		last.wait(3*time.Minute, 40*time.Minute)
		last.does(sessionEnded)
	}
	return f.at
}

// signUp is an account's beginning.
func (w *world) signUp(index uint32, at holdfast.Instant) holdfast.Instant {
	a := &w.accounts[index]
	if w.dice.chance(0.14) { // somebody else begins, too, and nothing comes of it
		w.abandons(at)
	}
	f := w.owner(index, at, 0)
	f.asks(sms, signup)
	if !w.enters(&f) {
		return f.at
	}
	f.starts()
	a.devices[0].trusted = f.at // the device that opened the account
	w.keep(&f, a, 0)
	return f.at
}

// abandons is a sign-up that stays one. Its account will never be heard of again.
func (w *world) abandons(at holdfast.Instant) {
	f := w.passerBy(w.anywhere(), at)
	f.account, f.phone = w.another(), newPhone(w.atlas.networks[f.client.network].city, w.dice.source.Uint64()>>32)
	f.asks(sms, signup)
	f.sends()
	f.expires()
}
