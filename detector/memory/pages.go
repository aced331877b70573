// Package memory holds state as flat pages of words: the garbage collector does
// not walk them, and they can be frozen, so that a snapshot is written while the
// state goes on changing. It knows nothing of rules and events. Nothing in it is
// safe for concurrent use, save that a [Frozen] may be read by anyone.
package memory

const (
	pageBits = 13
	pageMask = pageWords - 1
	// pageWords is the size of a page in words of 8 bytes: 64 KiB. It is what is
	// copied before the first change after a freeze.
	pageWords = 1 << pageBits
)

type words = [pageWords]uint64

// page is one page of state. One whose epoch is past is shared with a frozen view.
type page struct {
	words *words
	epoch uint32
}

// pages is memory that can be frozen. The zero value has no page.
type pages struct {
	table    []page
	spare    []*words // not in use, their contents undefined
	replaced []*words // in use by the frozen view alone
	epoch    uint32
	frozen   uint32 // pages of an earlier epoch are copied before they are changed; 0: none
}

// grow adds a page of zeros.
func (p *pages) grow() {
	w := p.take()
	clear(w[:])
	p.table = append(p.table, page{w, p.epoch})
}

// own returns a page to be changed, which is copied first if it is shared.
func (p *pages) own(n uint32) *words {
	if pg := &p.table[n]; pg.epoch >= p.frozen {
		return pg.words
	}
	return p.replace(n)
}

// replace puts a copy in the place of a page that is shared.
func (p *pages) replace(n uint32) *words {
	pg := &p.table[n]
	w := p.take()
	*w = *pg.words
	p.replaced = append(p.replaced, pg.words)
	pg.words, pg.epoch = w, p.epoch
	return w
}

// take returns a page with undefined contents.
func (p *pages) take() *words {
	last := len(p.spare) - 1
	if last < 0 {
		return new(words)
	}
	w := p.spare[last]
	p.spare = p.spare[:last]
	return w
}

// freeze returns the pages as they are. They stay so until thaw, at the cost of
// a copy of each that is changed meanwhile.
func (p *pages) freeze() []*words {
	p.epoch++
	p.frozen = p.epoch
	view := make([]*words, len(p.table))
	for i := range p.table {
		view[i] = p.table[i].words
	}
	return view
}

// thaw ends the freeze: the frozen pages are not read any more. Some are kept to
// be used again, the garbage collector gets the rest.
func (p *pages) thaw() {
	p.frozen = 0
	if room := len(p.table)/4 + 1 - len(p.spare); room > 0 {
		p.spare = append(p.spare, p.replaced[:min(room, len(p.replaced))]...)
	}
	p.replaced = nil
}
