package detector

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// The bounds of what is remembered of an account.
const (
	maxDevices   = 16
	maxSessions  = 64
	profileSpan  = 90 * 24 * time.Hour
	longestIDLen = 256 // bytes; a longer device or session id is not remembered
)

// profiles is what the engine learns of each account, from accepted logins above
// all: its devices and active sessions, where it is used from, and when its SIM
// or number changed (DESIGN 3.9). What an attacker does must not
// push out what the owner did before, so a full list gives up its newest
// unproven item first.
type profiles struct {
	opts      *Options
	byAccount map[string]*profile
	expiry    map[holdfast.Instant][]string // day: accounts to look at then
	nextDay   holdfast.Instant              // the first day that has not been looked at
}

type profile struct {
	devices  []device
	sessions []session
	// alarmed is until when an alert of level high or above was last open.
	alarmed    holdfast.Instant
	wasAlarmed bool
	last       holdfast.Instant // newest event that it was learned from

	countries, networks places
	where               whereabouts
	sim                 change
	phone               uint64 // hash of the number; 0 if unknown
	phoneChange         change
}

type device struct {
	id          string
	hash        uint64
	first, last holdfast.Instant // accepted logins
	trusted     holdfast.Instant // the earliest event that called it trusted
	wasTrusted  bool
	// doubted says that an alert of level high or above was open between its
	// first accepted login and the age at which it would have become known.
	doubted bool
}

type session struct {
	id, device string
	hash       uint64
	deviceHash uint64
	started    holdfast.Instant
	trusted    bool // the event that started it called its device trusted
}

// forgottenAt reports whether the last accepted login lies too far back for the
// device to be believed at a time.
func (d *device) forgottenAt(t holdfast.Instant) bool { return d.last < t.Add(-profileSpan) }

// knownAt reports whether the device was known at a time: its first accepted
// login lies far enough back, and no grave alert was open in between.
func (d *device) knownAt(t holdfast.Instant, trustAfter time.Duration) bool {
	return !d.doubted && !d.forgottenAt(t) && t > d.first.Add(trustAfter)
}

// protectedBefore reports whether the device was trusted or known before a time.
func (d *device) protectedBefore(t holdfast.Instant, trustAfter time.Duration) bool {
	return d.wasTrusted && d.trusted < t || d.knownAt(t, trustAfter)
}

func (p *profile) device(id string) *device {
	i := slices.IndexFunc(p.devices, func(d device) bool { return d.id == id })
	if i < 0 || id == "" {
		return nil
	}
	return &p.devices[i]
}

// view is the profile as the rules see it: before the event.
func (ps *profiles) view(e *holdfast.Event, key *hashKey) expression.Profile {
	p := ps.byAccount[e.Account]
	if p == nil {
		return expression.Profile{SIMAge: never, PhoneAge: never}
	}
	v := expression.Profile{
		SIMAge: p.sim.age(e.Time), PhoneAge: p.phoneChange.age(e.Time), TravelKMH: p.where.speed(e),
		NetworkKnown: p.networks.find(networkOf(e)) != nil,
	}
	if d := p.device(e.Device.ID); d != nil && !d.forgottenAt(e.Time) {
		v.DeviceKnown = d.knownAt(e.Time, ps.opts.TrustAfter)
		v.DeviceAge = max(0, e.Time.Sub(d.first))
	}
	if c := p.countries.find(key.narrow(e.Client.Country)); c != nil {
		v.CountryKnown, v.CountryAge = true, max(0, e.Time.Sub(c.first))
	}
	return v
}

// networkOf stands for the event's network; 0 is none.
func networkOf(e *holdfast.Event) uint64 { return uint64(max(0, e.Client.ASN)) }

// learn takes in what an event says of its account.
func (ps *profiles) learn(e *holdfast.Event, key *hashKey) {
	switch e.Type {
	case holdfast.TypeLoginSucceeded, holdfast.TypeSessionStarted:
		p := ps.of(e.Account, e.Time)
		p.accept(e, ps.opts.TrustAfter, key)
		p.start(e, key)
		p.countries.accept(key.narrow(e.Client.Country), e.Time)
		p.networks.accept(networkOf(e), e.Time)
		p.where.saw(e)
		if p.phone == 0 {
			p.phone = key.narrow(e.Phone)
		}
	case holdfast.TypeSIMChanged:
		ps.of(e.Account, e.Time).sim.saw(e.Time)
	case holdfast.TypeAccountChanged:
		ps.changed(e, key)
	case holdfast.TypeSessionEnded:
		if p := ps.byAccount[e.Account]; p != nil && e.Session != "" {
			p.sessions = slices.DeleteFunc(p.sessions, func(s session) bool { return s.id == e.Session })
		}
	}
	p := ps.byAccount[e.Account]
	if p == nil || e.Device.Trusted != holdfast.Trusted {
		return
	}
	if d := p.device(e.Device.ID); d != nil && (!d.wasTrusted || e.Time < d.trusted) {
		d.trusted, d.wasTrusted = e.Time, true
	}
}

// of returns the profile of an account, making one if there is none, and notes
// that something was learned of it at a time.
func (ps *profiles) of(account string, t holdfast.Instant) *profile {
	p := ps.byAccount[account]
	if p == nil {
		p = &profile{last: t}
		account = strings.Clone(account)
		ps.byAccount[account] = p
		ps.visit(account, t)
	}
	p.last = max(p.last, t)
	return p
}

// changed learns of a change to the account: one of its phone number if it names
// another number than the account was known to have.
func (ps *profiles) changed(e *holdfast.Event, key *hashKey) {
	number := key.narrow(e.Phone)
	if number == 0 {
		return
	}
	p := ps.of(e.Account, e.Time)
	if p.phone != 0 && p.phone != number {
		p.phoneChange.saw(e.Time)
	}
	p.phone = number
}

// accept remembers the device of an accepted login.
func (p *profile) accept(e *holdfast.Event, trustAfter time.Duration, key *hashKey) {
	id := e.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	p.devices = slices.DeleteFunc(p.devices, func(d device) bool { return d.forgottenAt(e.Time) })
	if d := p.device(id); d != nil {
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
		id: strings.Clone(id), hash: key.narrow(id), first: e.Time, last: e.Time,
		doubted: p.wasAlarmed && e.Time <= p.alarmed,
	})
}

// start remembers an active session, and what a later event of it adds.
func (p *profile) start(e *holdfast.Event, key *hashKey) {
	id, device := e.Session, e.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	if len(device) > longestIDLen {
		device = ""
	}
	p.sessions = slices.DeleteFunc(p.sessions, func(s session) bool { return s.started < e.Time.Add(-profileSpan) })
	i := slices.IndexFunc(p.sessions, func(s session) bool { return s.id == id })
	if i < 0 {
		if len(p.sessions) == maxSessions && !p.giveUpSession() {
			return
		}
		i = len(p.sessions)
		p.sessions = append(p.sessions, session{id: strings.Clone(id), hash: key.narrow(id), started: e.Time})
	}
	s := &p.sessions[i]
	if s.device == "" {
		s.device, s.deviceHash = strings.Clone(device), key.narrow(e.Device.ID)
	}
	if e.Device.Trusted == holdfast.Trusted && e.Time <= s.started.Add(sessionStart) {
		s.trusted = true
	}
}

// sessionStart is how far apart the events are that tell of one login: what they
// say of the device holds for the session.
const sessionStart = time.Minute

// giveUpSession makes room by forgetting the newest session that is not trusted.
func (p *profile) giveUpSession() bool {
	newest := -1
	for i := range p.sessions {
		if s := &p.sessions[i]; !s.trusted && (newest < 0 || s.started > p.sessions[newest].started) {
			newest = i
		}
	}
	if newest >= 0 {
		p.sessions = slices.Delete(p.sessions, newest, newest+1)
	}
	return newest >= 0
}

// sessions splits the account's active sessions for an alert (DESIGN 5).
// Protected are those whose device was trusted or known before the attack's
// first trace, and those that began trusted before it; suspect is of the rest
// what started since then or belongs to the evidence itself.
func (ps *profiles) sessions(a *firing, lateness time.Duration) holdfast.Sessions {
	p := ps.byAccount[a.alert.Account]
	if p == nil {
		return holdfast.Sessions{}
	}
	var split holdfast.Sessions
	first := a.alert.First
	for i := range p.sessions {
		s := &p.sessions[i]
		d := p.device(s.device)
		out := holdfast.Session{ID: s.id, Device: s.device, Started: s.started}
		switch {
		case s.trusted && s.started < first, d != nil && d.protectedBefore(first, ps.opts.TrustAfter):
			split.Protected = append(split.Protected, out)
		case s.started >= first.Add(-lateness),
			slices.Contains(a.traces.sessions, s.hash),
			s.deviceHash != 0 && slices.Contains(a.traces.devices, s.deviceHash):
			split.Suspect = append(split.Suspect, out)
		}
	}
	return split
}

// disturb notes that a grave alert is open on the account: devices that are not
// known yet don't become so by waiting.
func (ps *profiles) disturb(a *firing) {
	p := ps.of(a.alert.Account, a.alert.Time)
	p.alarmed, p.wasAlarmed = max(p.alarmed, a.openUntil), true
	for i := range p.devices {
		d := &p.devices[i]
		if a.openUntil >= d.first && !d.knownAt(a.alert.Time, ps.opts.TrustAfter) {
			d.doubted = true
		}
	}
}

const day = holdfast.Instant(24 * time.Hour)

// visit lists the account to be looked at when its profile may be forgotten.
func (ps *profiles) visit(account string, last holdfast.Instant) {
	if ps.expiry == nil {
		ps.expiry = make(map[holdfast.Instant][]string)
	}
	due := max(last.Add(profileSpan)/day+1, ps.nextDay)
	ps.expiry[due] = append(ps.expiry[due], account)
}

// expire frees the profiles of accounts that nobody has logged in to for so long
// that nothing of them would be believed.
func (ps *profiles) expire(watermark holdfast.Instant) {
	today := watermark / day
	if today < ps.nextDay {
		return
	}
	for due, accounts := range ps.expiry {
		if due > today {
			continue
		}
		delete(ps.expiry, due)
		for _, account := range accounts {
			if p := ps.byAccount[account]; p.last.Add(profileSpan) < watermark {
				delete(ps.byAccount, account)
			} else {
				ps.visit(account, p.last)
			}
		}
	}
	ps.nextDay = today + 1
}
