package detector

import "github.com/holdfastd/holdfast/detector/memory"

// victims are the groups of a rule that comes near max_groups, by how readily they
// are given up. They are told apart from then on only: it costs something. That
// takes some records at each new group, so that no event has to wait for all.
type victims struct {
	byClass [classes]memory.Bitset
	known   uint32 // records with smaller numbers have been told apart
}

// The classes of groups, those first that go first: so that a flood of made-up
// groups pushes out the flood, and not the groups with something to say.
const (
	single  = iota // one event that led to nothing yet
	gather         // several events
	armed          // an alert that is held, or whose suppression is remembered
	classes = iota
)

func (v *victims) classify(record uint32, class int) {
	if record >= v.known {
		return // its turn will come
	}
	for c := range v.byClass {
		v.byClass[c].Set(record, c == class)
	}
}

func (v *victims) remove(record uint32) { v.classify(record, classes) }

// classOf says how readily a group is given up.
func (e *Engine) classOf(g *group) int {
	switch {
	case g.open != 0 || g.held != 0:
		return armed
	case g.surge != 0 || g.sequence != 0 && e.furtherThanFirst(g):
		return gather
	case e.survey(g).count > 1:
		return gather
	}
	return single
}

// makeRoom gives up a group of a rule if the rule has as many as it may have, and
// two if it has more since the bound was lowered.
func (e *Engine) makeRoom(r *ruleState) {
	if r.stored >= e.opts.MaxGroups/8*7 {
		e.tellApart(r, tellApartAtOnce)
	}
	for range 2 {
		if r.stored >= e.opts.MaxGroups {
			e.giveUp(r)
		}
	}
}

// giveUp gives up a group of a rule.
func (e *Engine) giveUp(r *ruleState) {
	t := r.grouping
	e.tellApart(r, t.Records())
	for c := range r.victims.byClass {
		record, ok := r.victims.byClass[c].Next(r.hand)
		if !ok {
			continue
		}
		r.hand = record + 1
		g := e.look(r, &place{exists: true, record: record})
		e.abandon(&g)
		if t.Chain(record) == 0 {
			t.Remove(record)
		}
		e.stats.Evicted++
		return
	}
}

// tellApartAtOnce is how many records are looked at for each new group: all of
// them, by the time that the last eighth of max_groups is used.
const tellApartAtOnce = 256

// tellApart goes on to tell the groups of a rule apart, for so many records.
func (e *Engine) tellApart(r *ruleState, records uint32) {
	if r.victims == nil {
		r.victims = new(victims)
	}
	v, t := r.victims, r.grouping
	for end := min(v.known+records, t.Records()); v.known < end; {
		record := v.known
		v.known++
		if t.Used(record) {
			if g := e.look(r, &place{exists: true, record: record}); g.stored {
				v.classify(record, e.classOf(&g))
			}
		}
	}
}
