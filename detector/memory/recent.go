package memory

// recentKeys is how many keys a [Recent] remembers.
const recentKeys = 1 << 16

// Recent remembers the last 65,536 different keys. The zero value has seen none.
type Recent struct {
	pages        // the keys, two words each, in a ring
	next  uint32 // where the next key goes
	full  bool   // the ring has gone round
	slots []uint64
}

// A slot of the index holds the first 47 bits of the key's low half, a 1, and the
// key's place in the ring. 0 is an empty one. There are twice as many slots as
// keys, so that probes are short; the first bits say where a key's begin.
const (
	recentSlots = 2 * recentKeys
	slotHome    = 64 - 17 // shift
	slotTag     = ^uint64(1<<17 - 1)
	slotUsed    = 1 << 16
)

// Seen reports whether the key is one of the last ones, and remembers it if not.
func (r *Recent) Seen(k Key) bool {
	if r.slots == nil {
		r.slots = make([]uint64, recentSlots)
	}
	i := k.Lo >> slotHome
	for ; r.slots[i] != 0; i = (i + 1) % recentSlots {
		if s := r.slots[i]; s&slotTag == k.Lo&slotTag && *r.at(uint32(s & (recentKeys - 1))) == [2]uint64{k.Hi, k.Lo} {
			return true
		}
	}
	if r.full {
		r.forget(r.next)
		for i = k.Lo >> slotHome; r.slots[i] != 0; {
			i = (i + 1) % recentSlots
		}
	}
	r.slots[i] = k.Lo&slotTag | slotUsed | uint64(r.next)
	r.put(k)
	return false
}

// Touch reads what Seen will read for the key that is n keys ahead, so that the
// reads of several keys overlap. What it returns means nothing.
func (r *Recent) Touch(k Key, n int) uint64 {
	if r.slots == nil {
		return 0
	}
	sum := r.slots[k.Lo>>slotHome]
	if r.full {
		sum += r.slots[r.at((r.next + uint32(n)) % recentKeys)[1]>>slotHome]
	}
	return sum
}

// Len is how many keys are remembered.
func (r *Recent) Len() int {
	if r.full {
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
	copy(r.own(n >> (pageBits - 1))[at:], []uint64{k.Hi, k.Lo})
	r.next = (n + 1) % recentKeys
	r.full = r.full || r.next == 0
}

// forget takes the key at a place of the ring out of the index, and closes the
// gap in it.
func (r *Recent) forget(n uint32) {
	i := r.at(n)[1] >> slotHome
	for r.slots[i]&(recentKeys-1) != uint64(n) || r.slots[i] == 0 {
		i = (i + 1) % recentSlots
	}
	for j := (i + 1) % recentSlots; r.slots[j] != 0; j = (j + 1) % recentSlots {
		home := r.slots[j] >> slotHome
		if (j-home)%recentSlots >= (j-i)%recentSlots {
			r.slots[i] = r.slots[j]
			i = j
		}
	}
	r.slots[i] = 0
}
