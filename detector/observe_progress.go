package detector

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
	"github.com/holdfastd/holdfast/rules"
)

// MaxShown is how many entries, and how many held alerts, a [Progress] shows at
// most: the last ones.
const MaxShown = 100

// Progress is how far a rule has got in the group of an event. What the rule would
// forget if the event came is not in it.
type Progress struct {
	Rule *rules.Rule
	// Group is what the event's group has in common; it is empty for the one group
	// of everything.
	Group holdfast.Group
	// Empty names the fields of group_by that are empty in the event. If there are
	// any, the event belongs to no group, and nothing below Settings is known.
	Empty []string
	// Settings are the values in force for the event.
	Settings Settings

	// Entries are the last of the events that a count gathered, or that a score or
	// surge would show as evidence, in the order of arrival; Gathered is how many
	// there are.
	Entries  []Entry
	Gathered int
	Distinct []Distinct
	// Chains are the ways in which a sequence has begun, the longest first; the n-th
	// event of a chain served the step [Progress.Step](n).
	Chains [][]Entry
	Score  *Score // of a score that has begun
	Surge  *Surge // of a surge that has begun, as the event would find it
	// Open is the suppression that is remembered, in force or past.
	Open *Suppression
	// Held are the last of the alerts that wait for their deadline, the newest
	// first; Holding is how many there are.
	Held    []Held
	Holding int

	slots []int
}

// Settings are a rule's values after its overrides.
type Settings struct {
	Count     int           // events that are demanded; 0: none
	Timespan  time.Duration // 0: none
	Suppress  time.Duration // 0: none
	Threshold float64       // of a score
	// Override is the place of the override in force among the rule's, -1 if there
	// is none.
	Override int
}

// Entry is an event that a rule remembers.
type Entry struct {
	Evidence holdfast.Evidence
	Time     holdfast.Instant // of the event; of an alert, the alert's
}

// Distinct is how many different values of a field are there, of those that are
// needed: Have is no more than Need.
type Distinct struct {
	Field string `json:"field"`
	Have  int    `json:"have"`
	Need  int    `json:"need"`
}

// Score is a decaying sum, as of a time.
type Score struct {
	Sum      float64
	Newest   holdfast.Instant
	HalfLife time.Duration
}

// At is the sum at a time. It does not decay before the newest event.
func (s *Score) At(t holdfast.Instant) float64 {
	if t <= s.Newest {
		return s.Sum
	}
	return s.Sum * math.Exp2(-float64(t.Sub(s.Newest))/float64(s.HalfLife))
}

// Surge is a bucket of events and the past that it is held against.
type Surge struct {
	Begins    holdfast.Instant `json:"begins"` // of the current bucket
	Count     int              `json:"count"`  // events in it
	Fired     bool             `json:"fired"`  // in it
	Closed    int              `json:"closed"` // buckets that have trained the baseline
	Mean      float64          `json:"mean"`
	Deviation float64          `json:"deviation"`
	Limit     float64          `json:"limit"` // it fires with more events than this
}

// Suppression is that of an alert that fired.
type Suppression struct {
	Until       holdfast.Instant
	Alert       string // id
	Occurrences int64
	Last        holdfast.Position // of the last occurrence; of the alert's trigger if there was none
}

// Held is an alert that waits for its deadline.
type Held struct {
	Deadline holdfast.Instant
	Alert    string            // the id that it will have
	Position holdfast.Position // of the event that completed it
}

// Step is which step of the sequence the n-th event of a chain serves, both from
// 0.
func (p *Progress) Step(n int) int { return p.slots[n] }

// Length is how many events the sequence takes.
func (p *Progress) Length() int { return len(p.slots) }

// Progress returns how far the rule named id has got in the event's group; there
// is none if no such rule is evaluated. It changes nothing.
//
// entries is how many entries are shown at most, of [MaxShown]. A group may have
// gathered thousands, and who asks at every event should ask for few. For 0 they are
// not looked at: Entries, Gathered and Distinct, Score and Surge are left out.
func (v *View) Progress(id string, entries int) (Progress, bool) {
	p, ok := v.Outset(id)
	if !ok || p.Empty != nil {
		return p, ok
	}
	e, r := v.engine, v.engine.named(id)
	g := e.look(r, e.place(r.table, &v.scope))
	e.show(&g, v.scope.Event.Time, min(entries, MaxShown), &p)
	return p, true
}

// Outset is a Progress of what the rule goes by, the settings and the group, without
// anything that it remembers.
func (v *View) Outset(id string) (Progress, bool) {
	r := v.engine.named(id)
	if r == nil {
		return Progress{}, false
	}
	set, override := v.settings(r)
	p := Progress{Rule: r.rule, slots: r.slots, Settings: Settings{
		Count: set.count, Timespan: set.timespan, Suppress: set.suppress, Threshold: set.threshold, Override: override,
	}}
	p.Group, p.Empty = v.group(r)
	return p, true
}

// Group returns the group of the rule named id that the event belongs to, or the
// fields that keep it from belonging to any.
func (v *View) Group(id string) (group holdfast.Group, empty []string) {
	if r := v.engine.named(id); r != nil {
		return v.group(r)
	}
	return nil, nil
}

func (v *View) group(r *ruleState) (group holdfast.Group, empty []string) {
	for i := range r.rule.GroupBy {
		f := &r.rule.GroupBy[i]
		value := f.Value(v.Scope())
		if value == "" {
			empty = append(empty, f.Name)
		}
		group = append(group, holdfast.GroupValue{Field: f.Name, Value: strings.Clone(value)}) // the event's text is the caller's
	}
	return group, empty
}

// settings are those of the first override that matches, and its place, or the
// rule's own.
func (v *View) settings(r *ruleState) (settings, int) {
	for i, o := range r.rule.Overrides {
		if v.shown(r, o.Match) && o.Match.Match(v.Scope()) {
			return r.settings.with(o), i
		}
	}
	return r.settings, -1
}

// show fills in what a rule remembers of a group, as of an event's time.
func (e *Engine) show(g *group, at holdfast.Instant, most int, p *Progress) {
	r := g.rule.rule
	if open := e.suppression(g); open != nil && e.watermark <= open.Until.Add(e.opts.MaxLateness) {
		p.Open = open
	}
	e.showHeld(g, p)
	if most <= 0 && g.sequence == 0 {
		return
	}
	timespan := p.Settings.Timespan
	newest, ok := e.newest(g)
	if ok && e.watermark > newest.Add(g.rule.span(timespan)+e.opts.MaxLateness) {
		forgotten := *g
		forgotten.entries, forgotten.sequence, forgotten.score, forgotten.surge = 0, 0, 0, 0
		forgotten.surveyed = false
		g = &forgotten
	}
	oldest := holdfast.Instant(math.MinInt64)
	if timespan > 0 {
		oldest = newest.Add(-timespan)
	}
	if most > 0 {
		p.Gathered = e.gathered(g, oldest)
		p.Entries = e.lastEntries(g, oldest, most)
		for i, d := range r.Distinct {
			p.Distinct = append(p.Distinct, Distinct{Field: d.Field.Name, Have: e.distinctSince(g, oldest, i, d.Count), Need: d.Count})
		}
	}
	e.showChains(g, oldest, p)
	if g.score != 0 {
		c := e.arena.Read(g.score)
		p.Score = &Score{Sum: math.Float64frombits(c[scoreSum]), Newest: holdfast.Instant(c[scoreNewest]), HalfLife: r.Score.HalfLife}
	}
	if g.surge != 0 {
		var b baseline
		b.read(e.arena.Read(g.surge))
		b.advance(floor(int64(at), int64(r.Surge.Bucket)), r.Surge)
		p.Surge = &Surge{
			Begins: holdfast.Instant(b.bucket * int64(r.Surge.Bucket)), Count: b.count, Fired: b.fired, Closed: b.closed,
			Mean: b.mean, Deviation: b.deviation(), Limit: b.mean + r.Surge.Sigmas*b.deviation(),
		}
	}
}

// since are a group's entries that are not older than a time, chunk by chunk, the
// newest chunk first.
func (e *Engine) since(g *group, oldest holdfast.Instant) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for ref := g.entries; ref != 0; ref = e.older(g, ref) {
			for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
				var en entry
				if en, rest = rest.cut(); en.time() >= oldest && !yield(en) {
					return
				}
			}
		}
	}
}

// gathered is how many entries a group has that are not older than a time. The
// survey knows, unless some are.
func (e *Engine) gathered(g *group, oldest holdfast.Instant) int {
	w := e.survey(g)
	if w.count == 0 || w.oldest >= oldest {
		return w.count
	}
	n := 0
	for range e.since(g, oldest) {
		n++
	}
	return n
}

// distinctSince is how many different i-th values the entries of a group have that
// are not older than a time, n at most: it is not looked for more.
func (e *Engine) distinctSince(g *group, oldest holdfast.Instant, i, n int) int {
	e.different.reset(n)
	for en := range e.since(g, oldest) {
		if e.different.add(en.value(i)) == n {
			break
		}
	}
	return e.different.found
}

// lastEntries shows the last entries of a group that are not older than a time, in
// the order of arrival. Older chunks than it takes are not looked at.
func (e *Engine) lastEntries(g *group, oldest holdfast.Instant, most int) []Entry {
	var shown []Entry // the last first
	for ref := g.entries; ref != 0 && len(shown) < most; ref = e.older(g, ref) {
		var chunk [memory.MaxPayload / 2]entry // an entry has two words at least
		cut := chunk[:0]
		for rest := entries(e.arena.Read(ref).Payload()); len(rest) > 0; {
			var en entry
			if en, rest = rest.cut(); en.time() >= oldest {
				cut = append(cut, en)
			}
		}
		for _, en := range slices.Backward(cut) {
			if len(shown) == most {
				break
			}
			shown = append(shown, e.shown(en))
		}
	}
	slices.Reverse(shown)
	return shown
}

func (e *Engine) showChains(g *group, oldest holdfast.Instant, p *Progress) {
	if g.sequence == 0 {
		return
	}
	c := e.arena.Read(g.sequence)
	for at := seqChains; at <= c.Used(); at += 2 {
		if c[at] == 0 || holdfast.Instant(c[at+1]) < oldest {
			continue
		}
		var chain []Entry
		for ref := memory.Ref(c[at]); ref != 0; ref = e.arena.Read(ref).Next() {
			chain = append(chain, e.shown(entry(e.arena.Read(ref).Payload())))
		}
		slices.Reverse(chain)
		p.Chains = append(p.Chains, chain)
	}
	slices.Reverse(p.Chains)
}

func (e *Engine) showHeld(g *group, p *Progress) {
	if g.held == 0 {
		return
	}
	c := e.arena.Read(g.held)
	p.Holding = int(c[heldCount])
	for ref := memory.Ref(c[heldFirst]); ref != 0 && len(p.Held) < MaxShown; {
		c := e.arena.Read(ref)
		hash, _ := unpackHash(c[armHash], c[armHash+1])
		p.Held = append(p.Held, Held{
			Deadline: holdfast.Instant(c[armDeadline]), Alert: alertID(g.rule.rule.ID, hash),
			Position: holdfast.Position{Partition: e.opts.Partition, Offset: int64(c[armOffset]), Time: holdfast.Instant(c[armTime])},
		})
		ref = c.Next()
	}
}

// suppression is what is remembered of a group's last alert; nil if nothing is.
func (e *Engine) suppression(g *group) *Suppression {
	if g.open == 0 {
		return nil
	}
	c := e.arena.Read(g.open)
	hash, _ := unpackHash(c[openHash], c[openHash+1])
	return &Suppression{
		Until: holdfast.Instant(c[openUntil]), Alert: alertID(g.rule.rule.ID, hash), Occurrences: int64(c[openCount]),
		Last: holdfast.Position{Partition: e.opts.Partition, Offset: int64(c[openOffset]), Time: holdfast.Instant(c[openTime])},
	}
}

// shown is an entry as an observer sees it.
func (e *Engine) shown(en entry) Entry {
	return Entry{Evidence: e.evidenceOf(en), Time: en.time()}
}
