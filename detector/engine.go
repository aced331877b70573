// Package detector is the engine: events of one partition go in, in offset
// order, and alerts come out. Whatever it does is a function of its input:
// event times are its only clock, so that a replay of the same log gives the
// same alerts with the same ids. It must never reach for a network, a disk or
// the time of day.
package detector

import (
	"errors"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// Options configure an [Engine].
type Options struct {
	// Partition is the partition whose events the engine sees.
	Partition int32
	// Rules are the rules it applies. Required.
	Rules *rules.Set
	// Lateness is how far the watermark stays behind the newest event.
	// Defaults to 5s.
	Lateness time.Duration
	// MaxLateness is how long beyond its span the state of a group is kept for
	// late events. Defaults to 15m.
	MaxLateness time.Duration
	// TrustAfter is how old a device's first accepted login must be for the
	// device to be known. Defaults to 24h.
	TrustAfter time.Duration
	// MaxEntries caps what a group remembers. Defaults to 10000.
	MaxEntries int
	// MaxGroups caps the groups that a rule remembers: when there are more,
	// those with a single event go first, and those with an alert that is held
	// or open last. Defaults to 1000000.
	MaxGroups int
}

// WithDefaults returns the options with each setting that is not given at its
// default.
func (opts Options) WithDefaults() Options {
	if opts.Lateness == 0 {
		opts.Lateness = 5 * time.Second
	}
	if opts.MaxLateness == 0 {
		opts.MaxLateness = 15 * time.Minute
	}
	if opts.TrustAfter == 0 {
		opts.TrustAfter = 24 * time.Hour
	}
	if opts.MaxEntries == 0 {
		opts.MaxEntries = rules.MaxCount
	}
	if opts.MaxGroups == 0 {
		opts.MaxGroups = 1_000_000
	}
	return opts
}

// Input is an event and where it came from.
type Input struct {
	Event  *holdfast.Event // read during Process only
	Offset int64
	// Broker is the record's broker time, up to which the event may move the
	// watermark. 0: none, as in a file.
	Broker holdfast.Instant

	// Where several engines share the events of one partition by account: up to
	// where the events before this one have moved the watermark, 0 if there is
	// nothing to say, and whether the event is known not to be one of those that are
	// delivered twice; see [Duplicates].
	Watermark holdfast.Instant
	Single    bool
}

// Engine holds the state of one partition. It is not safe for concurrent use:
// one goroutine owns it.
type Engine struct {
	opts Options
	key  hashKey

	// The state, which a snapshot keeps.
	arena     memory.Arena
	groupings []*grouping // the first is that by account
	recent    recent
	watermark holdfast.Instant
	started   bool     // the watermark has a value
	events    uint64   // taken in so far
	serial    uint64   // of the alert that was held last
	names     []string // ids of rules, by the numbers that evidence names them by

	rules     []*ruleState
	owners    []*ruleState // by owner; the first is none
	sharing   *expression.Sharing
	plans     map[string]*plan          // by type of event
	general   *plan                     // for all further types
	ask       func(*expression.Profile) // for the profile of the event at hand
	deadlines deadlines
	frozen    *Snapshot // that shares the state, nil if there is none
	queue     []firing
	stats     Stats
	watch     *watch // nil if nobody watches

	// Memory that is used again from event to event.
	scope     scope
	places    []place
	profile   profile
	loaded    uint32 // 1 + the record whose profile it is
	tuple     tuple
	entry     entry
	list      entries
	refs      []memory.Ref
	dueNow    []uint32
	present   []uint16
	words     []uint64
	text      []byte
	different hashSet
	ahead     [lookAhead]ahead
	touched   uint64 // keeps the reads of what lies ahead from being left out
}

// Stats counts what the engine met. The counts only grow.
type Stats struct {
	Events     int64 // processed, duplicates not counted
	Duplicates int64
	Late       int64 // behind the watermark
	Overflowed int64 // entries dropped because a group was full
	Evicted    int64 // groups dropped because a rule had too many
}

// New returns an engine with no state.
func New(opts Options) (*Engine, error) {
	if opts.Rules == nil {
		return nil, errors.New("the engine needs a set of rules")
	}
	e := &Engine{opts: opts.WithDefaults(), key: newHashKey()}
	e.ask = func(p *expression.Profile) { *p = e.view(&e.scope) }
	e.SetRules(opts.Rules)
	return e, nil
}

// Configure puts other settings and rules in force from the next event on, as
// SetRules does with rules alone. The partition stays. What is remembered beyond
// a bound that is lower now goes as new events come.
func (e *Engine) Configure(opts Options) {
	opts.Partition = e.opts.Partition
	e.opts = opts.WithDefaults()
	e.SetRules(opts.Rules)
}

// SetRules puts a new set of rules in force from the next event on. A rule that
// detects what it did before (the same id and version) keeps its state.
func (e *Engine) SetRules(set *rules.Set) {
	before := make(map[string]*ruleState, len(e.rules))
	for _, r := range e.rules {
		before[r.rule.ID] = r
	}
	var next, reopened []*ruleState
	for _, rule := range set.Rules {
		if rule.Status == holdfast.Deprecated {
			continue
		}
		r := newRuleState(rule, set)
		if old := before[rule.ID]; old != nil && old.rule.Version == rule.Version {
			r.owner, r.stored, r.hand, r.victims = old.owner, old.stored, old.hand, old.victims
			delete(before, rule.ID)
			if old.rule.Status != rule.Status {
				reopened = append(reopened, r)
			}
		}
		next = append(next, r)
	}
	for _, r := range before {
		e.purge(r)
	}
	e.rules = next
	e.group()
	e.makePlans()
	for _, r := range reopened {
		r.reopen(e)
	}
	e.deadlines.rebuild(e)
}

// purge drops all that a rule remembers.
func (e *Engine) purge(r *ruleState) {
	r.victims = nil
	for record := range r.grouping.Records() {
		if r.stored == 0 {
			return
		}
		if r.grouping.Used(record) {
			g := e.look(r, &place{exists: true, record: record})
			e.abandon(&g)
		}
	}
}

// group gives each rule its grouping, the number that owns its chunks, and the
// number of its name. Groupings that no rule needs are dropped.
func (e *Engine) group() {
	known := make(map[string]*grouping, len(e.groupings))
	for _, t := range e.groupings {
		known[t.name] = t
	}
	account, _ := expression.FieldNamed("account")
	e.groupings = nil
	number := make(map[string]int)
	grouped := func(fields []expression.Field) int {
		name := nameOf(fields)
		i, ok := number[name]
		if !ok {
			t := known[name]
			if t == nil {
				t = &grouping{name: name}
			}
			t.fields = fields
			i = len(e.groupings)
			number[name] = i
			e.groupings = append(e.groupings, t)
		}
		return i
	}
	grouped([]expression.Field{account})
	e.owners = make([]*ruleState, 1, len(e.rules)+1)
	for _, r := range e.rules {
		if r.owner != 0 {
			e.owners = append(e.owners, make([]*ruleState, max(0, int(r.owner)+1-len(e.owners)))...)
			e.owners[r.owner] = r
		}
	}
	for _, r := range e.rules {
		r.table = grouped(r.rule.GroupBy)
		r.grouping = e.groupings[r.table]
		if r.owner == 0 {
			i := slices.Index(e.owners[1:], nil) + 1
			if i == 0 {
				i = len(e.owners)
				e.owners = append(e.owners, nil)
			}
			r.owner, e.owners[i] = uint16(i), r
		}
		if i := slices.Index(e.names, r.rule.ID); i >= 0 {
			r.name = uint32(i)
		} else {
			r.name = uint32(len(e.names))
			e.names = append(e.names, r.rule.ID)
		}
	}
	e.places = make([]place, len(e.groupings))
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats { return e.stats }

// GroupsBegun is how many groups the rule has begun to remember that has begun the
// most, those included that are forgotten: as long as it is no more than MaxGroups,
// none has had to go.
func (e *Engine) GroupsBegun() int {
	most := 0
	for _, r := range e.rules {
		most = max(most, r.begun)
	}
	return most
}

// Watermark returns the time up to which the partition is taken to be complete,
// and whether there is one yet.
func (e *Engine) Watermark() (holdfast.Instant, bool) { return e.watermark, e.started }

// process takes in an event of which some things have been worked out.
func (e *Engine) process(in *Input, a *ahead, out *Output) {
	if e.frozen != nil {
		e.thaw()
	}
	if in.Event.ID != "" && !in.Single && e.recent.Seen(a.self) {
		e.stats.Duplicates++
		return
	}
	e.stats.Events++
	e.events++
	e.advance(in)
	e.pass(e.watermark, false, out)

	s := &e.scope
	*s = scope{
		Scope:    expression.Scope{Event: in.Event, Ask: e.ask},
		position: holdfast.Position{Partition: e.opts.Partition, Offset: in.Offset, Time: in.Event.Time},
		first:    in.Event.Time,
		places:   e.places,
	}
	clear(e.places)
	e.places[accounts] = place{key: a.account, keyed: in.Event.Account != "", foreseen: a.known, record: a.record}
	e.apply(e.planFor(in.Event.Type), s, out)
	e.learn(s)
	e.drain(out)
	e.sweep()
}

// Idle moves the watermark of a partition to which no event comes. What it does
// is part of the input: a replay has to do it at the same place.
func (e *Engine) Idle(watermark holdfast.Instant, out *Output) {
	if !e.started || watermark > e.watermark {
		e.watermark, e.started = watermark, true
	}
	e.pass(e.watermark, false, out)
}

// Finish lets every deadline pass, as at the end of a file. The watermark stays.
func (e *Engine) Finish(out *Output) { e.pass(0, true, out) }

// advance moves the watermark by an event: to no later than the broker saw it.
func (e *Engine) advance(in *Input) {
	newest := in.Event.Time
	if in.Broker != 0 {
		newest = min(newest, in.Broker)
	}
	moved := newest.Add(-e.opts.Lateness)
	if in.Watermark != 0 {
		moved = max(moved, in.Watermark)
	}
	if !e.started || moved > e.watermark {
		e.watermark, e.started = moved, true
	}
	if in.Event.Time < e.watermark {
		e.stats.Late++
	}
}

// apply shows the event to the rules of its plan, in order; what fires is queued.
func (e *Engine) apply(p *plan, s *scope, out *Output) {
	if e.watch != nil {
		e.watch.apply(p, s, out)
		return
	}
	for i := range p.rules {
		p.rules[i].apply(e, s, out)
	}
}

// drain finishes the alerts that an event caused, first in, first out: each is
// written out and then shown to the rules as an event of its own, which may
// cause further ones. There is an end to it because rules can't build on each
// other in a circle.
func (e *Engine) drain(out *Output) {
	for next := 0; next < len(e.queue); next++ {
		a := &e.queue[next]
		event := *a.scope.Event
		event.Type, event.Rule, event.Level, event.Time = holdfast.TypeAlert, a.alert.Rule, a.alert.Level, a.alert.Time
		s := a.scope
		s.Event, s.alert, s.hash, s.name, s.first, s.behind = &event, a.alert.ID, a.hash, a.rule.name, a.alert.First, &a.traces
		s.places = e.places
		s.Forget()
		clear(e.places)

		a.alert.Sessions = e.splitSessions(a, &s)
		if a.alert.Status == holdfast.Stable && a.alert.Level >= holdfast.High {
			e.disturb(a, &s)
		}
		out.Alerts = append(out.Alerts, a.alert)
		e.apply(e.planFor(holdfast.TypeAlert), &s, out) // which may queue more
	}
	clear(e.queue)
	e.queue = e.queue[:0]
}

// scope is what the rules see of one event, with what the engine keeps of it.
type scope struct {
	expression.Scope
	position holdfast.Position // of the input event, also behind an alert event
	first    holdfast.Instant  // where the event's own evidence begins
	places   []place           // by grouping
	device   uint64            // hash of the device's id, once it was asked for
	session  uint64            // hash of the session's id, likewise

	// Of an alert event: the alert's id, its parts, and what its evidence came
	// from.
	alert  string
	hash   alertHash
	name   uint32
	behind *traces
}
