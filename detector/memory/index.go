package memory

// index finds a table's records by the low half of their keys. It is an
// extendible hash: segments of slots, each found by the first bits of the key,
// and split in two when it is full. So it grows in small steps, and no event has
// to wait for the whole to be built anew. It is not part of a snapshot: the
// records are enough to make it again.
type index struct {
	depth    uint // the directory has 1<<depth entries
	segments []*segment
}

// segment is a hash table with linear probing. A slot holds six bits of the key
// and 1 + the number of the record; 0 is an empty one.
type segment struct {
	depth uint // how many first bits all its keys share
	count int
	slots *[segmentSlots]uint32 // apart, since 16 KiB is a size that the allocator has
}

func newSegment(depth uint) *segment { return &segment{depth: depth, slots: new([segmentSlots]uint32)} }

const (
	segmentSlots = 4096
	segmentMask  = segmentSlots - 1
	// segmentFull is how many slots are used before the segment is split. Beyond
	// four fifths the probes grow long.
	segmentFull  = segmentSlots * 4 / 5
	recordNumber = 26 // bits of a slot that name the record
)

// tag is what a slot holds of the key, from bits that neither choose the segment
// nor, where there are fewer than 2^34 segments, the slot.
func tag(key uint64) uint32 { return uint32(key>>12) & 63 }

func (x *index) segment(key uint64) *segment {
	if x.segments == nil {
		return nil
	}
	return x.segments[key>>(64-x.depth)]
}

func (x *index) insert(t *Table, key uint64, record uint32) {
	if x.segments == nil {
		x.segments = []*segment{newSegment(0)}
	}
	s := x.segment(key)
	for s.count >= segmentFull {
		x.split(t, s, key)
		s = x.segment(key)
	}
	s.insert(key, record)
}

func (s *segment) insert(key uint64, record uint32) {
	i := key & segmentMask
	for s.slots[i] != 0 {
		i = (i + 1) & segmentMask
	}
	s.slots[i] = tag(key)<<recordNumber | (record + 1)
	s.count++
}

// split puts the records of a full segment into two, by the next bit of their
// keys. key is one of the segment.
func (x *index) split(t *Table, s *segment, key uint64) {
	if s.depth == x.depth {
		doubled := make([]*segment, 2*len(x.segments))
		for i, s := range x.segments {
			doubled[2*i], doubled[2*i+1] = s, s
		}
		x.segments = doubled
		x.depth++
	}
	depth := s.depth + 1
	halves := [2]*segment{newSegment(depth), newSegment(depth)}
	for _, slot := range s.slots {
		if slot != 0 {
			n := slot&maxRecords - 1
			k := t.record(n)[0]
			halves[k>>(64-depth)&1].insert(k, n)
		}
	}
	// The directory's entries that share the segment's first bits are in a row.
	width := 1 << (x.depth - s.depth)
	first := int(key>>(64-x.depth)) &^ (width - 1)
	for i := range width {
		x.segments[first+i] = halves[i*2/width]
	}
}

// remove empties the record's slot, and closes the gap: what was inserted past
// it moves up, so that probes find it still.
func (x *index) remove(t *Table, key uint64, record uint32) {
	s := x.segment(key)
	i := key & segmentMask
	for s.slots[i]&maxRecords != record+1 {
		i = (i + 1) & segmentMask
	}
	for j := (i + 1) & segmentMask; s.slots[j] != 0; j = (j + 1) & segmentMask {
		home := t.record(s.slots[j]&maxRecords - 1)[0] & segmentMask
		if (j-home)&segmentMask >= (j-i)&segmentMask { // it may stand at i
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = 0
	s.count--
}
