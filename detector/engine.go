// Package detector is the engine: events of one partition go in, in offset
// order, and alerts come out. Whatever it does is a function of its input:
// event times are its only clock, so that a replay of the same log gives the
// same alerts with the same ids. It must never reach for a network, a disk or
// the time of day.
package detector

import (
	"container/heap"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
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

// Input is an event and where it came from.
type Input struct {
	Event  *holdfast.Event // read during Process only
	Offset int64
	// Broker is the record's broker time, up to which the event may move the
	// watermark. 0: none, as in a file.
	Broker holdfast.Instant
}

// Engine holds the state of one partition. It is not safe for concurrent use:
// one goroutine owns it.
type Engine struct {
	opts      Options
	key       hashKey
	rules     []*ruleState
	byType    map[string][]*ruleState // the rules that an event of a type concerns
	profiles  profiles
	recent    recent
	watermark holdfast.Instant
	started   bool // the watermark has a value
	queue     []firing
	deadlines deadlines
	serial    int64 // of the next held alert
	stats     Stats
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
	e := &Engine{opts: opts, key: newHashKey()}
	e.profiles = profiles{byAccount: map[string]*profile{}, opts: &e.opts}
	e.recent = newRecent()
	e.SetRules(opts.Rules)
	return e, nil
}

// SetRules puts a new set of rules in force from the next event on. A rule that
// detects what it did before (the same id and version) keeps its state.
func (e *Engine) SetRules(set *rules.Set) {
	before := make(map[string]*ruleState, len(e.rules))
	for _, r := range e.rules {
		before[r.rule.ID] = r
	}
	heirs := make(map[*ruleState]*ruleState, len(e.rules))
	next := make([]*ruleState, 0, len(set.Rules))
	for _, r := range set.Rules {
		if r.Status == holdfast.Deprecated {
			continue
		}
		state := newRuleState(r, set)
		if old := before[r.ID]; old != nil && old.rule.Version == r.Version {
			state.groups = old.groups
			heirs[old] = state
			if old.rule.Status != r.Status {
				state.reopen()
			}
		}
		next = append(next, state)
	}
	e.deadlines = slices.DeleteFunc(e.deadlines, func(h *held) bool {
		h.rule = heirs[h.rule]
		return h.rule == nil
	})
	heap.Init(&e.deadlines)
	e.rules, e.byType = next, make(map[string][]*ruleState)
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats { return e.stats }

// Watermark returns the time up to which the partition is taken to be complete,
// and whether there is one yet.
func (e *Engine) Watermark() (holdfast.Instant, bool) { return e.watermark, e.started }

// Process takes in the next event, in offset order, and appends what it causes
// to out.
func (e *Engine) Process(in Input, out *Output) {
	if e.recent.seen(in.Event, &e.key) {
		e.stats.Duplicates++
		return
	}
	e.stats.Events++
	e.advance(in)
	e.pass(e.watermark, false, out)

	s := scope{Scope: expression.Scope{Event: in.Event, Profile: e.profiles.view(in.Event, &e.key)}}
	s.position = holdfast.Position{Partition: e.opts.Partition, Offset: in.Offset, Time: in.Event.Time}
	s.first = in.Event.Time
	e.apply(&s, out)
	e.profiles.learn(in.Event, &e.key)
	e.drain(out)
	e.expire()
}

// Finish lets every deadline pass, as at the end of a file. The watermark stays.
func (e *Engine) Finish(out *Output) { e.pass(0, true, out) }

// advance moves the watermark by an event: to no later than the broker saw it.
func (e *Engine) advance(in Input) {
	newest := in.Event.Time
	if in.Broker != 0 {
		newest = min(newest, in.Broker)
	}
	if moved := newest.Add(-e.opts.Lateness); !e.started || moved > e.watermark {
		e.watermark, e.started = moved, true
	}
	if in.Event.Time < e.watermark {
		e.stats.Late++
	}
}

// apply shows the event to every rule, in order, and queues the alerts.
func (e *Engine) apply(s *scope, out *Output) {
	for _, r := range e.concerned(s.Event.Type) {
		if a, fired := r.apply(e, s, out); fired {
			e.queue = append(e.queue, a)
		}
	}
}

// maxTypes bounds the types of event for which it is remembered which rules they
// concern. There are that many only if somebody makes them up.
const maxTypes = 1024

// concerned returns the rules to which an event of a type can mean anything, in
// order: most events meet few of the rules.
func (e *Engine) concerned(eventType string) []*ruleState {
	if concerned, ok := e.byType[eventType]; ok {
		return concerned
	}
	if len(e.byType) == maxTypes {
		return e.rules
	}
	concerned := slices.DeleteFunc(slices.Clone(e.rules), func(r *ruleState) bool { return !r.concerns(eventType) })
	e.byType[strings.Clone(eventType)] = concerned
	return concerned
}

// drain finishes the alerts that an event caused, first in, first out: each is
// written out and then shown to the rules as an event of its own, which may
// cause further ones. There is an end to it because rules can't build on each
// other in a circle.
func (e *Engine) drain(out *Output) {
	for next := 0; next < len(e.queue); next++ {
		a := e.queue[next]
		a.alert.Sessions = e.profiles.sessions(&a, e.opts.Lateness)
		if a.alert.Status == holdfast.Stable && a.alert.Level >= holdfast.High {
			e.profiles.disturb(&a)
		}
		out.Alerts = append(out.Alerts, a.alert)

		event := *a.scope.Event
		event.Type, event.Rule, event.Level, event.Time = holdfast.TypeAlert, a.alert.Rule, a.alert.Level, a.alert.Time
		s := a.scope
		s.Event, s.alert, s.first, s.behind = &event, a.alert.ID, a.alert.First, &a.traces
		e.apply(&s, out)
	}
	clear(e.queue)
	e.queue = e.queue[:0]
}

// scope is what the rules see of one event, with what the engine keeps of it.
type scope struct {
	expression.Scope
	position holdfast.Position // of the input event, also behind an alert event
	alert    string            // of an alert event: the alert's id
	first    holdfast.Instant  // where the event's own evidence begins
	behind   *traces           // of an alert event: what its evidence came from
}

// hashKey keys the hashes of groups and devices, so that nobody outside can
// choose values that collide.
type hashKey struct{ k0, k1 uint64 }

func newHashKey() hashKey {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hashKey{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}
