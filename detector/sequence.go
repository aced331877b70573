package detector

import (
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// A chain is a way in which a sequence has begun. Chains share the events that
// they have in common: each is a link, which refers to the one before it. Of the
// chains that have come equally far only the one that will last longest is kept,
// so that a group never holds more chains than the sequence has events. Its
// cellSequence holds a pair of words for the chain of each length but the last:
// its last link, 0 if there is none, and the time of its earliest event. They
// count from the chunk's own first word.
const (
	seqNewest = iota + 1 // the newest time of an event that matched a step
	seqChains
)

// truth is whether a condition holds for the event at hand, if it is known yet.
type truth uint8

const (
	unknown truth = iota
	holds
	fails
)

// matches reports whether the event matches a step. Each step is asked once an
// event, however many events the step takes.
func (r *rulePlan) matches(step int, s *scope) bool {
	if r.matched[step] == unknown {
		r.matched[step] = fails
		if r.steps[step].holds(s) {
			r.matched[step] = holds
		}
	}
	return r.matched[step] == holds
}

func (r *rulePlan) matchesAny(s *scope) bool {
	for step := range r.steps {
		if r.matches(step, s) {
			return true
		}
	}
	return false
}

// applySequence applies a rule of ordered steps (DESIGN 3.4).
func (r *rulePlan) applySequence(e *Engine, s *scope, out *Output) {
	if r.until.holds(s) {
		if g, ok := r.groupOf(e, s, r.settingsFor(s)); ok && g.stored {
			e.clearSequence(&g)
			e.settle(&g)
		}
		return
	}
	clear(r.matched)
	if !r.matchesAny(s) || r.excepted(s) {
		return
	}
	g, set := r.admit(e, s, out)
	if set == nil {
		return
	}
	if r.extend(e, s, &g, set) {
		r.complete(e, s, &g, set, e.list)
	}
	e.settle(&g)
}

// extend lets the event take each chain one step further that it can. If it
// completes one, it reports so and loads its events. From the longest chain
// down, so that the event serves one step of a chain.
func (r *rulePlan) extend(e *Engine, s *scope, g *group, set *settings) bool {
	last := len(r.slots) - 1
	t := s.Event.Time
	newest := t
	if g.sequence != 0 {
		newest = max(newest, holdfast.Instant(e.arena.Read(g.sequence)[seqNewest]))
	}
	tooOld := func(earliest holdfast.Instant) bool { return set.timespan > 0 && earliest < newest.Add(-set.timespan) }
	e.dropChains(g, tooOld)
	en := r.entryOf(e, s)
	if last == 0 {
		e.loadChain(0, en)
		return !tooOld(t)
	}
	c := e.cellOf(g, cellSequence, seqChains-1+2*last)
	if c == nil {
		return false
	}
	c[seqNewest] = uint64(newest)
	for n := last; n >= 0; n-- {
		var before memory.Ref
		earliest := t
		if n > 0 {
			c := e.arena.Read(g.sequence)[seqChains+2*(n-1):]
			before = memory.Ref(c[0])
			earliest = min(earliest, holdfast.Instant(c[1]))
		}
		if n > 0 && before == 0 || !r.matches(r.slots[n], s) || tooOld(earliest) {
			continue
		}
		if n == last {
			e.loadChain(before, en)
			return true
		}
		at := e.arena.Read(g.sequence)[seqChains+2*n:]
		if at[0] != 0 && earliest <= holdfast.Instant(at[1]) {
			continue
		}
		link := e.linkInPlaceOf(memory.Ref(at[0]), before, en)
		at = e.arena.Own(g.sequence)[seqChains+2*n:]
		at[0], at[1] = uint64(link), uint64(earliest)
	}
	return false
}

// link makes the last event of a chain. An event is linked once for each chain
// that it extends.
func (e *Engine) link(before memory.Ref, en entry) memory.Ref {
	ref := e.arena.Alloc(1, chunkLink, len(en))
	c := e.arena.Own(ref)
	copy(c.Payload(), en)
	c.SetNext(before)
	if before != 0 {
		c := e.arena.Own(before)
		c.SetOwner(c.Owner() + 1)
	}
	return ref
}

// linkInPlaceOf makes the last event of a chain that takes the place of another one,
// if there is one, and its memory where that is fit: most chains never come further
// than one event.
func (e *Engine) linkInPlaceOf(old, before memory.Ref, en entry) memory.Ref {
	if old != 0 {
		if c := e.arena.Read(old); c.Owner() == 1 && c.Next() == before && c.Used() == len(en) {
			copy(e.arena.Own(old).Payload(), en)
			return old
		}
	}
	link := e.link(before, en)
	e.unlink(old)
	return link
}

// unlink takes back one reference to a link, and frees it, and those before it,
// when that was the last.
func (e *Engine) unlink(ref memory.Ref) {
	for ref != 0 {
		c := e.arena.Own(ref)
		if c.Owner() > 1 {
			c.SetOwner(c.Owner() - 1)
			return
		}
		before := c.Next()
		e.arena.Free(ref)
		ref = before
	}
}

// loadChain loads the events of a chain, the first one first, and one more.
func (e *Engine) loadChain(last memory.Ref, en entry) {
	e.refs = e.refs[:0]
	for ref := last; ref != 0; ref = e.arena.Read(ref).Next() {
		e.refs = append(e.refs, ref)
	}
	e.list = e.list[:0]
	for _, ref := range slices.Backward(e.refs) {
		e.list = append(e.list, e.arena.Read(ref).Payload()...)
	}
	e.list = append(e.list, en...)
}

// dropChains drops the chains whose earliest event is too old.
func (e *Engine) dropChains(g *group, tooOld func(holdfast.Instant) bool) {
	if g.sequence == 0 {
		return
	}
	c := e.arena.Read(g.sequence)
	for at := seqChains; at <= c.Used(); at += 2 {
		if ref := memory.Ref(c[at]); ref != 0 && tooOld(holdfast.Instant(c[at+1])) {
			e.unlink(ref)
			c = e.arena.Own(g.sequence)
			c[at] = 0
		}
	}
}

// clearSequence drops all chains.
func (e *Engine) clearSequence(g *group) {
	e.dropChains(g, func(holdfast.Instant) bool { return true })
	e.drop(g, cellSequence)
}

// furtherThanFirst reports whether a chain has come further than one event.
func (e *Engine) furtherThanFirst(g *group) bool {
	c := e.arena.Read(g.sequence)
	for at := seqChains + 2; at <= c.Used(); at += 2 {
		if c[at] != 0 {
			return true
		}
	}
	return false
}
