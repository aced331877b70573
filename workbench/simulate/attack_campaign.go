package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// tries is one wrong password, or the right one, as far as that leads: the
// account's second factor, if it has one, is not the attacker's.
func (w *world) tries(f *flow, index uint32, right bool) {
	acc := &w.accounts[index]
	w.addressed(f, index)
	f.session = 0
	switch {
	case !right || acc.way == byCode:
		f.doesWith(loginFailed, firstFactor)
	case acc.way == byPassword:
		w.takesOver(f, index, 0.3)
	default:
		f.second = true
		f.asks([]channel{byPasswordAndSMS: sms, byPasswordAndTOTP: totp, byPasswordAndPush: push}[acc.way], login)
		f.sends()
		w.fails(f)
		f.second = false
	}
}

// fails is a second factor that is not the attacker's: it is guessed, or denied by
// the owner, or runs out.
func (w *world) fails(f *flow) {
	d := w.dice
	guessed := *f // the attacker goes on with the next account
	switch {
	case f.channel == push && d.chance(0.5):
		guessed.wait(4*time.Second, 40*time.Second)
		guessed.does(codeRejected)
		return
	case f.channel != push && d.chance(0.5):
		for range d.from(1, 3) {
			guessed.wait(2*time.Second, 15*time.Second)
			guessed.does(codeRejected)
		}
	}
	f.expires()
}

// stuffing: passwords that leaked elsewhere, tried on many accounts from few
// addresses, a device id for each try or one for all.
func (w *world) stuffing(a *assault, at holdfast.Instant) {
	d := w.dice
	n := min(d.from(80, 420), 20+len(w.accounts)/6)
	sources := make([]flow, d.from(1, 5))
	for i := range sources {
		sources[i] = w.passerBy(w.anywhere(), at)
		w.rotates(&sources[i], d.from(30, 99))
		sources[i].attack = a
	}
	fresh, high := d.chance(0.6), d.between(time.Second, 8*time.Second)
	for range n {
		index := uint32(d.below(len(w.accounts)))
		f := pick(d, sources)
		f.at = at
		if fresh {
			f.device.id = d.source.Uint64() | 1
		}
		w.tries(&f, index, false)
		if d.chance(0.25) {
			f.wait(500*time.Millisecond, 3*time.Second)
			w.tries(&f, index, d.chance(0.02))
		}
		if d.chance(0.02) {
			f.wait(300*time.Millisecond, time.Second)
			w.tries(&f, index, true)
		}
		at = at.Add(d.between(200*time.Millisecond, high))
	}
}

// lowAndSlow: a few common passwords on many accounts, from so many addresses that
// none stands out, over half a day or more.
func (w *world) lowAndSlow(a *assault, at holdfast.Instant) {
	d := w.dice
	n := min(d.from(150, 500), 20+len(w.accounts)/5)
	until := min(at.Add(d.between(9*time.Hour, 40*time.Hour)), w.end)
	pace := (until.Sub(at) / time.Duration(n)).Truncate(5 * time.Millisecond)
	kind := anyModel(d, nil) // the same program everywhere
	var f flow
	for i := range n {
		if i == 0 || d.chance(0.45) {
			f = w.passerBy(w.anywhere(), at)
			w.rotates(&f, d.from(0, 99))
			f.device.model, f.attack = kind, a
		}
		f.at = at
		f.device.id = d.source.Uint64() | 1
		w.tries(&f, uint32(d.below(len(w.accounts))), d.chance(0.01))
		at = at.Add(d.between(pace/5, pace*9/5))
	}
}

// pumping: codes to numbers of one range after the other, whose carrier shares what
// each costs. Nobody ever enters one.
func (w *world) pumping(a *assault, at holdfast.Instant) {
	d := w.dice
	city := w.anywhere()
	number := d.source.Uint64() >> 40
	p := signup
	f := w.passerBy(w.anywhere(), at)
	high := d.between(3*time.Second, 25*time.Second)
	for i := range d.from(90, 350) {
		if i > 0 && d.chance(0.12) {
			f = w.passerBy(w.anywhere(), at)
			w.rotates(&f, d.from(30, 99))
		}
		f.at, f.attack = at, a
		f.device.id = d.source.Uint64() | 1
		f.account, f.phone = w.another(), newPhone(city, number)
		f.asks(sms, p)
		f.sends()
		f.expires()
		number += uint64(d.from(1, 5))
		at = at.Add(d.between(500*time.Millisecond, high))
	}
}
