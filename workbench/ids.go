package workbench

import (
	"slices"
	"sort"
)

// IDs are the ids of the events of a partition, by offset: the engine itself
// remembers places, not names.
type IDs struct {
	blocks []idBlock
}

// idBlock is the ids of some events in a row, in one piece of memory.
type idBlock struct {
	first   int64    // offset of the first event
	offsets []uint32 // of the events, from first
	text    []byte
	ends    []uint32 // in text, by event
}

// idsPerBlock is how many events a block names.
const idsPerBlock = 1 << 14

// add remembers the id of an event, in the order of offsets.
func (ids *IDs) add(offset int64, id string) {
	last := len(ids.blocks) - 1
	if last < 0 || len(ids.blocks[last].ends) == idsPerBlock || offset-ids.blocks[last].first > 1<<31 {
		size := 16 * idsPerBlock
		if last >= 0 {
			size = len(ids.blocks[last].text) * 9 / 8
		}
		ids.blocks = append(ids.blocks, idBlock{
			first: offset, text: make([]byte, 0, size),
			offsets: make([]uint32, 0, idsPerBlock), ends: make([]uint32, 0, idsPerBlock),
		})
		last++
	}
	b := &ids.blocks[last]
	b.text = append(b.text, id...)
	b.offsets = append(b.offsets, uint32(offset-b.first))
	b.ends = append(b.ends, uint32(len(b.text)))
}

// At returns the id of the event at an offset; "" if it had none.
func (ids *IDs) At(offset int64) string {
	block := sort.Search(len(ids.blocks), func(i int) bool { return ids.blocks[i].first > offset }) - 1
	if block < 0 || offset-ids.blocks[block].first > 1<<31 {
		return ""
	}
	b := &ids.blocks[block]
	i, found := slices.BinarySearch(b.offsets, uint32(offset-b.first))
	if !found {
		return ""
	}
	start := uint32(0)
	if i > 0 {
		start = b.ends[i-1]
	}
	return string(b.text[start:b.ends[i]])
}
