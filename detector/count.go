package detector

// applyCount applies a rule that counts events, or different values among them
// (DESIGN 3.3).
func (r *rulePlan) applyCount(e *Engine, s *scope, out *Output) {
	if r.cancel.holds(s) {
		if g, ok := r.groupOf(e, s, r.settingsFor(s)); ok && g.entries != 0 {
			r.take(e, s, &g)
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
	before := e.list
	list := append(before, en...)
	if set.timespan > 0 {
		newest, _ := list.newest()
		oldest := newest.Add(-set.timespan)
		list = list.keep(func(en entry) bool { return en.time() >= oldest })
	}
	n := list.count()
	for ; n > e.opts.MaxEntries; n-- {
		_, list = list.cut()
		e.stats.Overflowed++
	}
	e.list = list
	switch {
	case n >= set.count && r.distinct(e, list):
		r.complete(e, s, &g, set, list)
	case len(list) == len(before)+len(en):
		e.push(&g, en)
	default:
		e.replace(&g, list)
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
		list := e.list.keep(func(en entry) bool { return en.same() != same })
		if len(list) < len(e.list) {
			e.replace(g, list)
		}
	}
	e.settle(g)
}

// distinct reports whether each of the rule's fields has as many different
// values among the entries as it asks for.
func (r *ruleState) distinct(e *Engine, list entries) bool {
	for i := range r.rule.Distinct {
		if !e.different.reach(list, i, r.rule.Distinct[i].Count) {
			return false
		}
	}
	return true
}

// hashSet counts different hashes. It keeps its memory from one count to the
// next.
type hashSet struct{ slots []uint64 }

// reach reports whether the i-th values of the entries are n different ones at
// least. Empty values don't count.
func (h *hashSet) reach(list entries, i, n int) bool {
	size := 16
	for size < 2*n {
		size *= 2
	}
	if len(h.slots) < size {
		h.slots = make([]uint64, size)
	}
	slots := h.slots[:size] // at most n values go in, so that half stays empty
	clear(slots)
	for found := 0; len(list) > 0; {
		var en entry
		en, list = list.cut()
		value := en.value(i)
		if value == 0 {
			continue
		}
		at := value & uint64(size-1)
		for slots[at] != 0 && slots[at] != value {
			at = (at + 1) & uint64(size-1)
		}
		if slots[at] == 0 {
			slots[at] = value
			if found++; found == n {
				return true
			}
		}
	}
	return false
}
