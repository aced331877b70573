package detector

import "github.com/holdfastd/holdfast"

// groups are the groups that a rule watches. There are never more than a given
// number of them, however many an attacker makes up.
type groups struct {
	byID   map[groupID]*group
	expiry expiry
	serial uint64 // of the group stored last
	// young are the stored groups in the order in which they came; old those of
	// them that turned out to be more than one event when room was needed.
	young, old queue
}

// ref names a stored group. The same id may come back after its group was freed:
// the serial tells the two apart.
type ref struct {
	id     groupID
	serial uint64
}

func newGroups() *groups {
	return &groups{byID: make(map[groupID]*group), expiry: newExpiry()}
}

// live returns the group that a ref names, nil if it has been freed.
func (gs *groups) live(r ref) *group {
	if g := gs.byID[r.id]; g != nil && g.serial == r.serial {
		return g
	}
	return nil
}

// put stores a group that is to be looked at again at a time, giving up another
// one if there are as many as there may be. It reports whether it did.
func (gs *groups) put(id groupID, g *group, until holdfast.Instant, most int) (evicted bool) {
	if len(gs.byID) >= most {
		evicted = gs.evict()
	}
	gs.serial++
	g.serial = gs.serial
	gs.byID[id] = g
	r := ref{id, g.serial}
	gs.expiry.add(until, r)
	gs.young.push(r)
	gs.young.compact(gs)
	return evicted
}

// maxPasses bounds how many armed groups are passed over in search of one that
// can go.
const maxPasses = 64

// evict gives up a group: the oldest of those with a single event if there is
// one, so that a flood of made-up groups pushes out the flood; then the oldest
// that neither holds nor suppresses an alert; then the oldest.
func (gs *groups) evict() bool {
	for r, ok := gs.young.pop(); ok; r, ok = gs.young.pop() {
		switch g := gs.live(r); {
		case g == nil:
		case g.single():
			delete(gs.byID, r.id)
			return true
		default:
			gs.old.push(r)
		}
	}
	for passes := 0; ; passes++ {
		r, ok := gs.old.pop()
		if !ok {
			return false
		}
		switch g := gs.live(r); {
		case g == nil:
		case passes < maxPasses && (g.hasOpen || len(g.held) > 0):
			gs.old.push(r)
		default:
			delete(gs.byID, r.id)
			return true
		}
	}
}

// queue is first in, first out.
type queue struct {
	refs []ref
	head int
}

func (q *queue) push(r ref) { q.refs = append(q.refs, r) }

func (q *queue) pop() (ref, bool) {
	if q.head == len(q.refs) {
		q.refs, q.head = q.refs[:0], 0
		return ref{}, false
	}
	r := q.refs[q.head]
	q.head++
	return r, true
}

// compact drops the refs of groups that have been freed once they are the
// larger part, so that the queue stays within twice the groups there are.
func (q *queue) compact(gs *groups) {
	const least = 1024 // below which it is not worth it
	if len(q.refs) < least+2*len(gs.byID) {
		return
	}
	kept := q.refs[:0]
	for _, r := range q.refs[q.head:] {
		if gs.live(r) != nil {
			kept = append(kept, r)
		}
	}
	q.refs, q.head = kept, 0
}
