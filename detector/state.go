package detector

import (
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules/expression"
)

// All that is remembered of a group of events hangs in a chain of chunks (see
// package memory) from its record in the table of its grouping. Rules that group
// by the same fields share the table, so that an event is looked up once for all
// of them; a chunk's owner says whose it is. The chunks of a chain are of these
// kinds. The profile of an account is the first of its chain.
const (
	cellProfile  = iota + 1 // owner 0
	cellEntries             // of a count, score or surge; there may be several, the newest first
	cellOpen                // the alert whose suppression is remembered
	cellSequence            // how far the chains of a sequence have come
	cellScore
	cellSurge
	cellHeld // the alerts that wait for their deadline
)

// These kinds of chunks hang elsewhere.
const (
	chunkLink     = iota + cellHeld + 1 // an event of a sequence; its owner is how many refer to it
	chunkAlert                          // a held alert
	chunkEvidence                       // entries of a held alert
	chunkText                           // bytes
	chunkSessions                       // the sessions of a profile
)

// grouping is the table of the rules that group by the same fields.
type grouping struct {
	memory.Table
	name   string // the fields' names
	fields []expression.Field
}

// nameOf names a grouping.
func nameOf(fields []expression.Field) string {
	var name strings.Builder
	for i := range fields {
		name.WriteString(fields[i].Name + "\n")
	}
	return name.String()
}

// place is where an event belongs in a grouping. It is found once an event, when
// the first rule asks.
type place struct {
	key      memory.Key
	keyed    bool // the key is known, and so the event belongs to a group
	foreseen bool // the record was there when the engine looked ahead
	resolved bool
	belongs  bool // no field of the grouping is empty
	exists   bool // there is a record
	record   uint32
}

// place finds the event's group in a grouping.
func (e *Engine) place(grouping int, s *scope) *place {
	p := &s.places[grouping]
	if p.resolved {
		return p
	}
	p.resolved = true
	t := e.groupings[grouping]
	if p.belongs = p.keyed; !p.belongs {
		if e.tuple, p.belongs = valuesOf(e.tuple[:0], t.fields, &s.Scope); p.belongs {
			p.key = e.key.wide(e.tuple)
		}
	}
	switch {
	case !p.belongs:
	case p.foreseen && t.Holds(p.record, p.key):
		p.exists = true
	default:
		p.record, p.exists = t.Find(p.key)
	}
	return p
}

// group is what a rule remembers of a group of events: its cells, 0 for those
// that are not there.
type group struct {
	*place
	rule  *ruleState
	table *grouping

	stored   bool // at least one cell is there, or was when the rule began
	entries  memory.Ref
	open     memory.Ref
	sequence memory.Ref
	score    memory.Ref
	surge    memory.Ref
	held     memory.Ref

	window   window // of the entries
	surveyed bool   // the window is known
}

// look finds what a rule remembers of a group.
func (e *Engine) look(r *ruleState, p *place) group {
	g := group{place: p, rule: r, table: r.grouping}
	if !p.exists {
		return g
	}
	for ref := g.table.Chain(p.record); ref != 0; {
		c := e.arena.Read(ref)
		if c.Owner() == r.owner {
			if cell := g.cell(c.Kind()); *cell == 0 {
				*cell = ref
				g.stored = true
			}
		}
		ref = c.Next()
	}
	return g
}

func (g *group) cell(kind uint8) *memory.Ref {
	switch kind {
	case cellEntries:
		return &g.entries
	case cellOpen:
		return &g.open
	case cellSequence:
		return &g.sequence
	case cellScore:
		return &g.score
	case cellSurge:
		return &g.surge
	}
	return &g.held
}

// add hangs a new cell of some words, all 0, into the group's chain and returns
// it. Where the group's table is full, the cell is none: the group
// can't be remembered.
func (e *Engine) add(g *group, kind uint8, words int) memory.Chunk {
	if !g.exists && !e.insert(g.table, g.place) {
		e.stats.Evicted++
		return nil
	}
	if !g.stored {
		e.makeRoom(g.rule)
		g.stored = true
		g.rule.stored++
		g.rule.begun++
	}
	ref := e.arena.Alloc(g.rule.owner, kind, words)
	*g.cell(kind) = ref
	e.hang(g.table, g.record, ref)
	c := e.arena.Own(ref)
	clear(c.Payload())
	return c
}

// cellOf returns a group's cell of a kind to be changed, making it if there is
// none; it is none where there is no room for it.
func (e *Engine) cellOf(g *group, kind uint8, words int) memory.Chunk {
	if ref := *g.cell(kind); ref != 0 {
		return e.arena.Own(ref)
	}
	return e.add(g, kind, words)
}

// insert makes the record of a place that has none.
func (e *Engine) insert(t *grouping, p *place) bool {
	if e.arena.Full() {
		return false
	}
	if p.record, p.exists = t.Insert(p.key); p.exists {
		t.SetDue(p.record, e.latestDue())
	}
	return p.exists
}

// hang puts a chunk into a record's chain: first, but behind a profile.
func (e *Engine) hang(t *grouping, record uint32, ref memory.Ref) {
	head := t.Chain(record)
	if head != 0 && e.arena.Read(head).Kind() == cellProfile {
		profile := e.arena.Own(head)
		e.arena.Own(ref).SetNext(profile.Next())
		profile.SetNext(ref)
		return
	}
	e.arena.Own(ref).SetNext(head)
	t.SetChain(record, ref)
}

// relink lets what refers to a chunk of a record's chain refer to another one.
func (e *Engine) relink(t *grouping, record uint32, from, to memory.Ref) {
	at := t.Chain(record)
	if at == from {
		t.SetChain(record, to)
		return
	}
	for next := e.arena.Read(at).Next(); next != from; next = e.arena.Read(at).Next() {
		at = next
	}
	e.arena.Own(at).SetNext(to)
}

// drop removes a cell.
func (e *Engine) drop(g *group, kind uint8) {
	cell := g.cell(kind)
	if *cell == 0 {
		return
	}
	e.unhang(g.table, g.record, *cell)
	*cell = 0
}

// unhang takes a chunk out of a record's chain and frees it.
func (e *Engine) unhang(t *grouping, record uint32, ref memory.Ref) {
	e.relink(t, record, ref, e.arena.Read(ref).Next())
	e.arena.Free(ref)
}

// clear drops what a group has gathered, as if nothing had ever been.
func (e *Engine) clear(g *group) {
	e.clearEntries(g)
	e.clearSequence(g)
	e.drop(g, cellScore)
}

// abandon drops all that a rule remembers of a group.
func (e *Engine) abandon(g *group) {
	e.clear(g)
	e.drop(g, cellSurge)
	e.drop(g, cellOpen)
	e.dropHeldIf(g, func(memory.Chunk) bool { return true })
	e.settle(g)
}

// settle notes, once a rule is done with a group, whether anything is left of it,
// and when it is to be looked at again.
func (e *Engine) settle(g *group) {
	if !g.stored {
		return
	}
	if g.entries|g.open|g.sequence|g.score|g.surge|g.held == 0 {
		g.stored = false
		g.rule.stored--
		if g.rule.victims != nil {
			g.rule.victims.remove(g.record)
		}
		return
	}
	if due := e.due(e.remembersUntil(g)); sooner(due, g.table.Due(g.record)) {
		g.table.SetDue(g.record, due)
	}
	if g.rule.victims != nil {
		g.rule.victims.classify(g.record, e.classOf(g))
	}
}

// newest is the newest time of what the group has gathered, if it has anything.
func (e *Engine) newest(g *group) (holdfast.Instant, bool) {
	switch {
	case g.sequence != 0:
		return holdfast.Instant(e.arena.Read(g.sequence)[seqNewest]), true
	case g.score != 0:
		return holdfast.Instant(e.arena.Read(g.score)[scoreNewest]), true
	case g.surge != 0:
		return holdfast.Instant(e.arena.Read(g.surge)[surgeNewest]), true
	}
	w := e.survey(g)
	return w.newest, w.count > 0
}

// forget drops what the watermark has left behind: what was gathered by span
// after the newest of it, the suppression by lateness after its end.
func (e *Engine) forget(g *group, span time.Duration) {
	if newest, ok := e.newest(g); ok && e.watermark > newest.Add(span) {
		e.clear(g)
		e.drop(g, cellSurge)
	}
	if g.open != 0 && e.watermark > e.suppressedUntil(g).Add(e.opts.MaxLateness) {
		e.drop(g, cellOpen)
	}
}

// remembersUntil returns the watermark past which the group may be empty.
func (e *Engine) remembersUntil(g *group) holdfast.Instant {
	until := e.watermark
	if newest, ok := e.newest(g); ok {
		until = max(until, newest.Add(g.rule.longest+e.opts.MaxLateness))
	}
	if g.open != 0 {
		until = max(until, e.suppressedUntil(g).Add(e.opts.MaxLateness))
	}
	return until
}
