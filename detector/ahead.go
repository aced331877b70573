package detector

import (
	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// Most of the time that an event takes goes by waiting for memory: what is
// remembered of its account has long left the processor's caches. So the engine
// looks ahead: for some events at once it finds out which memory they will need,
// and reads it, so that the waits overlap.
const lookAhead = 32 // events

// ahead is what is worked out of an event before its turn.
type ahead struct {
	self    memory.Key // by which one that is delivered twice is known
	account memory.Key
	known   bool // the account has a record, or had one then
	record  uint32
	chain   memory.Ref
}

// ProcessAll takes in events, in offset order, and appends what they cause to
// out. It does what Process does with each, faster.
func (e *Engine) ProcessAll(events []Input, out *Output) {
	for len(events) > 0 {
		now := events[:min(len(events), lookAhead)]
		events = events[len(now):]
		e.lookFor(now)
		for i := range now {
			e.process(&now[i], &e.ahead[i], out)
		}
	}
}

// Process takes in the next event, in offset order, and appends what it causes
// to out.
func (e *Engine) Process(in Input, out *Output) {
	a := ahead{account: e.accountKey(in.Event)}
	if in.Event.ID != "" {
		a.self = e.recent.keyOf(in.Event, &e.key)
	}
	e.process(&in, &a, out)
}

func (e *Engine) accountKey(event *holdfast.Event) memory.Key {
	e.tuple = e.tuple[:0].add(event.Account)
	return e.key.wide(e.tuple)
}

// lookFor reads the memory that the events will need. Each pass finds the places
// that the next one reads from; none waits for anything within itself.
func (e *Engine) lookFor(events []Input) {
	t := e.groupings[accounts]
	for i := range events {
		a, event := &e.ahead[i], events[i].Event
		a.account = e.accountKey(event)
		if event.ID != "" && !events[i].Single {
			a.self = e.recent.keyOf(event, &e.key)
		}
	}
	var sum uint64
	for i := range events {
		a := &e.ahead[i]
		sum += t.Touch(a.account) + uint64(e.recent.Touch(a.self))
	}
	for i := range events {
		a := &e.ahead[i]
		a.record, a.known = t.Find(a.account)
	}
	for i := range events {
		if a := &e.ahead[i]; a.known {
			if a.chain = t.Chain(a.record); a.chain != 0 {
				sum += e.arena.Touch(a.chain)
			}
		}
	}
	for i := range events {
		if a := &e.ahead[i]; a.known && a.chain != 0 {
			c := e.arena.Read(a.chain)
			if next := c.Next(); next != 0 {
				sum += e.arena.Touch(next)
			}
			if c.Kind() == cellProfile && c[profileSessions] != 0 {
				sum += e.arena.Touch(memory.Ref(c[profileSessions]))
			}
		}
	}
	for i := range events {
		if a := &e.ahead[i]; a.known && a.chain != 0 && events[i].Event.Type == holdfast.TypeSessionEnded {
			if ids := e.idsOf(a.chain, events[i].Event.Session); ids != 0 {
				sum += e.arena.Touch(ids)
			}
		}
	}
	e.touched = sum
}

// idsOf finds the ids of a session of a profile, 0 if there are none: those of one
// that ends have often not been looked at for long.
func (e *Engine) idsOf(profile memory.Ref, id string) memory.Ref {
	c := e.arena.Read(profile)
	if c.Kind() != cellProfile || c[profileSessions] == 0 || id == "" {
		return 0
	}
	all := sessions{e.arena.Read(memory.Ref(c[profileSessions])).Payload(), int(c[profileFlags] >> countSessions & 0xff)}
	if i, ok := all.find(e.key.narrow(id)); ok {
		return all.at(i).ids()
	}
	return 0
}
