package detector

import (
	"math"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules/expression"
)

// The bounds of what is remembered of an account.
const (
	maxDevices   = 16
	maxSessions  = 63
	profileSpan  = 90 * 24 * time.Hour
	longestIDLen = 256 // bytes; a longer device or session id is not remembered
)

// profile is what the engine learns of an account, from accepted logins above
// all: its devices and active sessions, where it is used from, and when its SIM
// or number changed (DESIGN 3.9). What an attacker does must not push out what
// the owner did before, so a full list gives up its newest unproven item first.
//
// It is the engine's working copy of the first chunk of the account's chain.
type profile struct {
	last holdfast.Instant // newest event that it was learned from
	// alarmed is until when an alert of level high or above was last open.
	alarmed    holdfast.Instant
	wasAlarmed bool

	where        whereabouts
	sim          change
	phone        uint64 // hash of the number; 0 if unknown
	phoneChange  change
	sessions     memory.Ref // see sessions
	sessionCount int

	devices             []device
	countries, networks places
}

type device struct {
	hash        uint64           // of its id
	first, last holdfast.Instant // accepted logins
	trusted     holdfast.Instant // the earliest event that called it trusted
	wasTrusted  bool
	confirmed   bool // by the owner
	// doubted says that an alert of level high or above was open between its
	// first accepted login and the age at which it would have become known.
	doubted bool
}

// forgottenAt reports whether the last accepted login lies too far back for the
// device to be believed at a time.
func (d *device) forgottenAt(t holdfast.Instant) bool { return d.last < t.Add(-profileSpan) }

// knownAt reports whether the device was known at a time: its owner said so, or
// its first accepted login lies far enough back and no grave alert was open in
// between.
func (d *device) knownAt(t holdfast.Instant, trustAfter time.Duration) bool {
	return !d.forgottenAt(t) && (d.confirmed || !d.doubted && t > d.first.Add(trustAfter))
}

// protectedBefore reports whether the device was trusted or known before a time.
func (d *device) protectedBefore(t holdfast.Instant, trustAfter time.Duration) bool {
	return d.wasTrusted && d.trusted < t || d.knownAt(t, trustAfter)
}

// ageAt is how long ago the earliest accepted login was of all that is believed of
// the account at a time; 0 if nothing is.
func (p *profile) ageAt(t holdfast.Instant) time.Duration {
	earliest := t
	for i := range p.devices {
		if d := &p.devices[i]; !d.forgottenAt(t) {
			earliest = min(earliest, d.first)
		}
	}
	for _, list := range []places{p.countries, p.networks} {
		for i := range list {
			if list[i].last >= t.Add(-profileSpan) {
				earliest = min(earliest, list[i].first)
			}
		}
	}
	return t.Sub(earliest)
}

func (p *profile) device(hash uint64) *device {
	for i := range p.devices {
		if p.devices[i].hash == hash {
			return &p.devices[i]
		}
	}
	return nil
}

// accounts is the number of the grouping by account, which is always there: its
// chains begin with the accounts' profiles.
const accounts = 0

// profileAt loads the profile of a record into the engine's working copy; nil if
// the account has none.
func (e *Engine) profileAt(record uint32) *profile {
	ref := e.groupings[accounts].Chain(record)
	if ref == 0 {
		return nil
	}
	c := e.arena.Read(ref)
	if c.Kind() != cellProfile {
		return nil
	}
	if e.loaded != record+1 {
		e.profile.read(c)
		e.loaded = record + 1
	}
	return &e.profile
}

// profileOf loads the profile of the event's account; nil if it has none, or one
// that is forgotten, whether its memory has been given back or not.
func (e *Engine) profileOf(s *scope) *profile {
	p := e.place(accounts, s)
	if !p.exists {
		return nil
	}
	t := e.groupings[accounts]
	known := e.profileAt(p.record)
	if known != nil && e.forgotten(known) {
		e.dropProfile(t, p.record, known)
		return nil
	}
	return known
}

// forgotten reports whether nobody has logged in to the account for so long that
// nothing of its profile would be believed.
func (e *Engine) forgotten(p *profile) bool { return p.last.Add(profileSpan) < e.watermark }

// dropProfile frees the profile of a record.
func (e *Engine) dropProfile(t *grouping, record uint32, p *profile) {
	e.endSessions(p, func(uint64, session) bool { return true })
	e.loaded = 0
	e.unhang(t, record, t.Chain(record))
}

// learning loads the profile of the event's account, or begins one, and notes that
// something was learned of it at a time. It is nil where there is no room.
func (e *Engine) learning(s *scope, t holdfast.Instant) *profile {
	p := e.profileOf(s)
	if p == nil {
		at := e.place(accounts, s)
		if !at.exists && !e.insert(e.groupings[accounts], at) {
			e.stats.Evicted++
			return nil
		}
		e.profile.reset(t)
		e.loaded = at.record + 1
		p = &e.profile
	}
	p.last = max(p.last, t)
	return p
}

// keepProfile stores the working copy as the profile of the event's account.
func (e *Engine) keepProfile(s *scope, p *profile) {
	t, record := e.groupings[accounts], e.place(accounts, s).record
	ref := t.Chain(record)
	words := p.words()
	switch {
	case ref == 0 || e.arena.Read(ref).Kind() != cellProfile:
		fresh := e.arena.Alloc(0, cellProfile, words)
		e.arena.Own(fresh).SetNext(ref)
		ref = fresh
		t.SetChain(record, ref)
	case words > e.arena.Read(ref).Room():
		larger := e.arena.Alloc(0, cellProfile, words)
		e.arena.Own(larger).SetNext(e.arena.Read(ref).Next())
		e.arena.Free(ref)
		ref = larger
		t.SetChain(record, ref)
	}
	c := e.arena.Own(ref)
	c.SetUsed(words)
	p.write(c)
	if due := e.due(p.last.Add(profileSpan)); sooner(due, t.Due(record)) {
		t.SetDue(record, due)
	}
}

// tidyProfile frees a profile that is forgotten.
func (e *Engine) tidyProfile(t *grouping, record uint32) {
	if t != e.groupings[accounts] {
		return
	}
	p := e.profileAt(record)
	switch {
	case p == nil:
	case e.forgotten(p):
		e.dropProfile(t, record, p)
	default:
		if due := e.due(p.last.Add(profileSpan)); sooner(due, t.Due(record)) {
			t.SetDue(record, due)
		}
	}
}

// view is the profile as the rules see it: before the event.
func (e *Engine) view(s *scope) expression.Profile {
	event := s.Event
	p := e.profileOf(s)
	if p == nil {
		return expression.Profile{SIMAge: never, PhoneAge: never}
	}
	v := expression.Profile{
		SIMAge: p.sim.age(event.Time), PhoneAge: p.phoneChange.age(event.Time), TravelKMH: p.where.speed(event),
		NetworkKnown: p.networks.findAt(networkOf(event), event.Time) != nil,
		ProfileAge:   p.ageAt(event.Time),
	}
	if d := p.device(e.deviceOf(s)); d != nil && !d.forgottenAt(event.Time) {
		v.DeviceKnown = d.knownAt(event.Time, e.opts.TrustAfter)
		v.DeviceAge = max(0, event.Time.Sub(d.first))
	}
	if c := p.countries.findAt(e.key.narrow(event.Client.Country), event.Time); c != nil {
		v.CountryKnown, v.CountryAge = true, max(0, event.Time.Sub(c.first))
	}
	return v
}

// networkOf stands for the event's network; 0 is none.
func networkOf(e *holdfast.Event) uint64 { return uint64(max(0, e.Client.ASN)) }

// learn takes in what an event says of its account.
func (e *Engine) learn(s *scope) {
	event := s.Event
	switch event.Type {
	case holdfast.TypeLoginSucceeded, holdfast.TypeSessionStarted:
		p := e.learning(s, event.Time)
		if p == nil {
			return
		}
		p.accept(event, e.deviceOf(s), e.opts.TrustAfter)
		e.startSession(p, s)
		p.countries.accept(e.key.narrow(event.Client.Country), event.Time)
		p.networks.accept(networkOf(event), event.Time)
		p.where.saw(event)
		if p.phone == 0 {
			p.phone = e.key.narrow(event.Phone)
		}
		e.trust(p, s)
		e.keepProfile(s, p)
		return
	case holdfast.TypeSIMChanged:
		if p := e.learning(s, event.Time); p != nil {
			p.sim.saw(event.Time)
			e.keepProfile(s, p)
		}
	case holdfast.TypeAccountChanged:
		e.learnNumber(s)
	case holdfast.TypeSessionEnded:
		if p := e.profileOf(s); p != nil && e.endSession(p, s) {
			e.keepProfile(s, p)
		}
	case holdfast.TypeOwnerConfirmed:
		if p := e.learning(s, event.Time); p != nil {
			p.accept(event, e.deviceOf(s), e.opts.TrustAfter)
			if d := p.device(e.deviceOf(s)); d != nil {
				d.confirmed, d.doubted = true, false
			}
			e.keepProfile(s, p)
		}
	case holdfast.TypeOwnerDenied:
		if p := e.profileOf(s); p != nil {
			hash := e.deviceOf(s)
			p.devices = slices.DeleteFunc(p.devices, func(d device) bool { return d.hash == hash })
			e.keepProfile(s, p)
		}
	}
	if event.Device.Trusted != holdfast.Trusted {
		return
	}
	if p := e.profileOf(s); p != nil && e.trust(p, s) {
		e.keepProfile(s, p)
	}
}

// learnNumber learns of a change of the account's phone number: an
// account.changed that names another number than the account was known to have.
func (e *Engine) learnNumber(s *scope) {
	number := e.key.narrow(s.Event.Phone)
	if number == 0 {
		return
	}
	p := e.learning(s, s.Event.Time)
	if p == nil {
		return
	}
	if p.phone != 0 && p.phone != number {
		p.phoneChange.saw(s.Event.Time)
	}
	p.phone = number
	e.keepProfile(s, p)
}

// trust notes that an event calls its device trusted. It reports whether that is
// new.
func (e *Engine) trust(p *profile, s *scope) bool {
	if s.Event.Device.Trusted != holdfast.Trusted || len(p.devices) == 0 {
		return false
	}
	d := p.device(e.deviceOf(s))
	if d == nil || d.wasTrusted && s.Event.Time >= d.trusted {
		return false
	}
	d.trusted, d.wasTrusted = s.Event.Time, true
	return true
}

// accept remembers the device of an accepted login.
func (p *profile) accept(e *holdfast.Event, hash uint64, trustAfter time.Duration) {
	id := e.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	p.devices = slices.DeleteFunc(p.devices, func(d device) bool { return d.forgottenAt(e.Time) })
	if d := p.device(hash); d != nil {
		d.first, d.last = min(d.first, e.Time), max(d.last, e.Time)
		return
	}
	if len(p.devices) == maxDevices {
		newest := -1
		for i := range p.devices {
			if d := &p.devices[i]; !d.protectedBefore(e.Time, trustAfter) && (newest < 0 || d.first > p.devices[newest].first) {
				newest = i
			}
		}
		if newest < 0 {
			return
		}
		p.devices = slices.Delete(p.devices, newest, newest+1)
	}
	p.devices = append(p.devices, device{
		hash: hash, first: e.Time, last: e.Time,
		doubted: p.wasAlarmed && e.Time <= p.alarmed,
	})
}

// disturb notes that a grave alert is open on the account: devices that are not
// known yet don't become so by waiting. An account of which nothing else is known
// is remembered no longer than that takes: anyone can make up accounts and attack
// them.
func (e *Engine) disturb(a *firing, s *scope) {
	until := a.openUntil.Add(e.opts.MaxLateness - profileSpan)
	p := e.profileOf(s)
	if p == nil {
		if p = e.learning(s, until); p == nil {
			return
		}
	}
	p.last = max(p.last, until)
	p.alarmed, p.wasAlarmed = max(p.alarmed, a.openUntil), true
	for i := range p.devices {
		d := &p.devices[i]
		if a.openUntil >= d.first && !d.knownAt(a.alert.Time, e.opts.TrustAfter) {
			d.doubted = true
		}
	}
	e.keepProfile(s, p)
}

// The words of a cellProfile: these, then the devices, the countries and the
// networks. They count from the chunk's own first word.
const (
	profileLast = iota + 1
	profileAlarmed
	profileLat
	profileLon
	profileWhere
	profileSIM
	profilePhone
	profilePhoneChange
	profileFlags // what is known, and how many devices, countries, networks and sessions
	profileSessions
	profileLists

	deviceWords = 5
	placeWords  = 3
)

// Bits of profileFlags, and of a device's last word.
const (
	flagAlarmed = 1 << iota
	flagWhere
	flagSIM
	flagPhoneChange

	countDevices   = 8  // shift
	countCountries = 16 // shift
	countNetworks  = 24 // shift
	countSessions  = 32 // shift

	flagTrusted   = 1
	flagDoubted   = 2
	flagConfirmed = 4
)

func flag(is bool, bit uint64) uint64 {
	if is {
		return bit
	}
	return 0
}

// words is how many words of payload the profile takes.
func (p *profile) words() int {
	return profileLists - 1 + deviceWords*len(p.devices) + placeWords*(len(p.countries)+len(p.networks))
}

func (p *profile) reset(last holdfast.Instant) {
	*p = profile{last: last, devices: p.devices[:0], countries: p.countries[:0], networks: p.networks[:0]}
}

func (p *profile) read(c memory.Chunk) {
	p.reset(holdfast.Instant(c[profileLast]))
	flags := c[profileFlags]
	p.alarmed, p.wasAlarmed = holdfast.Instant(c[profileAlarmed]), flags&flagAlarmed != 0
	p.where = whereabouts{
		math.Float64frombits(c[profileLat]), math.Float64frombits(c[profileLon]), holdfast.Instant(c[profileWhere]), flags&flagWhere != 0,
	}
	p.sim = change{holdfast.Instant(c[profileSIM]), flags&flagSIM != 0}
	p.phone = c[profilePhone]
	p.phoneChange = change{holdfast.Instant(c[profilePhoneChange]), flags&flagPhoneChange != 0}
	p.sessions, p.sessionCount = memory.Ref(c[profileSessions]), int(flags>>countSessions&0xff)
	rest := c[profileLists:]
	for range flags >> countDevices & 0xff {
		bits := rest[4]
		p.devices = append(p.devices, device{
			hash: rest[0], first: holdfast.Instant(rest[1]), last: holdfast.Instant(rest[2]), trusted: holdfast.Instant(rest[3]),
			wasTrusted: bits&flagTrusted != 0, doubted: bits&flagDoubted != 0, confirmed: bits&flagConfirmed != 0,
		})
		rest = rest[deviceWords:]
	}
	rest = p.countries.read(rest, int(flags>>countCountries&0xff))
	p.networks.read(rest, int(flags>>countNetworks&0xff))
}

func (p *profile) write(c memory.Chunk) {
	c[profileLast], c[profileAlarmed] = uint64(p.last), uint64(p.alarmed)
	c[profileLat], c[profileLon] = math.Float64bits(p.where.lat), math.Float64bits(p.where.lon)
	c[profileWhere], c[profileSIM] = uint64(p.where.at), uint64(p.sim.at)
	c[profilePhone], c[profilePhoneChange] = p.phone, uint64(p.phoneChange.at)
	c[profileFlags] = flag(p.wasAlarmed, flagAlarmed) | flag(p.where.known, flagWhere) | flag(p.sim.known, flagSIM) |
		flag(p.phoneChange.known, flagPhoneChange) | uint64(len(p.devices))<<countDevices |
		uint64(len(p.countries))<<countCountries | uint64(len(p.networks))<<countNetworks | uint64(p.sessionCount)<<countSessions
	c[profileSessions] = uint64(p.sessions)
	rest := c[profileLists:]
	for i := range p.devices {
		d := &p.devices[i]
		copy(rest, []uint64{
			d.hash, uint64(d.first), uint64(d.last), uint64(d.trusted),
			flag(d.wasTrusted, flagTrusted) | flag(d.doubted, flagDoubted) | flag(d.confirmed, flagConfirmed),
		})
		rest = rest[deviceWords:]
	}
	p.networks.write(p.countries.write(rest))
}
