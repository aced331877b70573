package detector

import (
	"cmp"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// An alert that is held waits until it is certain that nothing answered it
// (DESIGN 3.5). A group's cellHeld holds the first of a list of its held alerts
// and their number. A chunkAlert holds one; its owner is the rule's. The words
// count from the chunk's own first word.
const (
	heldFirst = iota + 1
	heldCount
	heldEnd
)

const (
	armDeadline = iota + 1 // when it fires unless it is answered: the alert's time
	armSerial              // tells apart what is held for the same event
	armRecord              // of the group
	armBefore              // reference to the alert before it in the list
	armOffset              // of the input event behind it
	armTime                // of that event
	armHash                // of the alert's id: two words
	_                      //
	armSuppress            // how long it suppresses
	armSame                // hash of the values that an answer must share; 0 equals nothing
	armEvent               // reference to the event that completed it
	armEvidence            // reference to the evidence
	armProfile             // what was known of the account: six words
	armEnd      = armProfile + profileWords
)

// maxHeld bounds the alerts that a group holds back: each keeps its event. One
// more is not held, and counted as overflow: those that wait must not be pushed out
// by an attacker.
const maxHeld = 1000

// deadline is a held alert in the order in which deadlines pass: by deadline,
// offset, rule id, and in the order of arming. An alert that is answered stays
// among them for a while.
type deadline struct {
	at     holdfast.Instant
	offset int64
	serial uint64
	owner  uint16
	ref    memory.Ref
}

// deadlines is a heap.
type deadlines struct {
	heap   []deadline
	owners []*ruleState
	waits  int // how many of the heap are still held
}

// rebuild makes the heap anew for other rules: of what is still held.
func (d *deadlines) rebuild(e *Engine) {
	held := d.heap
	d.heap, d.owners, d.waits = nil, e.owners, 0
	for i := range held {
		if e.waits(&held[i]) {
			d.push(held[i])
		}
	}
}

// compact drops what is not held any more, once that is the larger part.
func (d *deadlines) compact(e *Engine) {
	const least = 1024 // below which it is not worth it
	if len(d.heap) > least+2*d.waits {
		d.rebuild(e)
	}
}

func (d *deadlines) less(a, b *deadline) bool {
	return cmp.Or(
		cmp.Compare(a.at, b.at),
		cmp.Compare(a.offset, b.offset),
		strings.Compare(d.owners[a.owner].rule.ID, d.owners[b.owner].rule.ID),
		cmp.Compare(a.serial, b.serial),
	) < 0
}

func (d *deadlines) push(x deadline) {
	d.waits++
	d.heap = append(d.heap, x)
	for i := len(d.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !d.less(&d.heap[i], &d.heap[parent]) {
			return
		}
		d.heap[i], d.heap[parent] = d.heap[parent], d.heap[i]
		i = parent
	}
}

func (d *deadlines) pop() deadline {
	first := d.heap[0]
	last := len(d.heap) - 1
	d.heap[0] = d.heap[last]
	d.heap = d.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if d.less(&d.heap[child], &d.heap[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		d.heap[i], d.heap[least] = d.heap[least], d.heap[i]
		i = least
	}
}

// waits reports whether the alert is still held.
func (e *Engine) waits(d *deadline) bool {
	c := e.arena.Read(d.ref)
	return c.Kind() == chunkAlert && c[armSerial] == d.serial
}

// hold keeps back the alert that an event completes. The event is copied: the
// caller's is gone by the time of the deadline.
func (e *Engine) hold(s *scope, g *group, evidence entries, suppress time.Duration) {
	held := e.cellOf(g, cellHeld, heldEnd-1)
	if held == nil {
		return
	}
	if held[heldCount] == maxHeld {
		e.stats.Overflowed++
		return
	}
	r := g.rule
	ref := e.arena.Alloc(r.owner, chunkAlert, armEnd-1)
	event := e.putText(appendEvent(e.text[:0], s.Event))
	kept := e.putWords(chunkEvidence, evidence)

	c := e.arena.Own(ref)
	at := s.Event.Time.Add(r.rule.Without.For)
	e.serial++
	c[armDeadline], c[armSerial], c[armRecord] = uint64(at), e.serial, uint64(g.record)
	c[armOffset], c[armTime] = uint64(s.position.Offset), uint64(s.position.Time)
	c[armHash], c[armHash+1] = packHash(e.hashOf(r, s), 0)
	c[armSuppress], c[armSame] = uint64(suppress), e.sameOf(r.rule.Without.Same, s)
	c[armEvent], c[armEvidence] = uint64(event), uint64(kept)
	packProfile(c[armProfile:], &s.Profile)

	c[armBefore] = 0
	after := memory.Ref(held[heldFirst])
	if after != 0 {
		e.arena.Own(after)[armBefore] = uint64(ref)
	}
	c.SetNext(after)
	held[heldFirst] = uint64(ref)
	held[heldCount]++
	e.deadlines.compact(e)
	e.deadlines.push(deadline{at: at, offset: s.position.Offset, serial: e.serial, owner: r.owner, ref: ref})
}

// dropHeld takes an alert out of the list of its group, and frees it.
func (e *Engine) dropHeld(g *group, ref memory.Ref) {
	c := e.arena.Read(ref)
	before, after := memory.Ref(c[armBefore]), c.Next()
	if before != 0 {
		e.arena.Own(before).SetNext(after)
	}
	if after != 0 {
		e.arena.Own(after)[armBefore] = uint64(before)
	}
	held := e.arena.Own(g.held)
	if before == 0 {
		held[heldFirst] = uint64(after)
	}
	e.arena.FreeChain(memory.Ref(c[armEvent]))
	e.arena.FreeChain(memory.Ref(c[armEvidence]))
	e.arena.Free(ref)
	e.deadlines.waits--
	if held[heldCount]--; held[heldCount] == 0 {
		e.drop(g, cellHeld)
	}
}

// dropHeldIf gives up those of a group's held alerts that are not wanted.
func (e *Engine) dropHeldIf(g *group, unwanted func(memory.Chunk) bool) {
	if g.held == 0 {
		return
	}
	for ref := memory.Ref(e.arena.Read(g.held)[heldFirst]); ref != 0; {
		c := e.arena.Read(ref)
		next := c.Next()
		if unwanted(c) {
			e.dropHeld(g, ref)
		}
		ref = next
	}
}

// answer cancels the held alerts of the event's group that the event answers.
func (r *rulePlan) answer(e *Engine, s *scope) {
	g, ok := r.groupOf(e, s, r.settingsFor(s))
	if !ok || !g.stored {
		return
	}
	fields := r.rule.Without.Same
	same := e.sameOf(fields, s)
	e.dropHeldIf(&g, func(c memory.Chunk) bool {
		return s.Event.Time <= holdfast.Instant(c[armDeadline]) && (len(fields) == 0 || same != 0 && c[armSame] == same)
	})
	e.settle(&g)
}

// pass lets the deadlines before the watermark pass in order, each followed by
// the alerts that it causes, until none is due.
func (e *Engine) pass(watermark holdfast.Instant, all bool, out *Output) {
	for len(e.deadlines.heap) > 0 && (all || e.deadlines.heap[0].at < watermark) {
		if d := e.deadlines.pop(); e.waits(&d) {
			e.passOne(&d, out)
			e.drain(out)
		}
	}
}

// passOne lets a held alert fire, unless its group is suppressed by now.
func (e *Engine) passOne(d *deadline, out *Output) {
	c := e.arena.Read(d.ref)
	r := e.owners[d.owner]
	g := e.look(r, &place{exists: true, record: uint32(c[armRecord])})
	s := scope{position: holdfast.Position{Partition: e.opts.Partition, Offset: d.offset, Time: holdfast.Instant(c[armTime])}}
	if e.watch != nil {
		e.watch.pass(d, &g)
	}
	suppressed := e.suppressed(&g, d.at, s.position, out)
	if !suppressed {
		e.text = e.getText(e.text[:0], memory.Ref(c[armEvent]))
		event := readEvent(e.text)
		s.Event = &event
		unpackProfile(c[armProfile:], &s.Profile)
		e.list = e.getWords(e.list[:0], memory.Ref(c[armEvidence]))
		a := e.firing(r, &s, e.list)
		hash, _ := unpackHash(c[armHash], c[armHash+1])
		a.name(hash)
		a.alert.Time = d.at
		e.openAlert(&g, &a, time.Duration(e.arena.Read(d.ref)[armSuppress]))
		e.queue = append(e.queue, a)
	}
	e.dropHeld(&g, d.ref)
	e.settle(&g)
}

// NextDeadline is the earliest deadline of the alerts that are held, if there
// are any: [Engine.Idle] is of use once a watermark has passed it.
func (e *Engine) NextDeadline() (holdfast.Instant, bool) {
	for len(e.deadlines.heap) > 0 {
		if d := &e.deadlines.heap[0]; e.waits(d) {
			return d.at, true
		}
		e.deadlines.pop()
	}
	return 0, false
}
