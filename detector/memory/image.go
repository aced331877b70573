package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Page is a page of words, as it is written.
type Page = words

// PageBytes is how many bytes [PagesWriter] makes of a page.
const PageBytes = pageWords*8 + 4

// ErrDamaged says that what is read is not what was written.
var ErrDamaged = errors.New("damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PagesWriter writes pages one after the other, each with a check sum over its
// number and its words (CRC-32C).
type PagesWriter struct {
	W      io.Writer
	number uint64
	buffer []byte
}

// Write writes a page.
func (w *PagesWriter) Write(p *Page) error {
	b := w.buffer[:0]
	for _, word := range p {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	b = binary.LittleEndian.AppendUint32(b, checkSum(w.number, b))
	w.buffer = b
	w.number++
	_, err := w.W.Write(b)
	return err
}

func checkSum(number uint64, b []byte) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], number)
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, b)
}

// PagesReader reads what [PagesWriter] has written.
type PagesReader struct {
	R      io.Reader
	number uint64
	buffer [PageBytes]byte
}

// Read reads so many pages. The error is ErrDamaged where it is not the
// reader's.
func (r *PagesReader) Read(n int) ([]*Page, error) {
	all := make([]*Page, 0, min(n, 1<<16))
	for range n {
		if _, err := io.ReadFull(r.R, r.buffer[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, fmt.Errorf("page %d: the end is missing: %w", r.number, ErrDamaged)
			}
			return nil, err
		}
		b := r.buffer[:pageWords*8]
		if checkSum(r.number, b) != binary.LittleEndian.Uint32(r.buffer[len(b):]) {
			return nil, fmt.Errorf("page %d: the check sum is wrong: %w", r.number, ErrDamaged)
		}
		r.number++
		page := new(Page)
		for i := range page {
			page[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		all = append(all, page)
	}
	return all, nil
}

// restored makes pages of what was read.
func restored(all []*Page) pages {
	p := pages{table: make([]page, len(all))}
	for i := range all {
		p.table[i].words = all[i]
	}
	return p
}

// ArenaRoot is what has to be known of an arena beside its pages.
type ArenaRoot struct {
	Pages int   `json:"pages"`
	Next  Ref   `json:"next"`
	Free  []Ref `json:"free"`
}

// Freeze returns the arena as it is. Its pages stay so until Thaw.
func (a *Arena) Freeze() (ArenaRoot, []*Page) {
	return ArenaRoot{Pages: len(a.table), Next: a.next, Free: append([]Ref(nil), a.free[:]...)}, a.freeze()
}

// Thaw ends a freeze: the frozen pages are not read any more.
func (a *Arena) Thaw() { a.thaw() }

// RestoreArena makes an arena of a root and pages, none of which it trusts. Only
// chunks that the returned marks know may be read.
func RestoreArena(root ArenaRoot, all []*Page) (*Arena, *Marks, error) {
	a := &Arena{pages: restored(all), next: root.Next}
	if len(root.Free) != len(a.free) || int(root.Next>>pageBits) > len(all) || len(all) > 0 && root.Next == 0 {
		return nil, nil, fmt.Errorf("the arena's root: %w", ErrDamaged)
	}
	m := &Marks{arena: a, starts: make([]uint64, (len(all)*pageWords+63)/64), taken: make([]uint64, (len(all)*pageWords+63)/64)}
	for n := range all {
		at := Ref(n << pageBits)
		end := min(at+pageWords, root.Next)
		if n == 0 {
			at = 1
		}
		for at+Ref(sizes[0]) <= end {
			class := all[n][at&pageMask] >> sizeShift & 15
			if class >= uint64(len(sizes)) || at+Ref(sizes[class]) > end {
				break // the rest of a page that was too short for the next chunk
			}
			size := Ref(sizes[class])
			m.starts[at>>6] |= 1 << (at & 63)
			at += size
		}
	}
	copy(a.free[:], root.Free)
	for size, ref := range a.free {
		for ref != 0 {
			c, err := m.Take(ref)
			if err != nil {
				return nil, nil, err
			}
			if int(c[0]>>sizeShift&15) != size || c.Kind() != 0 {
				return nil, nil, fmt.Errorf("a free chunk: %w", ErrDamaged)
			}
			ref = c.Next()
		}
	}
	return a, m, nil
}

// Marks say which chunks of a restored arena there are, and which of them have
// been taken already: each belongs in one place.
type Marks struct {
	arena         *Arena
	starts, taken []uint64
}

// See returns a chunk, or ErrDamaged if there is none at the place or its words
// are more than it has room for.
func (m *Marks) See(ref Ref) (Chunk, error) {
	if ref == 0 || int(ref>>6) >= len(m.starts) || m.starts[ref>>6]&(1<<(ref&63)) == 0 {
		return nil, fmt.Errorf("a reference leads nowhere: %w", ErrDamaged)
	}
	c := m.arena.Read(ref)
	if c.Used() > c.Room() {
		return nil, fmt.Errorf("a chunk is too full: %w", ErrDamaged)
	}
	return c, nil
}

// Take is See for a chunk that nothing else may refer to.
func (m *Marks) Take(ref Ref) (Chunk, error) {
	c, err := m.See(ref)
	if err != nil {
		return nil, err
	}
	if m.taken[ref>>6]&(1<<(ref&63)) != 0 {
		return nil, fmt.Errorf("two places refer to a chunk: %w", ErrDamaged)
	}
	m.taken[ref>>6] |= 1 << (ref & 63)
	return c, nil
}

// TableRoot is what has to be known of a table beside its pages.
type TableRoot struct {
	Pages int    `json:"pages"`
	Used  uint32 `json:"used"`
	Free  uint32 `json:"free"`
	Hand  uint32 `json:"hand"`

	Round  int64 `json:"round"`
	Before int64 `json:"before"`
}

// Freeze returns the table as it is. Its pages stay so until Thaw.
func (t *Table) Freeze() (TableRoot, []*Page) {
	return TableRoot{Pages: len(t.table), Used: t.used, Free: t.free, Hand: t.hand, Round: t.round, Before: t.before}, t.freeze()
}

// Thaw ends a freeze: the frozen pages are not read any more.
func (t *Table) Thaw() { t.thaw() }

// RestoreTable makes a table of a root and pages, none of which it trusts: but
// where the records' chains begin is for the caller to check.
func RestoreTable(root TableRoot, all []*Page) (*Table, error) {
	t := &Table{pages: restored(all), used: root.Used, free: root.Free, hand: root.Hand, round: root.Round, before: root.Before}
	if root.Used > maxRecords || int64(root.Used) > int64(len(all))<<perPage || root.Free > root.Used {
		return nil, fmt.Errorf("a table's root: %w", ErrDamaged)
	}
	for n := range root.Used {
		r := t.record(n)
		if r[1] == freeRecord {
			continue
		}
		if _, twice := t.Find(Key{r[1] >> checkShift, r[0]}); twice {
			return nil, fmt.Errorf("two records have one key: %w", ErrDamaged)
		}
		t.index.insert(t, r[0], n)
		t.live++
	}
	free := 0
	for n := root.Free; n != 0; free++ {
		if n > root.Used || free > int(root.Used) || t.Used(n-1) {
			return nil, fmt.Errorf("the free records: %w", ErrDamaged)
		}
		n = uint32(t.record(n - 1)[0])
	}
	if t.live+free != int(root.Used) {
		return nil, fmt.Errorf("the number of records: %w", ErrDamaged)
	}
	return t, nil
}

// RecentRoot is what has to be known of a Recent beside its pages.
type RecentRoot struct {
	Pages int    `json:"pages"`
	Next  uint32 `json:"next"`
	Round uint32 `json:"round"`
}

// Freeze returns the keys as they are. Their pages stay so until Thaw.
func (r *Recent) Freeze() (RecentRoot, []*Page) {
	return RecentRoot{Pages: len(r.table), Next: r.next, Round: r.round}, r.freeze()
}

// Thaw ends a freeze: the frozen pages are not read any more.
func (r *Recent) Thaw() { r.thaw() }

// RestoreRecent makes a Recent of a root and pages, none of which it trusts.
func RestoreRecent(root RecentRoot, all []*Page) (*Recent, error) {
	keys := root.Next
	if root.Round > 1 {
		keys = recentKeys
	}
	if root.Next >= recentKeys || root.Round == 0 && root.Next > 0 || int(keys) > len(all)<<perPage || len(all)<<perPage > recentKeys {
		return nil, fmt.Errorf("the recent keys' root: %w", ErrDamaged)
	}
	r := &Recent{pages: restored(all), next: root.Next, round: root.Round}
	if keys > 0 {
		r.index()
	}
	return r, nil
}
