package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// The bounds of what an account has at a time.
const (
	maxDevices  = 4
	maxSessions = 6
)

// account is one of the service's, and its owner. There are as many as the
// options say, so it is kept small.
type account struct {
	gap    uint32 // minutes between two uses, on average, if every hour were alike
	number uint32 // how often the phone number has changed
	renews uint32 // how many devices there have been
	city   uint8  // where the owner lives
	away   uint8  // where the owner is now
	home   uint8  // networks
	mobile uint8
	work   uint8
	way    method
	flags  accountFlags

	back     holdfast.Instant // when a trip ends
	seen     holdfast.Instant // when the stream first showed it; 0: not yet
	devices  [maxDevices]device
	sessions [maxSessions]session
}

type accountFlags uint8

const (
	unstated     accountFlags = 1 << iota // its events never say whether a device is trusted
	hasWork                               // uses the service at work, too
	usesVPN                               // now and then
	prefersVoice                          // has its codes read out, always
	usesKiosk                             // now and then logs in on a borrowed computer
	attacked                              // by an attack of its own
	signsUp                               // during the simulation
)

// method is how an owner logs in.
type method uint8

const (
	byCode method = iota
	byPassword
	byPasswordAndSMS
	byPasswordAndTOTP
	byPasswordAndPush
)

type device struct {
	id      uint64           // 0: none
	trusted holdfast.Instant // from when on the owner's confirmation holds
	model   uint8
}

type session struct {
	id     uint64 // 0: none
	ends   holdfast.Instant
	used   holdfast.Instant // last seen in the stream; 0 if never
	device uint8
}

// use is the distribution of the time between two uses, in minutes of an account
// that is used at any hour: heavy-tailed, so that one percent of the accounts makes
// a tenth of the traffic, and a seventh is used once a week or less.
var use = curve{
	{0, 60 * time.Minute},
	{100, 90 * time.Minute},
	{1000, 300 * time.Minute},
	{3000, 600 * time.Minute},
	{5000, 1300 * time.Minute},
	{7000, 3000 * time.Minute},
	{8500, 8000 * time.Minute},
	{9500, 20_000 * time.Minute},
	{10_000, 60_000 * time.Minute},
}

// open makes the account of an index as it is when the simulation starts.
func (w *world) open(index uint32) account {
	d := w.dice
	a := account{gap: uint32(d.draw(use) / time.Minute), city: w.atlas.somewhere(w.mix(household(index), saltHousehold))}
	a.away = a.city
	a.home = w.atlas.fixed[a.city][household(index)%uint64(len(w.atlas.fixed[a.city]))]
	a.mobile = pick(d, w.atlas.mobile[a.city])
	a.work = pick(d, w.atlas.fixed[a.city])
	a.way = method(w.weighted(45, 28, 12, 7, 8))
	for _, f := range []struct {
		flag  accountFlags
		share float64
	}{
		{unstated, 0.12}, {hasWork, 0.35}, {usesVPN, 0.04}, {prefersVoice, 0.005}, {usesKiosk, 0.06},
	} {
		if d.chance(f.share) {
			a.flags |= f.flag
		}
	}
	if w.mayJoin && d.chance(signUps*float64(w.opts.Days)) {
		a.flags |= signsUp
		a.devices[0] = w.device(index, &a, w.anyPhone())
		return a
	}
	for i := range 1 + w.weighted(38, 38, 17, 7) {
		kind := w.anyPhone()
		switch {
		case i == 1:
			kind = anyModel(d, isBrowser)
		case i > 1 || d.chance(0.1):
			kind = anyModel(d, nil)
		}
		a.devices[i] = w.device(index, &a, kind)
		a.devices[i].trusted = w.start
		switch {
		case i == 1 && d.chance(0.3): // the household's computer
			id := w.mix(household(index), saltComputer)
			a.devices[i].id, a.devices[i].model = id, browser(id)
		case d.chance(0.06): // never confirmed
			a.devices[i].trusted = never
		}
		open := 0.95
		if models[a.devices[i].model].platform == "web" {
			open = 0.35
		}
		if d.chance(open) {
			a.sessions[i] = session{id: d.source.Uint64(), ends: w.start.Add(d.between(24*time.Hour, 90*24*time.Hour)), device: uint8(i)}
		}
	}
	return a
}

// household is the number of the account's: two have one address, and some of
// them a computer that both use.
func household(index uint32) uint64 { return uint64(index / 2) }

// signUps is the share of the accounts that are opened in a day.
const signUps = 0.002

// device is another one of an account, with an id of its own. It is not trusted.
func (w *world) device(index uint32, a *account, kind uint8) device {
	a.renews++
	return device{id: w.mix(uint64(index)<<20|uint64(a.renews), saltDevice), trusted: never, model: kind}
}

func (w *world) anyPhone() uint8 { return anyModel(w.dice, isPhone) }

// count is how many devices the account has.
func (a *account) count() int {
	n := 0
	for n < maxDevices && a.devices[n].id != 0 {
		n++
	}
	return n
}

// session is one on a device that is active at a time; nil if there is none.
func (a *account) session(dev uint8, at holdfast.Instant) *session {
	for i := range a.sessions {
		if s := &a.sessions[i]; s.id != 0 && s.device == dev && s.ends > at {
			return s
		}
	}
	return nil
}

func pick[T any](d dice, list []T) T { return list[d.below(len(list))] }

// weighted is the index of one of some weights.
func (w *world) weighted(weights ...int) int {
	sum := 0
	for _, x := range weights {
		sum += x
	}
	at := w.dice.below(sum)
	for i, x := range weights {
		if at -= x; at < 0 {
			return i
		}
	}
	return 0
}

// daily is true as often as something happens so many times in a million days of
// the account, if it is asked at each use.
func (w *world) daily(a *account, perMillion int) bool {
	const minutes = 24 * 60
	return w.dice.below(1_000_000*minutes) < perMillion*int(min(a.gap, 30*minutes))
}

// phone is the account's number, as the city's index and seven digits. No two
// accounts of a city have the same.
func (w *world) phone(index uint32, a *account) phone {
	return newPhone(a.city, uint64(index)*7_368_787+uint64(a.number)*1_299_709)
}

// phone is a number of a city's range: never 0.
type phone uint64

func newPhone(city uint8, digits uint64) phone {
	return phone(1<<63 | uint64(city)<<32 | digits%10_000_000)
}

func (p phone) city() uint8    { return uint8(p >> 32) }
func (p phone) digits() uint64 { return uint64(p) & 0xffffffff }

// Salts keep apart what mix makes of the same numbers.
const (
	saltHousehold = 1 + iota
	saltComputer
	saltDevice
	saltAddress
	saltWork
	saltKiosk
	saltHotel
	saltMobile
	saltDynamic
	saltPlace
	saltVersion
	saltEvent
)

func (w *world) mix(a, b uint64) uint64 { return mix(w.opts.Seed, a, b) }

// networkOf is where an owner uses a device from, at home or away, at an hour of
// the owner's day.
func (w *world) networkOf(index uint32, a *account, m *model, at holdfast.Instant) client {
	d := w.dice
	number, day := uint64(index), uint64(at)/uint64(24*time.Hour)
	if a.flags&usesVPN != 0 && d.chance(0.2) {
		n := pick(d, w.atlas.exits)
		return client{n, w.atlas.networks[n].address(d.source.Uint64())}
	}
	if a.away != a.city && !(m.phone && d.chance(0.08)) { // a phone that roams is at home, as its address goes
		n := w.atlas.fixed[a.away][number%uint64(len(w.atlas.fixed[a.away]))]
		if m.phone && d.chance(0.3) {
			n = w.atlas.mobile[a.away][number%uint64(len(w.atlas.mobile[a.away]))]
		}
		return client{n, w.atlas.networks[n].address(w.mix(number/8+day/3, saltHotel))}
	}
	weekday, hour := w.local(a, at)
	switch {
	case a.flags&hasWork != 0 && weekday < 5 && hour >= 9 && hour < 17 && d.chance(0.6):
		offices := uint64(1 + w.opts.Accounts/(20*len(w.atlas.cities)))
		return client{a.work, w.atlas.networks[a.work].address(w.mix(number%offices, saltWork))}
	case m.phone && d.chance(0.4):
		return w.onCarrier(index, a, at)
	}
	return w.atHome(index, a, at)
}

// onCarrier is where a phone is that uses its carrier's network: an address for
// some hours of the day.
func (w *world) onCarrier(index uint32, a *account, at holdfast.Instant) client {
	_, hour := w.local(a, at)
	day := uint64(at) / uint64(24*time.Hour)
	return client{a.mobile, w.atlas.networks[a.mobile].address(w.mix(uint64(index), saltMobile+day<<8+uint64(hour/6)<<4))}
}

// strays has a device turn up at another address in the middle of what it does: a
// phone leaves the Wi-Fi or finds it; others, and those that travel, are given
// another address of their network.
func (w *world) strays(f *flow) {
	from := w.atlas.networks[f.client.network].kind
	if f.own && models[f.device.model].phone {
		index := uint32(f.account)
		switch a := &w.accounts[index]; {
		case a.away != a.city:
		case from == fixedLine:
			f.client = w.onCarrier(index, a, f.at)
			return
		case from == mobileCarrier && w.dice.chance(0.6):
			f.client = w.atHome(index, a, f.at)
			return
		}
	}
	w.moves(f)
}

// atHome is the network of the owner's household. Six in ten get another address
// every three to thirty days.
func (w *world) atHome(index uint32, a *account, at holdfast.Instant) client {
	number, epoch := household(index), uint64(0)
	if w.mix(number, saltDynamic)%10 < 6 {
		days := 3 + number%28
		epoch = uint64(at) / uint64(24*time.Hour) / days
	}
	return client{a.home, w.atlas.networks[a.home].address(w.mix(number, saltAddress+epoch<<8))}
}
