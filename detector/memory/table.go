package memory

// Key names a record of a table: a keyed hash, wide enough that no two records
// of a deployment share one.
type Key struct{ Hi, Lo uint64 }

// Table finds chains of chunks by key. A record is two words:
//
//	word 0        the key's low half; of a free record, the next free one
//	word 1, 0-31  the chain's first chunk, 0 for none
//	       32-47  sixteen bits of the key's high half: the check against collisions
//	       48-63  when the record is due to be looked at, in units of the caller's
//
// The zero value is ready.
type Table struct {
	pages
	index index
	used  uint32 // records that were ever used
	free  uint32 // 1 + the first free record; 0: none
	live  int
	hand  uint32 // the record that Sweep looks at next
	// When the hand began its present round, and the one before.
	round, before int64
}

const (
	recordBits = 1 // a record is 1<<recordBits words
	perPage    = pageBits - recordBits
	checkShift = 32
	dueShift   = 48
	freeRecord = ^uint64(0) // word 1 of a free record

	// maxRecords is how many records a slot of the index can name.
	maxRecords = 1<<recordNumber - 1
)

func (t *Table) record(n uint32) *[2]uint64 {
	at := n << recordBits & pageMask
	return (*[2]uint64)(t.table[n>>perPage].words[at : at+2])
}

func (t *Table) ownRecord(n uint32) *[2]uint64 {
	at := n << recordBits & pageMask
	return (*[2]uint64)(t.own(n >> perPage)[at : at+2])
}

func check(k Key) uint64 { return k.Hi & 0xffff << checkShift }

const checkMask = 0xffff << checkShift

// Len is how many records there are.
func (t *Table) Len() int { return t.live }

// Records is how many there may have been at once: those in use have smaller
// numbers.
func (t *Table) Records() uint32 { return t.used }

// Find returns the number of the key's record.
func (t *Table) Find(k Key) (uint32, bool) {
	s := t.index.segment(k.Lo)
	if s == nil {
		return 0, false
	}
	mark := tag(k.Lo)
	for i := k.Lo & segmentMask; ; i = (i + 1) & segmentMask {
		slot := s.slots[i]
		if slot == 0 {
			return 0, false
		}
		if slot>>recordNumber != mark {
			continue
		}
		n := slot&maxRecords - 1
		if r := t.record(n); r[0] == k.Lo && r[1]&checkMask == check(k) {
			return n, true
		}
	}
}

// Holds reports whether a record is that of a key: Find would find it. The number
// may be any that Find once returned.
func (t *Table) Holds(n uint32, k Key) bool {
	r := t.record(n)
	return r[0] == k.Lo && r[1]&checkMask == check(k) && r[1] != freeRecord
}

// Touch reads where Find begins to look, so that the reads for several keys
// overlap. What it returns means nothing.
func (t *Table) Touch(k Key) uint64 {
	if s := t.index.segment(k.Lo); s != nil {
		return uint64(s.slots[k.Lo&segmentMask])
	}
	return 0
}

// Insert makes a record for a key that has none. It reports whether there was
// room: a table holds up to 67 million.
func (t *Table) Insert(k Key) (uint32, bool) {
	n := t.free - 1
	if t.free == 0 {
		n = t.used
		if n == maxRecords {
			return 0, false
		}
		if int(n>>perPage) == len(t.table) {
			t.grow()
		}
		t.used++
	} else {
		t.free = uint32(t.record(n)[0])
	}
	*t.ownRecord(n) = [2]uint64{k.Lo, check(k)}
	t.index.insert(t, k.Lo, n)
	t.live++
	return n, true
}

// Remove frees a record, whose chain must be empty.
func (t *Table) Remove(n uint32) {
	t.index.remove(t, t.record(n)[0], n)
	*t.ownRecord(n) = [2]uint64{uint64(t.free), freeRecord}
	t.free = n + 1
	t.live--
}

// Used reports whether the record with a number is in use.
func (t *Table) Used(n uint32) bool { return t.record(n)[1] != freeRecord }

// Chain returns the first chunk of a record's chain.
func (t *Table) Chain(n uint32) Ref { return Ref(t.record(n)[1]) }

// SetChain changes the first chunk of a record's chain.
func (t *Table) SetChain(n uint32, r Ref) {
	w := t.ownRecord(n)
	w[1] = w[1]&^0xffffffff | uint64(r)
}

// Due returns when the record is due.
func (t *Table) Due(n uint32) uint16 { return uint16(t.record(n)[1] >> dueShift) }

// SetDue changes when the record is due.
func (t *Table) SetDue(n uint32, due uint16) {
	w := t.ownRecord(n)
	w[1] = w[1]&^(0xffff<<dueShift) | uint64(due)<<dueShift
}

// Sweep looks at the next few records, round and round, and calls visit for those
// that are due at a time, which never goes back. Dues lie in a circle of 65,536
// units, and no more than ahead units before the time at which they were set: so
// one is past if it is none of the next ahead units. When the time has leapt so far
// since a record was last looked at that this says nothing, all are taken to be
// due. visit may remove the record.
func (t *Table) Sweep(records int, now int64, ahead uint16, visit func(n uint32)) {
	if t.used == 0 {
		t.round, t.before = now, now
	}
	for range min(records, int(t.used)) {
		if t.hand >= t.used {
			t.hand = 0
			t.round, t.before = now, t.round
		}
		n := t.hand
		t.hand++
		w := t.record(n)[1]
		if w == freeRecord {
			continue
		}
		if leapt := now-t.before > circle-int64(ahead); leapt || uint16(w>>dueShift)-uint16(now)-1 >= ahead {
			visit(n)
		}
	}
}

// circle is how many units there are until a due comes round again.
const circle = 1 << 16
