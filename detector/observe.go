package detector

import (
	"iter"
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// Observer watches an engine at work, for those who ask why a rule fired or did
// not. It is called by the engine's own goroutine; what it is given is valid until
// it returns. It must not call the engine.
type Observer interface {
	// Before is called before the rules are shown an event, be it an alert: the
	// deadlines that it let pass have passed, and the rules' state is as they will
	// find it. Events that are delivered twice are not shown.
	Before(v *View)
	// After is called once every rule has been shown the event.
	After(v *View)
	// Pass is called as the deadline of a held alert passes.
	Pass(d Deadline)
}

// Observe lets an observer watch from the next event on, in place of the one
// before; nil ends it. What the engine does is the same with and without.
func (e *Engine) Observe(o Observer) {
	e.watch = nil
	if o != nil {
		e.watch = &watch{observer: o, view: newView(e)}
	}
}

// Look returns a view of the engine as the rules would find it at an event, which
// is not taken in: neither the watermark moves nor anything else. It is valid
// until the engine goes on.
func (e *Engine) Look(in Input) *View {
	v := newView(e)
	v.see(&scope{
		Scope:    expression.Scope{Event: in.Event, Ask: v.ask},
		position: holdfast.Position{Partition: e.opts.Partition, Offset: in.Offset, Time: in.Event.Time},
	})
	return v
}

// watch is an observer at an engine.
type watch struct {
	observer Observer
	view     *View
}

// apply shows the event to the rules of its plan, as [Engine.apply] does, before
// the observer's eyes.
func (w *watch) apply(p *plan, s *scope, out *Output) {
	e := w.view.engine
	w.view.queued = len(e.queue)
	w.view.see(s)
	w.observer.Before(w.view)
	for i := range p.rules {
		p.rules[i].apply(e, s, out)
	}
	w.view.see(s)
	w.observer.After(w.view)
}

// Deadline is that of an alert that was held back: it passes, and nothing has
// answered it.
type Deadline struct {
	Rule  *rules.Rule
	At    holdfast.Instant
	Alert string // the alert's id
	Group holdfast.Group
	// Event is what completed the alert, and Position where it stands in the input;
	// behind an alert event, that of the input event.
	Event    *holdfast.Event
	Position holdfast.Position
	// Open is the suppression that the alert falls into; nil if the alert fires.
	Open *Suppression
}

// pass tells the observer of a deadline.
func (w *watch) pass(d *deadline, g *group) {
	e := w.view.engine
	c := e.arena.Read(d.ref)
	hash, _ := unpackHash(c[armHash], c[armHash+1])
	event := readEvent(e.getText(nil, memory.Ref(c[armEvent])))
	s := scope{
		Scope:    expression.Scope{Event: &event},
		position: holdfast.Position{Partition: e.opts.Partition, Offset: d.offset, Time: holdfast.Instant(c[armTime])},
	}
	unpackProfile(c[armProfile:], &s.Profile)
	w.view.see(&s)
	passing := Deadline{Rule: g.rule.rule, At: d.at, Alert: alertID(g.rule.rule.ID, hash), Event: &event, Position: s.position}
	passing.Group, _ = w.view.group(g.rule)
	if open := e.suppression(g); open != nil && d.at <= open.Until {
		passing.Open = open
	}
	w.observer.Pass(passing)
}

// View is an event and the state of the rules, as an observer sees them.
type View struct {
	engine *Engine
	scope  scope
	places []place
	ask    func(*expression.Profile)
	queued int // alerts that had fired before the event
}

func newView(e *Engine) *View {
	v := &View{engine: e, queued: len(e.queue)}
	v.ask = func(p *expression.Profile) { *p = e.view(&v.scope) }
	return v
}

// see turns the view to an event. The view has its own places and asks for the
// profile itself, so that it leaves the engine's scope alone.
func (v *View) see(s *scope) {
	v.places = slices.Grow(v.places[:0], len(v.engine.groupings))[:len(v.engine.groupings)]
	clear(v.places)
	v.scope = *s
	v.scope.places = v.places
	v.scope.Forget()
	if s.Ask != nil {
		v.scope.Ask = v.ask
	}
}

// Event is the event, which may be an alert.
func (v *View) Event() *holdfast.Event { return v.scope.Event }

// Position is where the event stands in the input; of an alert, that of the input
// event behind it.
func (v *View) Position() holdfast.Position { return v.scope.position }

// Alert is the id of the alert that the event is, "" if it is none.
func (v *View) Alert() string { return v.scope.alert }

// Watermark is the time up to which the partition is taken to be complete, moved
// by the event already.
func (v *View) Watermark() holdfast.Instant { return v.engine.watermark }

// Scope is what conditions see of the event. The profile is asked for when a
// condition first reads it, as for rules.
func (v *View) Scope() *expression.Scope { return &v.scope.Scope }

// Rules are the rules that the engine evaluates, in order.
func (v *View) Rules() iter.Seq[*rules.Rule] {
	return func(yield func(*rules.Rule) bool) {
		for _, r := range v.engine.rules {
			if !yield(r.rule) {
				return
			}
		}
	}
}

// Shown reports whether a condition of the rule named id is shown the event at
// all: an alert is shown only to those that ask for it, and not to a live rule if
// it is one of a rule in test.
func (v *View) Shown(id string, p *expression.Program) bool {
	r := v.engine.named(id)
	return r != nil && v.shown(r, p)
}

// Holds reports whether a condition of the rule named id is shown the event and
// holds for it.
func (v *View) Holds(id string, p *expression.Program) bool {
	return v.Shown(id, p) && p.Match(v.Scope())
}

func (v *View) shown(r *ruleState, p *expression.Program) bool {
	event := v.scope.Event
	return p != nil && (event.Type != holdfast.TypeAlert || r.hears[event.Rule] && rules.Sees(r.rule, p, event.Rule))
}

// Fired returns the alerts that the event has completed so far and that are not
// held back. Which sessions they suspect is not known yet.
func (v *View) Fired() []holdfast.Alert {
	var all []holdfast.Alert
	for i := range v.engine.queue[v.queued:] {
		all = append(all, v.engine.queue[v.queued+i].alert)
	}
	return all
}

// named is the rule of an id; nil if there is none that is evaluated.
func (e *Engine) named(id string) *ruleState {
	for _, r := range e.rules {
		if r.rule.ID == id {
			return r
		}
	}
	return nil
}
