package detector

// applyCount applies a rule that counts events (DESIGN 3.3).
func (r *ruleState) applyCount(e *Engine, s *scope, out *Output) (firing, bool) {
	if r.cancel.holds(s) {
		if _, g, ok := r.groupOf(e, s); ok && g != nil {
			g.take(len(r.same) == 0, e.key.same(r.buf[:0], r.same, &s.Scope))
		}
		return firing{}, false
	}
	if !r.match.holds(s) || r.excepted(s) {
		return firing{}, false
	}
	id, g, ok := r.groupOf(e, s)
	if !ok || g.suppressed(s, out) {
		return firing{}, false
	}
	if g == nil {
		g = &group{}
	}
	defer r.keep(e, id, g)
	e.stats.Overflowed += g.append(r.entryOf(e, s), r.rule.Timespan, e.opts.MaxEntries)
	if len(g.entries) < r.rule.Count {
		return firing{}, false
	}
	return r.fire(s, g, g.entries), true
}
