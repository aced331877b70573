package simulate

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/workbench/labels"
)

// scenarios are the kinds of attack: those of one account, then the campaigns.
func scenarios() (single, campaigns []scenario) {
	single = []scenario{
		{"story", (*world).story},
		{"burst", (*world).burst},
		{"voice-phishing", (*world).voicePhishing},
		{"code-brute-force", (*world).bruteForce},
		{"sim-swap", (*world).simSwap},
		{"push-fatigue", (*world).pushFatigue},
		{"session-theft", (*world).sessionTheft},
		{"recovery-change", (*world).recoveryChange},
	}
	campaigns = []scenario{
		{"password-stuffing", (*world).stuffing},
		{"low-and-slow", (*world).lowAndSlow},
		{"sms-pumping", (*world).pumping},
	}
	return single, campaigns
}

type scenario struct {
	name  string
	begin func(*world, *assault, holdfast.Instant)
}

// assault is an attack under way: the events become a label.
type assault struct {
	label   labels.Label
	reached []uint64      // the indexes of accounts
	spans   []labels.Span // when each of them was
}

// saw notes an event of the attack.
func (a *assault) saw(s *step) {
	i := slices.Index(a.reached, s.account)
	if i < 0 {
		a.reached = append(a.reached, s.account)
		a.spans = append(a.spans, labels.Span{From: s.at, To: s.at})
		return
	}
	span := &a.spans[i]
	span.From, span.To = min(span.From, s.at), max(span.To, s.at)
}

// got notes that the attacker is in.
func (a *assault) got(at, end holdfast.Instant) {
	if at < end && (a.label.Session == 0 || at < a.label.Session) {
		a.label.Session = at
	}
}

// plan is an attack that is to begin.
type plan struct {
	at       holdfast.Instant
	scenario scenario
	campaign bool
}

// plans draws the attacks: of each scenario as many as of the others.
func (w *world) plans() []plan {
	if w.opts.Attacks == 0 {
		return nil
	}
	single, campaigns := scenarios()
	accountDays := float64(w.opts.Accounts) * float64(w.opts.Days)
	each := 1 + int(accountDays*w.opts.Attacks/1000/float64(len(single)))
	var all []plan
	for _, s := range single {
		for range each {
			all = append(all, plan{at: w.when(6 * time.Hour), scenario: s})
		}
	}
	for _, s := range campaigns {
		for range 1 + each/campaignShare {
			all = append(all, plan{at: w.when(10 * time.Hour), scenario: s, campaign: true})
		}
	}
	slices.SortStableFunc(all, func(a, b plan) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return all
}

// campaignShare is how many attacks of a scenario on single accounts there are for
// a campaign of one of the other scenarios.
const campaignShare = 16

// attackHours is how many attacks begin from hour to hour of UTC, in percent of the
// mean: many attackers have working hours, in many places. A guess.
var attackHours = [24]int{90, 82, 74, 70, 70, 76, 88, 100, 110, 116, 120, 124, 126, 128, 126, 122, 116, 110, 106, 108, 112, 114, 108, 104}

// when an attack begins, at its hour: early enough to be over at the end, and most
// often not on the first day, when nothing is known of anyone.
func (w *world) when(length time.Duration) holdfast.Instant {
	span := w.end.Sub(w.start)
	first := min(30*time.Hour, span/3)
	if w.dice.chance(0.12) {
		first = 0
	}
	const most = 130 // of attackHours
	for {
		at := w.start.Add(w.dice.between(first, max(first, span-length)))
		if w.dice.below(most) < attackHours[int64(at)/int64(time.Hour)%24] {
			return at
		}
	}
}

// strike begins a planned attack.
func (w *world) strike(p plan) {
	a := &assault{label: labels.Label{Scenario: p.scenario.name, Campaign: p.campaign}}
	p.scenario.begin(w, a, p.at)
	if len(a.reached) == 0 {
		return
	}
	l := &a.label
	l.From, l.To = a.spans[0].From, a.spans[0].To
	for i, index := range a.reached {
		l.Accounts = append(l.Accounts, string(appendAccount(nil, index)))
		l.From, l.To = min(l.From, a.spans[i].From), max(l.To, a.spans[i].To)
	}
	if l.Campaign {
		l.Spans = a.spans
	}
	w.labels = append(w.labels, *l)
}

// victim picks an account that is good for an attack. Nine in ten have been seen
// for a day; none is attacked twice, if that can be helped.
func (w *world) victim(at holdfast.Instant, good func(*account) bool) uint32 {
	fresh := w.dice.chance(0.1)
	best := uint32(w.dice.below(len(w.accounts)))
	for try := range 400 {
		index := uint32(w.dice.below(len(w.accounts)))
		a := &w.accounts[index]
		if a.flags&(attacked|signsUp) != 0 || good != nil && !good(a) {
			continue
		}
		best = index
		if fresh || a.seen != 0 && a.seen < at.Add(-24*time.Hour) || try > 200 {
			break
		}
	}
	w.accounts[best].flags |= attacked
	return best
}

// attacker begins an attack on an account: on a device that the account has never
// seen, from a network as others use it. Half are in the owner's country, behind
// somebody's router: addresses of households are for hire.
func (w *world) attacker(a *assault, index uint32, at holdfast.Instant) flow {
	f := w.passerBy(w.accounts[index].city, at)
	f.attack = a
	w.addressed(&f, index)
	w.rotates(&f, w.dice.below(100))
	return f
}

// rotates gives the attacker another address, of the same kind.
func (w *world) rotates(f *flow, sort int) {
	d := w.dice
	city := w.atlas.networks[f.client.network].city
	var n uint8
	switch {
	case sort < 50:
		n = pick(d, w.atlas.fixed[city])
	case sort < 62:
		n = pick(d, w.atlas.mobile[city])
	case sort < 82:
		n = pick(d, w.atlas.exits)
	default:
		n = pick(d, w.atlas.fixed[w.anywhere()])
	}
	f.client = client{n, w.atlas.networks[n].address(d.source.Uint64())}
}

// moves gives the attacker another address of the same network.
func (w *world) moves(f *flow) {
	f.client.address = w.atlas.networks[f.client.network].address(w.dice.source.Uint64())
}

// takesOver is a login of the attacker's, and what follows: three in four change
// what the owner would get the account back with. Some owners notice, and log
// the stranger out.
func (w *world) takesOver(f *flow, index uint32, changes float64) {
	f.starts()
	f.attack.got(f.at, w.end)
	w.plunders(f, index, changes)
}

// plunders is what an attacker does with a session, and what the owner does then.
func (w *world) plunders(f *flow, index uint32, changes float64) {
	d := w.dice
	if d.chance(changes) {
		f.wait(30*time.Second, 20*time.Minute)
		for p := 1.0; d.chance(p); p = 0.35 {
			w.locksOut(f, index)
			f.wait(20*time.Second, 6*time.Minute)
		}
	}
	noticed := d.chance(0.3)
	until := f.at.Add(d.between(10*time.Minute, 8*time.Hour))
	if d.chance(0.55) { // comes back to it, as owners do to theirs
		w.returns(f, until)
	}
	if noticed {
		w.notices(index, f.session, until)
	}
}

// locksOut is a change of what the owner would get the account back with; the
// address for mail first of all.
func (w *world) locksOut(f *flow, index uint32) {
	what := pick(w.dice, []detail{
		newEmail, newEmail, newEmail, newPassword, newPassword, newPassword,
		newSecondFactor, newSecondFactor, newRecovery, newRecovery, newNumber,
	})
	if what == newNumber {
		theirs := f.phone
		f.phone = newPhone(w.accounts[index].city, w.dice.source.Uint64()>>32)
		defer func() { f.phone = theirs }() // support gives the account its number back
	}
	w.changes(f, what)
}

// returns is the session's use in the hours after it began.
func (w *world) returns(f *flow, until holdfast.Instant) {
	for range w.dice.from(1, 4) {
		later := f.at.Add(w.dice.between(3*time.Minute, 2*time.Hour))
		if later >= until {
			return
		}
		f.at = later
		if w.dice.chance(0.25) {
			w.moves(f)
		}
		f.does(sessionSeen)
	}
}

// notices is an owner who finds a stranger's session, and ends it.
func (w *world) notices(index uint32, theirs uint64, at holdfast.Instant) {
	a := &w.accounts[index]
	o := w.owner(index, at, 0)
	if own := a.session(0, o.at); own != nil {
		o.session = own.id
		o.doesWith(accountChanged, newPassword)
		o.wait(5*time.Second, time.Minute)
	}
	o.session = theirs
	o.doesWith(sessionEnded, ended)
	for i := range a.sessions { // a stolen one was the owner's, too
		if a.sessions[i].id == theirs {
			a.sessions[i].ends = o.at
		}
	}
}
