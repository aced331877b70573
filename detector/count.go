package detector

// applyCount applies a rule that counts events, or different values among them
// (DESIGN 3.3).
func (r *rulePlan) applyCount(e *Engine, s *scope, out *Output) {
	if r.cancel.holds(s) {
		if g, ok := r.groupOf(e, s, r.settingsFor(s)); ok && g.stored {
			r.take(e, s, &g)
			e.settle(&g)
		}
		return
	}
	if !r.match.holds(s) || r.excepted(s) {
		return
	}
	g, set := r.admit(e, s, out)
	if set == nil {
		return
	}
	en := r.entryOf(e, s)
	w := e.survey(&g)
	before := w.count
	stays := true
	if set.timespan > 0 {
		newest := en.time()
		if w.count > 0 {
			newest = max(newest, w.newest)
		}
		oldest := newest.Add(-set.timespan)
		if w.count > 0 && w.oldest < oldest {
			w.count -= e.dropEntries(&g, func(en entry) bool { return en.time() < oldest })
		}
		stays = en.time() >= oldest // it can be the one to go
	}
	if stays {
		w.count++
	}
	if over := w.count - e.opts.MaxEntries; over > 0 {
		e.dropFirst(&g, over)
		w.count -= over
		e.stats.Overflowed += int64(over)
	}
	if !stays {
		en = nil
	}
	switch {
	case w.count >= set.count && r.distinct(e, &g, en, before >= set.count):
		e.list = append(e.load(e.list[:0], &g), en...)
		r.complete(e, s, &g, set, e.list)
	case stays:
		e.push(&g, en)
	}
	e.settle(&g)
}

// take removes the entries that a canceling event takes back: all, or those
// with the same values.
func (r *rulePlan) take(e *Engine, s *scope, g *group) {
	fields := r.rule.Cancel.Same
	if len(fields) == 0 {
		e.clearEntries(g)
	} else if same := e.sameOf(fields, s); same != 0 {
		e.dropEntries(g, func(en entry) bool { return en.same() == same })
	}
}

// distinct reports whether each of the rule's fields has as many different values
// as it asks for, among a group's entries and a further one. Where there have been
// enough entries before, it was the values that did not suffice: then only a new
// value can have changed that.
func (r *rulePlan) distinct(e *Engine, g *group, further entry, enough bool) bool {
	if len(r.rule.Distinct) == 0 {
		return true
	}
	if enough && len(r.overrides) == 0 && further != nil && !e.bringsNew(g, further, len(r.rule.Distinct)) {
		return false
	}
	for i := range r.rule.Distinct {
		if !e.reach(g, further, i, r.rule.Distinct[i].Count) {
			return false
		}
	}
	return true
}

// bringsNew reports whether an entry has a value in one of n fields that no entry
// of the group has there.
func (e *Engine) bringsNew(g *group, further entry, n int) bool {
	for i := range n {
		if value := further.value(i); value != 0 && !e.occurs(g, i, value) {
			return true
		}
	}
	return false
}

// occurs reports whether one of a group's entries has a value in the i-th field.
func (e *Engine) occurs(g *group, i int, value uint64) bool {
	for ref := g.entries; ref != 0; ref = e.older(g, ref) {
		for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
			var en entry
			if en, rest = rest.cut(); en.value(i) == value {
				return true
			}
		}
	}
	return false
}

// reach reports whether the i-th values of a group's entries and a further one are
// n different ones at least. Empty values don't count.
func (e *Engine) reach(g *group, further entry, i, n int) bool {
	e.different.reset(n)
	if further != nil && e.different.add(further.value(i)) == n {
		return true
	}
	for ref := g.entries; ref != 0; ref = e.older(g, ref) {
		for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
			var en entry
			if en, rest = rest.cut(); e.different.add(en.value(i)) == n {
				return true
			}
		}
	}
	return false
}

// hashSet counts different hashes, up to a number. It keeps its memory from one
// count to the next.
type hashSet struct {
	slots []uint64
	size  int
	found int
}

// reset empties the set, and makes room for n hashes.
func (h *hashSet) reset(n int) {
	h.size = 16
	for h.size < 2*n { // half of it stays empty
		h.size *= 2
	}
	if len(h.slots) < h.size {
		h.slots = make([]uint64, h.size)
	}
	clear(h.slots[:h.size])
	h.found = 0
}

// add puts a hash into the set, unless it is 0, and returns how many are in it.
func (h *hashSet) add(hash uint64) int {
	if hash == 0 {
		return h.found
	}
	at := hash & uint64(h.size-1)
	for h.slots[at] != 0 && h.slots[at] != hash {
		at = (at + 1) & uint64(h.size-1)
	}
	if h.slots[at] == 0 {
		h.slots[at] = hash
		h.found++
	}
	return h.found
}
