package detector

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

// held is an alert that waits until it is certain that nothing answered it
// (DESIGN 3.5).
type held struct {
	firing
	rule     *ruleState
	group    *group
	suppress time.Duration
	same     uint64 // hash of the values that an answer must share; 0 equals nothing
	answered bool
	serial   int64 // tells apart what is held for the same event
}

// deadline is the alert's time: when it fires unless it is answered.
func (h *held) deadline() holdfast.Instant { return h.alert.Time }

// deadlines are the held alerts in the order in which they pass: by deadline,
// offset, rule id. Answered ones stay in it until they come up.
type deadlines []*held

func (d deadlines) Len() int      { return len(d) }
func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d deadlines) Less(i, j int) bool {
	a, b := d[i], d[j]
	return cmp.Or(
		cmp.Compare(a.deadline(), b.deadline()),
		cmp.Compare(a.alert.Trigger.Offset, b.alert.Trigger.Offset),
		strings.Compare(a.alert.Rule, b.alert.Rule),
		cmp.Compare(a.serial, b.serial),
	) < 0
}

// Push and Pop serve container/heap.
func (d *deadlines) Push(x any) { *d = append(*d, x.(*held)) }

// Pop removes the last one.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	h := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return h
}

// hold keeps an alert back. Its event is copied: the caller's is gone by the
// time of the deadline.
func (r *ruleState) hold(e *Engine, g *group, a firing, suppress time.Duration) {
	h := &held{firing: a, rule: r, group: g, suppress: suppress, serial: e.serial}
	e.serial++
	h.same = e.key.same(r.buf[:0], r.rule.Without.Same, &a.scope.Scope)
	h.alert.Time = a.scope.Event.Time.Add(r.rule.Without.For)
	h.scope.Event = cloneEvent(a.scope.Event)
	g.held = append(g.held, h)
	heap.Push(&e.deadlines, h)
}

// answer cancels the held alerts of the event's group that the event answers.
func (r *ruleState) answer(e *Engine, s *scope) {
	_, g, ok := r.groupOf(e, s, r.settingsFor(s))
	if !ok || g == nil {
		return
	}
	fields := r.rule.Without.Same
	same := e.key.same(r.buf[:0], fields, &s.Scope)
	g.held = slices.DeleteFunc(g.held, func(h *held) bool {
		h.answered = s.Event.Time <= h.deadline() && (len(fields) == 0 || same != 0 && h.same == same)
		return h.answered
	})
}

// pass lets the deadlines before the watermark pass in order, each followed by
// the alerts that it causes, until none is due.
func (e *Engine) pass(watermark holdfast.Instant, all bool, out *Output) {
	for len(e.deadlines) > 0 && (all || e.deadlines[0].deadline() < watermark) {
		h := heap.Pop(&e.deadlines).(*held)
		if h.answered {
			continue
		}
		g := h.group
		g.held = slices.DeleteFunc(g.held, func(other *held) bool { return other == h })
		if g.suppressed(h.deadline(), h.alert.Trigger, out) {
			continue
		}
		g.openAlert(&h.firing, h.suppress)
		e.queue = append(e.queue, h.firing)
		e.drain(out)
	}
}

// cloneEvent copies an event with all its texts.
func cloneEvent(e *holdfast.Event) *holdfast.Event {
	c := *e
	for _, text := range []*string{
		&c.ID, &c.Type, &c.Account, &c.Channel, &c.Purpose, &c.Attempt, &c.Session, &c.Phone, &c.Rule,
		&c.Device.ID, &c.Device.Platform, &c.Device.Name, &c.Client.IP, &c.Client.Country, &c.Client.UserAgent,
	} {
		*text = strings.Clone(*text)
	}
	c.Attrs = make([]holdfast.Attr, len(e.Attrs))
	for i, a := range e.Attrs {
		c.Attrs[i] = holdfast.Attr{Name: strings.Clone(a.Name), Value: strings.Clone(a.Value)}
	}
	return &c
}
