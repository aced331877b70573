package detector

import (
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// The entries of a group lie in the chunks of its chain that are cellEntries, the
// newest chunk first. There are as many as max_entries, by default 10,000: what is
// done at every event must not copy them, and must not write those that stay.

// window is what is to be known of a group's entries at every event.
type window struct {
	newest, oldest holdfast.Instant // times; of no entry, they mean nothing
	count          int
}

func (w *window) add(t holdfast.Instant) {
	if w.count == 0 {
		w.newest, w.oldest = t, t
	}
	w.newest, w.oldest = max(w.newest, t), min(w.oldest, t)
	w.count++
}

// survey looks at a group's entries, unless what there is to know of them is known
// already.
func (e *Engine) survey(g *group) window {
	if g.surveyed {
		return g.window
	}
	g.window, g.surveyed = window{}, true
	for ref := g.entries; ref != 0; ref = e.older(g, ref) {
		for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
			var en entry
			en, rest = rest.cut()
			g.window.add(en.time())
		}
	}
	return g.window
}

// older is the group's next chunk of entries in the chain, 0 if there is none.
func (e *Engine) older(g *group, ref memory.Ref) memory.Ref {
	for ref = e.arena.Read(ref).Next(); ref != 0; {
		c := e.arena.Read(ref)
		if c.Owner() == g.rule.owner && c.Kind() == cellEntries {
			break
		}
		ref = c.Next()
	}
	return ref
}

// oldestFirst lists a group's chunks of entries, the one that was the first to be
// filled first.
func (e *Engine) oldestFirst(g *group) []memory.Ref {
	e.refs = e.refs[:0]
	for ref := g.entries; ref != 0; ref = e.older(g, ref) {
		e.refs = append(e.refs, ref)
	}
	slices.Reverse(e.refs)
	return e.refs
}

// load appends a group's entries to a buffer, in the order of arrival.
func (e *Engine) load(to entries, g *group) entries {
	for _, ref := range e.oldestFirst(g) {
		to = append(to, e.arena.Read(ref).Payload()...)
	}
	return to
}

// push stores one more entry of a group.
func (e *Engine) push(g *group, en entry) {
	if g.surveyed {
		g.window.add(en.time())
	}
	if g.entries != 0 {
		c := e.arena.Own(g.entries)
		used := c.Used()
		switch {
		case used+len(en) <= c.Room():
			c.SetUsed(used + len(en))
			copy(c.Payload()[used:], en)
			return
		case used+len(en) <= memory.MaxPayload:
			ref := e.arena.Alloc(g.rule.owner, cellEntries, used+len(en))
			c, larger := e.arena.Read(g.entries), e.arena.Own(ref)
			copy(larger.Payload()[copy(larger.Payload(), c.Payload()):], en)
			larger.SetNext(c.Next())
			e.relink(g.table, g.record, g.entries, ref)
			e.arena.Free(g.entries)
			g.entries = ref
			return
		}
	}
	// There will be another one: chunks that were soon too small would lie about.
	room := len(en)
	if g.entries == 0 {
		room *= 2
	}
	if c := e.add(g, cellEntries, room); c != nil {
		c.SetUsed(len(en))
		copy(c.Payload(), en)
	} else {
		g.surveyed = false // it was not stored
	}
}

// dropEntries drops the entries that are not wanted any more, and leaves alone the
// chunks of which none goes. It returns how many went.
func (e *Engine) dropEntries(g *group, unwanted func(entry) bool) int {
	dropped := 0
	var left window
	keeping := func(en entry) bool {
		if unwanted(en) {
			return true
		}
		left.add(en.time())
		return false
	}
	for ref := g.entries; ref != 0; {
		next := e.older(g, ref)
		dropped += e.dropFrom(g, ref, keeping)
		ref = next
	}
	g.window, g.surveyed = left, true
	return dropped
}

// dropFirst drops the n entries that were the first to arrive.
func (e *Engine) dropFirst(g *group, n int) {
	g.surveyed = false
	first := func(entry) bool {
		n--
		return n >= 0
	}
	for _, ref := range e.oldestFirst(g) {
		if n <= 0 {
			return
		}
		e.dropFrom(g, ref, first)
	}
}

// dropFrom drops entries of one chunk, and the chunk if none is left.
func (e *Engine) dropFrom(g *group, ref memory.Ref, unwanted func(entry) bool) int {
	kept, dropped := 0, 0
	for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
		var en entry
		if en, rest = rest.cut(); unwanted(en) {
			dropped++
			continue
		}
		if dropped > 0 {
			copy(e.arena.Own(ref).Payload()[kept:], en)
		}
		kept += len(en)
	}
	switch {
	case dropped == 0:
	case kept > 0:
		e.arena.Own(ref).SetUsed(kept)
	default:
		if ref == g.entries {
			g.entries = e.older(g, ref)
		}
		e.unhang(g.table, g.record, ref)
	}
	return dropped
}

// clearEntries drops a group's entries.
func (e *Engine) clearEntries(g *group) {
	g.window, g.surveyed = window{}, true
	for g.entries != 0 {
		ref := g.entries
		g.entries = e.older(g, ref)
		e.unhang(g.table, g.record, ref)
	}
}
