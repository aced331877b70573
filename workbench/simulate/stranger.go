package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// passerBy is somebody of a city who has no account here, on a device of their own.
func (w *world) passerBy(city uint8, at holdfast.Instant) flow {
	d := w.dice
	n := pick(d, w.atlas.fixed[city])
	kind := anyModel(d, nil)
	if d.chance(0.5) {
		n, kind = pick(d, w.atlas.mobile[city]), w.anyPhone()
	}
	return flow{
		w: w, at: at,
		device: device{id: d.source.Uint64() | 1, trusted: never, model: kind},
		client: client{n, w.atlas.networks[n].address(d.source.Uint64())},
	}
}

// addressed turns a flow on another account.
func (w *world) addressed(f *flow, index uint32) {
	a := &w.accounts[index]
	f.account, f.phone = uint64(index), w.phone(index, a)
	f.silent = a.flags&unstated != 0
}

// countryman is somebody else's account in the same country; false if a few
// tries found none.
func (w *world) countryman(a *account) (uint32, bool) {
	country := w.atlas.cities[a.city].country
	for range 40 {
		other := uint32(w.dice.below(len(w.accounts)))
		if b := &w.accounts[other]; b != a && w.atlas.cities[b.city].country == country && b.flags&signsUp == 0 {
			return other, true
		}
	}
	return 0, false
}

// mistypes is an owner who mistypes the own number, and hits another account's:
// its owner gets the code. Most notice after one, some ask again, very few ask
// for a call.
func (w *world) mistypes(f *flow, a *account) {
	other, found := w.countryman(a)
	if !found {
		return
	}
	wrong := *f
	wrong.device.trusted = never
	w.addressed(&wrong, other)
	wrong.asks(sms, login)
	wrong.sends()
	for p := 0.3; w.dice.chance(p); p = 0.18 {
		wrong.wait(35*time.Second, 2*time.Minute)
		if w.dice.chance(0.06) {
			wrong.channel = voice
		}
		wrong.sends()
	}
	wrong.expires()
	f.at = wrong.at
	f.wait(30*time.Second, 90*time.Second)
}

// recycled is a number that the carrier has given to somebody else, who tries to
// log in with it and meets the old owner's account. The service asks for more than
// the code there, and that is the end of it. In the United States a carrier may
// do so after 45 days (FCC).
func (w *world) recycled(index uint32, at holdfast.Instant) {
	a := &w.accounts[index]
	f := w.passerBy(a.city, at)
	w.addressed(&f, index)
	f.asks(sms, login)
	w.enters(&f)
}
