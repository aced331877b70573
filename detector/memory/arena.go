package memory

// Ref is where a chunk lies: its page and its first word. The zero Ref is none.
type Ref uint32

// sizes are those of chunks, in words. Each is about 1.4 times the one before:
// what grows wastes little and moves seldom. None is longer than what used can
// count.
var sizes = [...]uint8{3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 255}

// MaxPayload is the most words that a chunk can hold.
const MaxPayload = 254

// Arena hands out chunks of words from pages. A chunk that is freed is used
// again for one of its size. The zero value is ready.
type Arena struct {
	pages
	next Ref             // the first word that was never used
	free [len(sizes)]Ref // the first of the free chunks of each size, linked by Next
}

// Chunk is a run of words. The first says what it is, the others are its
// payload:
//
//	bits  0-31  next: the chunk after it
//	bits 32-47  owner
//	bits 48-51  kind
//	bits 52-55  size, as an index into sizes; set by the arena
//	bits 56-63  used: words of payload
type Chunk []uint64

const (
	ownerShift = 32
	kindShift  = 48
	sizeShift  = 52
	usedShift  = 56
)

// Next is the chunk after it, 0 for none.
func (c Chunk) Next() Ref { return Ref(c[0]) }

// Owner is whose the chunk is.
func (c Chunk) Owner() uint16 { return uint16(c[0] >> ownerShift) }

// Kind tells apart the chunks of one owner: 0 to 15.
func (c Chunk) Kind() uint8 { return uint8(c[0]>>kindShift) & 15 }

// Used is how many words of payload there are.
func (c Chunk) Used() int { return int(c[0] >> usedShift) }

// Payload is what the chunk holds.
func (c Chunk) Payload() []uint64 { return c[1 : 1+c.Used()] }

// Room is how many words of payload there can be.
func (c Chunk) Room() int { return len(c) - 1 }

// SetNext changes the chunk after it.
func (c Chunk) SetNext(r Ref) { c[0] = c[0]&^0xffffffff | uint64(r) }

// SetOwner changes whose the chunk is.
func (c Chunk) SetOwner(o uint16) { c[0] = c[0]&^(0xffff<<ownerShift) | uint64(o)<<ownerShift }

// SetUsed changes how many words of payload there are: at most [Chunk.Room].
func (c Chunk) SetUsed(n int) { c[0] = c[0]&^(0xff<<usedShift) | uint64(n)<<usedShift }

// Alloc returns a chunk with room for a payload of at least n words, at most
// [MaxPayload]. Of the chunk's first word owner, kind and used are set, and what
// the payload holds is undefined.
func (a *Arena) Alloc(owner uint16, kind uint8, n int) Ref {
	size := 0
	for int(sizes[size]) < n+1 {
		size++
	}
	r := a.free[size]
	if r != 0 {
		a.free[size] = a.Read(r).Next()
	} else {
		r = a.fresh(Ref(sizes[size]))
	}
	a.own(uint32(r >> pageBits))[r&pageMask] = uint64(owner)<<ownerShift | uint64(kind)<<kindShift |
		uint64(size)<<sizeShift | uint64(n)<<usedShift
	return r
}

// fresh returns n words that were never used. A chunk lies within one page.
func (a *Arena) fresh(n Ref) Ref {
	if a.next == 0 {
		a.grow()
		a.next = 1 // no chunk is at 0
	}
	if a.next&pageMask+n > pageWords {
		a.next = (a.next>>pageBits + 1) << pageBits
	}
	if int(a.next>>pageBits) == len(a.table) {
		a.grow()
	}
	r := a.next
	a.next += n
	return r
}

// Free gives a chunk back.
func (a *Arena) Free(r Ref) {
	c := a.Own(r)
	size := c[0] >> sizeShift & 15
	c[0] = size<<sizeShift | uint64(a.free[size])
	a.free[size] = r
}

// FreeChain gives a chunk back and those after it.
func (a *Arena) FreeChain(r Ref) {
	for r != 0 {
		next := a.Read(r).Next()
		a.Free(r)
		r = next
	}
}

// Read returns a chunk that is not to be changed. It is valid until the arena
// changes.
func (a *Arena) Read(r Ref) Chunk {
	page, at := a.table[r>>pageBits].words, r&pageMask
	return page[at : at+Ref(sizes[page[at]>>sizeShift&15])]
}

// Touch reads the beginning of a chunk, so that the reads of several chunks
// overlap. What it returns means nothing.
func (a *Arena) Touch(r Ref) uint64 {
	page, at := a.table[r>>pageBits].words, r&pageMask
	return page[at] + page[min(at+8, pageMask)] + page[min(at+16, pageMask)] + page[min(at+24, pageMask)]
}

// Own returns a chunk that may be changed until the next freeze.
func (a *Arena) Own(r Ref) Chunk {
	page, at := a.own(uint32(r>>pageBits)), r&pageMask
	return page[at : at+Ref(sizes[page[at]>>sizeShift&15])]
}

// Full reports whether the arena has come near the 32 GiB that a Ref can name: then
// nothing new is to be begun.
func (a *Arena) Full() bool {
	const most, reserve = 1 << (32 - pageBits), 1 << 10 // pages
	return len(a.table) > most-reserve
}

// Words is how many words the arena's pages hold, used or not.
func (a *Arena) Words() int { return len(a.table) * pageWords }
