package demo

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

const (
	// firstAttack is when the first attack begins: soon, for whoever has just
	// started the demo.
	firstAttack = 3 * time.Second

	// The story takes nine minutes. On the stage it is played faster, in about
	// a minute; the first time faster still.
	storySpeed      = 9
	firstStorySpeed = 18
)

// line is one event of the story.
type line struct {
	after   time.Duration // since the first code was asked for
	typ     string
	channel string // of the code
	code    int    // which code it is about, from 1; 0 is none
	owner   bool   // done by the owner, on her own phone
	scene   string // may be empty; {account} and {place} are filled in
}

// story is the attack that Holdfast exists for, as it happened to somebody, with
// its real times: codes by SMS that the owner never asked for, then a call that
// reads one out, wrong codes, and a right one. The owner of the real story
// noticed in time. What the attacker does with the session at the end comes to
// nothing if the service ends it before.
var story = []line{
	{0, holdfast.TypeCodeRequested, "sms", 1, false, "somebody at an address in {place} asks for a login code by SMS for {account}, who knows nothing of it"},
	{3 * time.Second, holdfast.TypeCodeDelivered, "sms", 1, false, ""},
	{2*time.Minute + 5*time.Second, holdfast.TypeCodeRequested, "sms", 2, false, "a second SMS code for {account}"},
	{2*time.Minute + 8*time.Second, holdfast.TypeCodeDelivered, "sms", 2, false, ""},
	{2*time.Minute + 40*time.Second, holdfast.TypeCodeRejected, "sms", 2, false, "the attacker guesses: a wrong code"},
	{4*time.Minute + 10*time.Second, holdfast.TypeCodeRequested, "sms", 3, false, "a third SMS code for {account}"},
	{4*time.Minute + 13*time.Second, holdfast.TypeCodeDelivered, "sms", 3, false, ""},
	{4*time.Minute + 30*time.Second, holdfast.TypeCodeRejected, "sms", 3, false, "a wrong code again"},
	{6 * time.Minute, holdfast.TypeCodeRequested, "voice", 4, false, "now a voice call is to read {account} a code"},
	{6*time.Minute + 10*time.Second, holdfast.TypeCodeDelivered, "voice", 4, false, ""},
	{6*time.Minute + 50*time.Second, holdfast.TypeCodeRejected, "voice", 4, false, "a third wrong code"},
	{7*time.Minute + 20*time.Second, holdfast.TypeCodeAccepted, "voice", 4, false, "this time the code is right"},
	{7*time.Minute + 21*time.Second, holdfast.TypeSessionStarted, "", 0, false, "the attacker is in: a session of {account} starts on a strange device in {place}"},
	{9 * time.Minute, holdfast.TypeLoginSucceeded, "", 0, true, "{account} opens the app, on the phone that has been theirs for weeks"},
	{11 * time.Minute, "x.chats.exported", "", 0, false, "nobody stopped it: the attacker copies the chats of {account}"},
	{20 * time.Minute, holdfast.TypeSessionEnded, "", 0, false, "the attacker logs out of the account of {account}"},
}

// storyOver is when the owner is left alone again.
const storyOver = 9 * time.Minute

// origins are where the attacks come from, in turn.
var origins = []struct {
	place  string
	client holdfast.Client
	device string // its name
}{
	{"Nigeria", holdfast.Client{IP: "203.0.113.66", Country: "NG", ASN: 64504, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Lat: 6.52, Lon: 3.38}, "Firefox on Linux"},
	{"Romania", holdfast.Client{IP: "203.0.113.129", Country: "RO", ASN: 64505, UserAgent: "Mozilla/5.0 (Windows NT 10.0)", Lat: 44.43, Lon: 26.10}, "Chrome on Windows"},
	{"Brazil", holdfast.Client{IP: "203.0.113.7", Country: "BR", ASN: 64506, UserAgent: "Mozilla/5.0 (Windows NT 10.0)", Lat: -23.55, Lon: -46.63}, "Edge on Windows"},
	{"the Netherlands", holdfast.Client{IP: "203.0.113.201", Country: "NL", ASN: 64507, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Lat: 52.37, Lon: 4.90}, "Chrome on Linux"},
	{"Vietnam", holdfast.Client{IP: "203.0.113.30", Country: "VN", ASN: 64508, UserAgent: "Mozilla/5.0 (Windows NT 6.1)", Lat: 21.03, Lon: 105.85}, "Chrome on Windows"},
	{"the United States", holdfast.Client{IP: "203.0.113.92", Country: "US", ASN: 64509, UserAgent: "Mozilla/5.0 (Macintosh)", Lat: 34.05, Lon: -118.24}, "Safari on a Mac"},
}

// attack begins round n, against whoever's turn it is, and schedules the next.
// The turn goes round all accounts, as the rules stay silent for hours about an
// account once they have spoken.
func (s *Stage) attack(n int, due time.Duration) {
	next := due + s.opts.AttackEvery
	s.schedule.add(next, func() { s.attack(n+1, next) })

	turn := slices.IndexFunc(s.victims, func(p *person) bool { return p.busyUntil <= due })
	if turn < 0 {
		return // everybody is there just now: what they do would blur the story
	}
	victim := s.victims[turn]
	s.victims = append(slices.Delete(s.victims, turn, turn+1), victim)

	speed := time.Duration(storySpeed)
	if n == 0 {
		speed = firstStorySpeed
	}
	victim.busyUntil = due + storyOver/speed
	s.perform(due, s.round(n, victim, speed))
	s.keepAway(next)
}

// keepAway lets those whose turn is next, in an attack at the given time and in
// the one after, come no more before it.
func (s *Stage) keepAway(attack time.Duration) {
	for _, p := range s.victims[:min(2, len(s.victims))] {
		p.busyUntil = max(p.busyUntil, attack)
		attack += s.opts.AttackEvery
	}
}

// round is the story with its parts cast: the nth attacker against a victim.
func (s *Stage) round(n int, victim *person, speed time.Duration) script {
	from := origins[n%len(origins)]
	attacker := holdfast.Event{
		Account: victim.Account, Client: from.client,
		Device: holdfast.Device{ID: s.name("web"), Trusted: holdfast.Untrusted, Platform: "web", Name: from.device},
	}
	owner := victim.with(victim.phone, victim.session)
	session := s.name("s")
	attempts := map[int]string{}
	fill := strings.NewReplacer("{account}", victim.Account, "{place}", from.place)

	played := make(script, len(story))
	for i, l := range story {
		e := attacker
		switch {
		case l.owner:
			e = owner
		case l.code > 0:
			if attempts[l.code] == "" {
				attempts[l.code] = s.name("a")
			}
			e.Channel, e.Purpose, e.Attempt, e.Phone = l.channel, "login", attempts[l.code], victim.Phone
		default:
			e.Session = session
		}
		e.Type = l.typ
		played[i] = beat{after: l.after / speed, event: e, scene: fill.Replace(l.scene)}
	}
	return played
}
