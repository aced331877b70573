package demo

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

const day = 24 * time.Hour

// rareDevice is the least time between two new devices of a person. It keeps
// requests from untrusted devices, which are what rules on codes look for,
// further apart than those rules look back.
const rareDevice = 30 * time.Minute

// open produces what was before the start, and schedules everybody's first
// entrance.
func (s *Stage) open() {
	var past script
	for _, p := range s.people {
		past = append(past, s.history(p)...)
	}
	slices.SortStableFunc(past, func(a, b beat) int { return cmp.Compare(a.after, b.after) })
	for _, b := range past {
		s.emit(s.start.Add(b.after), b.event)
	}

	for _, p := range s.people {
		s.enter(p, s.between(0, 60*time.Second))
	}
	s.schedule.add(firstAttack, func() { s.attack(0, firstAttack) })
	s.keepAway(firstAttack)
}

// history is a person's past, before the start: the phone's login some weeks
// ago, the computer's some days ago, and a few uses of the last hour.
func (s *Stage) history(p *person) script {
	var h script
	phone := p.with(p.phone, p.session)
	weeks := -s.between(20*day, 60*day)
	h.add(weeks, phone, holdfast.TypeLoginSucceeded)
	h.add(weeks+time.Second, phone, holdfast.TypeSessionStarted)

	login := p.with(p.computer, "")
	login.Device.Trusted = holdfast.Untrusted
	login.Channel, login.Purpose, login.Attempt = "app", "login", s.name("a")
	days := -s.between(2*day, 15*day)
	h.add(days, login, holdfast.TypeCodeRequested)
	h.add(days+20*time.Second, login, holdfast.TypeCodeAccepted)
	session := p.with(p.computer, s.name("s"))
	h.add(days+21*time.Second, session, holdfast.TypeSessionStarted)
	h.add(days+s.between(time.Hour, day), session, holdfast.TypeSessionEnded)

	for range 3 {
		h.add(-s.between(time.Minute, time.Hour), phone, s.use())
	}
	return h
}

// enter schedules a person's next time at the service: soon, if nothing else
// keeps them busy then.
func (s *Stage) enter(p *person, due time.Duration) {
	s.schedule.add(due, func() {
		if due >= p.busyUntil {
			p.busyUntil = s.perform(due, s.sitting(p, s.at(due)))
		}
		s.enter(p, p.busyUntil+s.between(10*time.Second, 50*time.Second))
	})
}

// sitting is one time at the service, a minute or so: on the phone, which is
// logged in, or on the computer, with a login first and the session's end last.
func (s *Stage) sitting(p *person, now time.Time) (visit script) {
	if s.chance(0.3) {
		s.stay(&visit, p.with(p.phone, p.session))
		return visit
	}
	if s.chance(0.02) && now.Sub(p.newDevice) > rareDevice {
		p.computer, p.newDevice = s.device("computer", computers), now
	}
	entered := s.login(&visit, p)
	p.computer.Trusted = holdfast.Trusted
	if !entered {
		return visit
	}
	session := p.with(p.computer, s.name("s"))
	after := visit.end() + s.between(200*time.Millisecond, 900*time.Millisecond)
	visit.add(after, session, holdfast.TypeLoginSucceeded)
	visit.add(after+100*time.Millisecond, session, holdfast.TypeSessionStarted)
	s.stay(&visit, session)
	visit.add(visit.end()+s.between(time.Second, 10*time.Second), session, holdfast.TypeSessionEnded)
	return visit
}

// stay is what somebody does with a session.
func (s *Stage) stay(visit *script, session holdfast.Event) {
	for range 3 + s.choices.IntN(5) {
		visit.add(visit.end()+s.between(3*time.Second, 12*time.Second), session, s.use())
	}
}

// login is the way in on the computer, and whether it leads there.
func (s *Stage) login(way *script, p *person) (entered bool) {
	code := p.with(p.computer, "")
	trusted := p.computer.Trusted == holdfast.Trusted
	if trusted && s.chance(0.3) { // with a password
		if s.chance(0.1) {
			way.add(0, code, holdfast.TypeLoginFailed)
			way.add(s.between(3*time.Second, 9*time.Second), code, holdfast.TypeLoginFailed)
		}
		return true
	}

	code.Channel = []string{"sms", "sms", "app", "email"}[s.choices.IntN(4)]
	code.Purpose, code.Phone = "login", p.Phone
	code.Attempt = s.request(way, code, 0)
	if trusted && s.chance(0.02) { // never mind
		way.add(2*time.Minute, code, holdfast.TypeCodeExpired)
		return false
	}
	if trusted && s.chance(0.05) { // it seems not to arrive
		code.Attempt = s.request(way, code, way.end()+s.between(15*time.Second, 25*time.Second))
	}
	if s.chance(0.08) { // a slip of the finger
		way.add(way.end()+s.between(3*time.Second, 8*time.Second), code, holdfast.TypeCodeRejected)
	}
	way.add(way.end()+s.between(3*time.Second, 12*time.Second), code, holdfast.TypeCodeAccepted)
	return true
}

// request is a code on its way, as an attempt of its own, which it returns.
func (s *Stage) request(way *script, code holdfast.Event, after time.Duration) (attempt string) {
	code.Attempt = s.name("a")
	way.add(after, code, holdfast.TypeCodeRequested)
	way.add(after+s.between(300*time.Millisecond, 2500*time.Millisecond), code, holdfast.TypeCodeDelivered)
	return code.Attempt
}

// use is something that people do once they are in.
func (s *Stage) use() string {
	uses := [...]string{"x.message.sent", "x.message.sent", "x.chat.opened", "x.call.started"}
	return uses[s.choices.IntN(len(uses))]
}

// with is an event of the person's, short of its type.
func (p *person) with(device holdfast.Device, session string) holdfast.Event {
	return holdfast.Event{
		Account: p.Account, Session: session, Device: device, Client: p.client,
		Attrs: []holdfast.Attr{{Name: "app_version", Value: "9.1"}},
	}
}

func (s *script) add(after time.Duration, e holdfast.Event, typ string) {
	e.Type = typ
	*s = append(*s, beat{after: after, event: e})
}

// end is the time of the last event so far.
func (s script) end() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].after
}

// between is a time from lo to hi, by chance.
func (s *Stage) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.choices.Int64N(int64(hi-lo)))
}

func (s *Stage) chance(share float64) bool { return s.choices.Float64() < share }
