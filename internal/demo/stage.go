package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// StageOptions configure a [Stage].
type StageOptions struct {
	// Seed chooses what happens: the same seed gives the same events at the same
	// moments after the start, with the same ids.
	Seed uint64

	// Accounts is how many accounts there are, at most 1000. Each gives about
	// one event in ten seconds. Defaults to 200.
	Accounts int

	// Owner is the account that is attacked first. Defaults to "ana".
	Owner string

	// Pace is how much faster than usual everything happens, the attacks
	// included. Defaults to 1.
	Pace float64

	// AttackEvery is the time between the beginnings of two attacks, at pace 1.
	// Defaults to 75s.
	AttackEvery time.Duration

	// OnScene is told what the attacker and the owner are doing, just before the
	// events of it are produced. It is called by Run's goroutine and should
	// return soon. Defaults to nobody.
	OnScene func(Scene)
}

// Event is one event of the stage, as it goes to the broker.
type Event struct {
	Key   string    // the account
	Value []byte    // canonical JSON
	Time  time.Time // the event's own time: now, or long past for what was before the start
}

// Scene is one moment of an attack, told to whoever watches.
type Scene struct {
	Time    time.Time
	Account string // whose account is attacked
	Text    string // one sentence, without a full stop
}

// Stage is the online service of the demo and all that happens there: people who
// log in and out, and an attacker who goes through their accounts, one after
// the other. Nothing in the people's own doings gives an alert of level high.
type Stage struct {
	opts     StageOptions
	people   []*person
	choices  *rand.Rand // what happens
	ids      *rand.Rand // what it is called; apart, so that EndSession changes no choice
	start    time.Time  // the moment 0 of the schedule
	schedule schedule
	victims  []*person                 // in the order of their turn
	live     map[string]holdfast.Event // session id: the event that started it
	endings  chan ending

	events []Event // not produced yet
	scenes []Scene // not told yet
}

// ending is an order to end a session.
type ending struct{ account, session string }

// lag is how late the stage may be before it lets time pass over instead of
// catching up: a laptop that slept for an hour should not wake to an hour's
// events at once.
const lag = 10 * time.Second

// NewStage returns a stage on which nothing has happened yet.
func NewStage(opts StageOptions) (*Stage, error) {
	if opts.Accounts == 0 {
		opts.Accounts = 200
	}
	if opts.Owner == "" {
		opts.Owner = "ana"
	}
	if opts.Pace == 0 {
		opts.Pace = 1
	}
	if opts.AttackEvery == 0 {
		opts.AttackEvery = 75 * time.Second
	}
	if opts.OnScene == nil {
		opts.OnScene = func(Scene) {}
	}
	switch {
	case opts.Accounts < 0 || opts.Accounts > maxAccounts:
		return nil, fmt.Errorf("a stage has 1 to %d accounts, not %d", maxAccounts, opts.Accounts)
	case opts.Pace < 0 || opts.AttackEvery < 0:
		return nil, errors.New("a stage's pace and the time between two attacks are not negative")
	}
	s := &Stage{
		opts:    opts,
		choices: rand.New(rand.NewPCG(opts.Seed, 1)), //nolint:gosec // a seed is to make the same stage again
		ids:     rand.New(rand.NewPCG(opts.Seed, 2)), //nolint:gosec // likewise
		live:    map[string]holdfast.Event{},
		endings: make(chan ending, 64),
	}
	s.people = s.cast()
	s.victims = append(s.victims, s.people...)
	return s, nil
}

// Contacts returns the people's entries in the service's directory, the owner's
// first.
func (s *Stage) Contacts() []Contact {
	contacts := make([]Contact, len(s.people))
	for i, p := range s.people {
		contacts[i] = p.Contact
	}
	return contacts
}

// EndSession has the service end a session, as an attentive service would on
// Holdfast's request: the event of it follows, and whoever used the session does
// nothing more with it. A session that is not active is left alone. It reports
// whether the stage took the order; false means to try again later.
func (s *Stage) EndSession(account, session string) bool {
	select {
	case s.endings <- ending{account, session}:
		return true
	default:
		return false
	}
}

// Run plays until ctx ends, and then returns nil. It first produces what was
// before: the people's logins of the past weeks. It runs once.
//
// Events come in the order of their time. The error is that of produce, which is
// not tried again.
func (s *Stage) Run(ctx context.Context, produce func(ctx context.Context, events []Event) error) error {
	s.start = wallClock()
	s.open()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		if err := s.deliver(ctx, produce); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("producing the stage's events: %w", err)
		}
		next.Reset(time.Until(s.at(s.schedule.next())))
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.endings:
			now := wallClock()
			s.play(now)
			s.end(e, now)
		case <-next.C:
			s.play(wallClock())
		}
	}
}

// play lets everything happen that is due.
func (s *Stage) play(now time.Time) {
	if late := now.Sub(s.at(s.schedule.next())); late > lag {
		s.start = s.start.Add(late)
	}
	for !s.at(s.schedule.next()).After(now) {
		s.schedule.pop().play()
	}
}

// deliver tells the scenes and produces the events that have come together.
func (s *Stage) deliver(ctx context.Context, produce func(context.Context, []Event) error) error {
	for _, scene := range s.scenes {
		s.opts.OnScene(scene)
	}
	s.scenes = nil
	if len(s.events) == 0 {
		return nil
	}
	events := s.events
	s.events = nil
	return produce(ctx, events)
}

// at is the moment on the wall clock at which something is due.
func (s *Stage) at(due time.Duration) time.Time {
	return s.start.Add(time.Duration(float64(due) / s.opts.Pace))
}

// wallClock is now, without the monotonic reading, which stands still while a
// computer sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// perform puts a script on the schedule and returns when it is over.
func (s *Stage) perform(start time.Duration, beats script) time.Duration {
	end := start
	for _, b := range beats {
		due := start + b.after
		end = max(end, due)
		s.schedule.add(due, func() {
			at := s.at(due)
			if s.emit(at, b.event) && b.scene != "" {
				s.scenes = append(s.scenes, Scene{Time: at, Account: b.event.Account, Text: b.scene})
			}
		})
	}
	return end
}

// emit makes an event happen, and reports whether it did: what somebody would do
// with a session that has ended does not.
func (s *Stage) emit(at time.Time, e holdfast.Event) bool {
	_, active := s.live[e.Session]
	switch e.Type {
	case holdfast.TypeSessionStarted:
		s.live[e.Session] = e
	case holdfast.TypeLoginSucceeded: // comes just before its session starts
	case holdfast.TypeSessionEnded:
		if !active {
			return false
		}
		delete(s.live, e.Session)
	default:
		if e.Session != "" && !active {
			return false
		}
	}
	at = at.Truncate(time.Millisecond)
	e.ID = s.uuid()
	e.Time = holdfast.Instant(at.UnixNano())
	s.events = append(s.events, Event{Key: e.Account, Value: intake.Append(nil, &e), Time: at})
	return true
}

// end ends a session on the service's side.
func (s *Stage) end(order ending, now time.Time) {
	session, active := s.live[order.session]
	if !active || session.Account != order.account {
		return
	}
	s.emit(now, holdfast.Event{
		Type: holdfast.TypeSessionEnded, Account: session.Account, Session: session.Session, Device: session.Device,
	})
	s.scenes = append(s.scenes, Scene{Time: now, Account: session.Account, Text: fmt.Sprintf("the service ends the session on %q", session.Device.Name)})
}

// uuid names an event.
func (s *Stage) uuid() string {
	high, low := s.ids.Uint64(), s.ids.Uint64()
	high = high&^0xf000 | 0x4000     // version 4
	low = low&^(0b11<<62) | 0b10<<62 // variant of RFC 9562
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&(1<<48-1))
}

// name makes up a name, such as "s-81c0ffee".
func (s *Stage) name(kind string) string { return fmt.Sprintf("%s-%08x", kind, s.ids.Uint32()) }
