package memory

// recentKeys is how many keys a [Recent] remembers.
const recentKeys = 1 << 16

// Recent remembers the last 65,536 different keys. The zero value has seen none.
//
// The keys lie in a ring. An index of buckets finds them: a slot of it holds 14
// bits of the key, the last two bits of the round in which the ring came to its
// place, and the place. What the ring has overwritten since shows by the round, so
// that nothing has to be taken out of the index, and a look touches one bucket.
type Recent struct {
	pages          // the keys, two words each
	next    uint32 // where the next key goes
	round   uint32 // how often the ring has gone round
	buckets [][bucketSlots]uint32
	spilled []spilled // keys whose bucket was full; there are hardly ever any
}

type spilled struct {
	key   Key
	place uint32
	round uint32
}

// A bucket holds 16 keys on average and has room for twice as many: about one
// key in 10,000 finds it full.
const (
	bucketSlots  = 32
	bucketCount  = recentKeys / 16
	bucketShift  = 64 - 12 // the first bits of a key choose its bucket
	roundShift   = 16
	slotTagShift = 18
	slotTagBits  = 32 - slotTagShift
)

// slot is what the index holds of a key at a place of the ring.
func slot(k Key, place, round uint32) uint32 {
	return uint32(k.Lo)<<slotTagShift | round&3<<roundShift | place
}

// live reports whether the ring still holds what was put into it at a place in a
// round, of which the last two bits are known. Round 0 is none, so that an empty
// slot is not.
func (r *Recent) live(place, round uint32) bool {
	current := r.round
	if place >= r.next {
		current--
	}
	return current > 0 && round&3 == current&3
}

// Seen reports whether the key is one of the last ones, and remembers it if not.
func (r *Recent) Seen(k Key) bool {
	if r.buckets == nil {
		r.buckets = make([][bucketSlots]uint32, bucketCount)
		r.round = 1
	}
	bucket := &r.buckets[k.Lo>>bucketShift]
	tag := uint32(k.Lo) & (1<<slotTagBits - 1)
	for _, s := range bucket {
		if s>>slotTagShift == tag && r.live(s&(recentKeys-1), s>>roundShift) && *r.at(s & (recentKeys - 1)) == [2]uint64{k.Hi, k.Lo} {
			return true
		}
	}
	for i := range r.spilled {
		if s := &r.spilled[i]; s.key == k && r.holds(s) {
			return true
		}
	}
	r.note(bucket, k)
	r.put(k)
	return false
}

// holds reports whether the ring still holds what did not find room in its bucket.
func (r *Recent) holds(s *spilled) bool {
	return s.round == r.round && s.place < r.next || s.round+1 == r.round && s.place >= r.next
}

// note puts a key into its bucket, where half the slots are free as a rule: from
// any slot on, one is soon found.
func (r *Recent) note(bucket *[bucketSlots]uint32, k Key) {
	for i := range uint64(bucketSlots) {
		s := &bucket[(k.Hi+i)%bucketSlots]
		if !r.live(*s&(recentKeys-1), *s>>roundShift) {
			*s = slot(k, r.next, r.round)
			return
		}
	}
	r.spill(k)
}

// spill remembers a key whose bucket is full, in place of those that the ring has
// overwritten since.
func (r *Recent) spill(k Key) {
	kept := r.spilled[:0]
	for _, s := range r.spilled {
		if r.holds(&s) {
			kept = append(kept, s)
		}
	}
	r.spilled = append(kept, spilled{k, r.next, r.round})
}

// Touch reads what Seen will read for a key, so that the reads of several keys
// overlap. What it returns means nothing.
func (r *Recent) Touch(k Key) uint32 {
	if r.buckets == nil {
		return 0
	}
	bucket := &r.buckets[k.Lo>>bucketShift]
	return bucket[0] + bucket[bucketSlots/2]
}

// Len is how many keys are remembered.
func (r *Recent) Len() int {
	if r.round > 1 {
		return recentKeys
	}
	return int(r.next)
}

func (r *Recent) at(n uint32) *[2]uint64 {
	at := n << 1 & pageMask
	return (*[2]uint64)(r.table[n>>(pageBits-1)].words[at : at+2])
}

// put writes a key into the ring.
func (r *Recent) put(k Key) {
	n := r.next
	if int(n>>(pageBits-1)) == len(r.table) {
		r.grow()
	}
	at := n << 1 & pageMask
	*(*[2]uint64)(r.own(n >> (pageBits - 1))[at : at+2]) = [2]uint64{k.Hi, k.Lo}
	if r.next++; r.next == recentKeys {
		r.next = 0
		r.round++
	}
}

// index makes the buckets anew from the ring, the oldest key first.
func (r *Recent) index() {
	r.buckets = make([][bucketSlots]uint32, bucketCount)
	add := func(from, to, round uint32) {
		for place := from; place < to; place++ {
			k := Key{r.at(place)[0], r.at(place)[1]}
			bucket := &r.buckets[k.Lo>>bucketShift]
			free := -1
			for i, s := range bucket {
				if s == 0 {
					free = i
					break
				}
			}
			if free >= 0 {
				bucket[free] = slot(k, place, round)
			} else {
				r.spilled = append(r.spilled, spilled{k, place, round})
			}
		}
	}
	if r.round > 1 {
		add(r.next, recentKeys, r.round-1)
	}
	add(0, r.next, r.round)
}
