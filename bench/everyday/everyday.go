// Package everyday makes up the events of an online service: mostly people who
// log in, now and then an attack. The same options give the same events, byte
// for byte. It is made for measuring; nothing in it is meant to fool a detector.
package everyday

import (
	"math/rand/v2"
	"time"

	"github.com/holdfastd/holdfast"
)

// Options say what traffic is made up. Every zero value has a default.
type Options struct {
	// Accounts is how many accounts there are. Defaults to 100,000.
	Accounts int
	// Seed tells one service from another. Defaults to 1.
	Seed uint64
	// Start is the time of the first event. Defaults to 2026-11-01.
	Start time.Time
	// Rate is the number of events per second of event time. Defaults to 58,
	// which makes 5 million a day.
	Rate float64
	// Attacks is the share of episodes that are attacks. Defaults to 0.001.
	Attacks float64
	// InTurn makes each episode that of the next account, so that all have been
	// seen after as many episodes as there are accounts. Otherwise half of
	// the episodes are in turn, and of the other half most are of few accounts.
	InTurn bool
}

// perEpisode is about how many events an episode has, on average.
const perEpisode = 3.2

// Traffic is an endless stream of events, in the order in which they arrive:
// nearly that of their times. It is not safe for concurrent use.
type Traffic struct {
	opts     Options
	random   *rand.Rand
	clock    holdfast.Instant // when the next episode begins
	gap      float64          // nanoseconds between two episodes, on average
	episodes uint64           // begun so far
	pending  queue
	steps    uint64 // put into it so far
	again    step   // to be delivered twice
	repeat   bool
}

// New returns the traffic from its beginning on.
func New(opts Options) *Traffic {
	if opts.Accounts <= 0 {
		opts.Accounts = 100_000
	}
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	if opts.Start.IsZero() {
		opts.Start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	if opts.Rate <= 0 {
		opts.Rate = 58
	}
	if opts.Attacks <= 0 {
		opts.Attacks = 0.001
	}
	return &Traffic{
		opts:   opts,
		random: rand.New(rand.NewPCG(opts.Seed, 0)), //nolint:gosec // to be repeated, not to be secret
		clock:  holdfast.Instant(opts.Start.UnixNano()),
		gap:    perEpisode / opts.Rate * float64(time.Second),
	}
}

// Next makes the next event. Its strings stay valid; its Attrs until the next
// call with the same e.
func (t *Traffic) Next(e *holdfast.Event) {
	if t.repeat {
		t.repeat = false
		t.write(&t.again, e)
		return
	}
	for len(t.pending) == 0 || t.pending[0].arrives > t.clock {
		t.begin()
	}
	s := t.pending.pop()
	if t.chance(0.001) { // as producers do after a time-out
		t.again, t.repeat = s, true
	}
	t.write(&s, e)
}

// begin puts the steps of another episode into the queue.
func (t *Traffic) begin() {
	t.episodes++
	ep := episode{
		Traffic: t, number: t.episodes, at: t.clock,
		who: who{account: t.account()},
	}
	if t.chance(t.opts.Attacks) {
		ep.attack()
	} else {
		ep.live()
	}
	t.clock = t.clock.Add(time.Duration(t.gap * 2 * t.random.Float64()))
}

// account is whose episode it is.
func (t *Traffic) account() uint32 {
	n := uint64(t.opts.Accounts)
	if t.opts.InTurn || t.episodes%2 == 0 {
		turn := t.episodes
		if !t.opts.InTurn {
			turn /= 2
		}
		return uint32(turn % n)
	}
	u := t.random.Float64()
	return uint32(u * u * float64(n))
}

// step is one event that is to happen.
type step struct {
	at, arrives holdfast.Instant
	order       uint64 // among those that arrive at the same time
	episode     uint64
	who         who
	kind        string
	channel     string
	purpose     string
}

// who takes part in a step.
type who struct {
	account  uint32
	device   uint8  // the account's first, second …
	attacker uint32 // 0: the owner
	roaming  bool   // not on the usual network
}

// episode is what one account, or one attacker, does in one go.
type episode struct {
	*Traffic
	number  uint64
	at      holdfast.Instant
	who     who
	purpose string
	channel string
}

// after puts an event into the queue that happens up to a while after the one
// before.
func (ep *episode) after(while time.Duration, kind string) {
	ep.at = ep.at.Add(time.Duration(float64(while) * (0.1 + 0.9*ep.random.Float64())))
	s := step{at: ep.at, episode: ep.number, who: ep.who, kind: kind, purpose: ep.purpose}
	switch kind {
	case holdfast.TypeCodeRequested, holdfast.TypeCodeDelivered, holdfast.TypeCodeDeliveryFailed,
		holdfast.TypeCodeAccepted, holdfast.TypeCodeRejected, holdfast.TypeCodeExpired:
		s.channel = ep.channel
	}
	s.arrives = ep.at.Add(ep.delay())
	ep.steps++
	s.order = ep.steps
	ep.pending.push(s)
}

// delay is how long an event takes from where it happens to the topic. The
// slowest ones come behind the watermark.
func (t *Traffic) delay() time.Duration {
	d := time.Duration(t.random.Float64() * float64(2*time.Millisecond))
	switch u := t.random.Float64(); {
	case u < 0.0005:
		d += time.Duration(t.random.Float64() * float64(30*time.Second))
	case u < 0.01:
		d += time.Duration(t.random.Float64() * float64(3*time.Second))
	}
	return d
}

// chance is true with a probability.
func (t *Traffic) chance(p float64) bool { return t.random.Float64() < p }
