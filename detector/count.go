package detector

// applyCount applies a rule that counts events, or different values among them
// (DESIGN 3.3).
func (r *ruleState) applyCount(e *Engine, s *scope, out *Output) (firing, bool) {
	if r.cancel.holds(s) {
		if _, g, ok := r.groupOf(e, s, r.settingsFor(s)); ok && g != nil {
			same := r.rule.Cancel.Same
			g.take(len(same) == 0, e.key.same(r.buf[:0], same, &s.Scope))
		}
		return firing{}, false
	}
	if !r.match.holds(s) || r.excepted(s) {
		return firing{}, false
	}
	id, g, set := r.admit(e, s, out)
	if g == nil {
		return firing{}, false
	}
	defer r.keep(e, id, g)
	e.stats.Overflowed += g.append(r.entryOf(e, s), set.timespan, e.opts.MaxEntries)
	if len(g.entries) < set.count || !r.distinct(g.entries) {
		return firing{}, false
	}
	return r.complete(e, s, g, set, g.entries)
}

// distinct reports whether each of the rule's fields has as many different
// values among the entries as it asks for.
func (r *ruleState) distinct(entries []entry) bool {
	for i := range r.rule.Distinct {
		different := make(map[uint64]struct{}, r.rule.Distinct[i].Count)
		for _, en := range entries {
			if en.values[i] != 0 {
				different[en.values[i]] = struct{}{}
			}
		}
		if len(different) < r.rule.Distinct[i].Count {
			return false
		}
	}
	return true
}
