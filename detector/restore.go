package detector

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// SnapshotReader reads a snapshot. What it stands for is known at once; the
// state itself is read by Restore.
type SnapshotReader struct {
	r      io.Reader
	header header
}

// OpenSnapshot reads the beginning of a snapshot. The error is an
// ErrSnapshotVersion or an ErrSnapshotDamaged where it is not the reader's.
func OpenSnapshot(r io.Reader) (*SnapshotReader, error) {
	s := &SnapshotReader{r: r}
	var start [20]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, readingSnapshot(err)
	}
	if string(start[:8]) != snapshotMagic {
		return nil, readingSnapshot(fmt.Errorf("it does not begin like one: %w", ErrSnapshotDamaged))
	}
	if version := binary.LittleEndian.Uint32(start[8:]); version != snapshotVersion {
		return nil, readingSnapshot(fmt.Errorf("version %d, and this one is %d: %w", version, snapshotVersion, ErrSnapshotVersion))
	}
	size := binary.LittleEndian.Uint32(start[12:])
	if size > maxHeader {
		return nil, readingSnapshot(fmt.Errorf("a header of %d bytes: %w", size, ErrSnapshotDamaged))
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return nil, readingSnapshot(err)
	}
	if len(text) < int(size) || crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(start[16:]) {
		return nil, readingSnapshot(fmt.Errorf("the header: %w", ErrSnapshotDamaged))
	}
	if err := json.Unmarshal(text, &s.header); err != nil {
		return nil, readingSnapshot(fmt.Errorf("the header: %w", ErrSnapshotDamaged))
	}
	return s, nil
}

// readingSnapshot makes one error of the ways in which a snapshot is damaged.
func readingSnapshot(err error) error {
	if errors.Is(err, memory.ErrDamaged) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", ErrSnapshotDamaged, err)
	}
	return fmt.Errorf("reading a snapshot: %w", err)
}

// Mark is what the snapshot stands for.
func (s *SnapshotReader) Mark() Mark { return s.header.Mark }

// Partition is whose state it is.
func (s *SnapshotReader) Partition() int32 { return s.header.Partition }

// Restore reads the state and makes an engine of it that goes on as the one did
// that was written. The options' rules must be those that were in force then;
// others are put in force afterwards. It checks all that it reads: the error is
// an ErrSnapshotDamaged or an ErrSnapshotRules where it is not the reader's.
func (s *SnapshotReader) Restore(opts Options) (*Engine, error) {
	e, err := New(opts)
	if err != nil {
		return nil, err
	}
	if err := s.restore(e); err != nil {
		return nil, readingSnapshot(err)
	}
	return e, nil
}

func (s *SnapshotReader) restore(e *Engine) error {
	h := &s.header
	if h.Partition != e.opts.Partition {
		return fmt.Errorf("it is that of partition %d: %w", h.Partition, ErrSnapshotDamaged)
	}
	e.key = hashKey{h.Key[0], h.Key[1]}
	e.watermark, e.started, e.events, e.serial, e.names = h.Watermark, h.Started, h.Events, h.Serial, h.Names
	if err := s.restoreRules(e); err != nil {
		return err
	}

	pages := memory.PagesReader{R: s.r}
	read := func(n int) ([]*memory.Page, error) {
		if n < 0 || n > 1<<19 {
			return nil, ErrSnapshotDamaged
		}
		return pages.Read(n)
	}
	all, err := read(h.Arena.Pages)
	if err != nil {
		return err
	}
	arena, marks, err := memory.RestoreArena(h.Arena, all)
	if err != nil {
		return err
	}
	e.arena = *arena
	known := make(map[string]*memory.Table, len(h.Groupings))
	for _, g := range h.Groupings {
		all, err := read(g.Table.Pages)
		if err != nil {
			return err
		}
		if known[g.Name], err = memory.RestoreTable(g.Table, all); err != nil {
			return err
		}
	}
	for _, t := range e.groupings {
		table := known[t.name]
		if table == nil {
			return fmt.Errorf("the tables: %w", ErrSnapshotDamaged)
		}
		t.Table = *table
	}
	if all, err = read(h.Recent.Pages); err != nil {
		return err
	}
	recent, err := memory.RestoreRecent(h.Recent, all)
	if err != nil {
		return err
	}
	e.recent.Recent = *recent
	var end [len(snapshotEnd)]byte
	if _, err := io.ReadFull(s.r, end[:]); err != nil {
		return err
	}
	if string(end[:]) != snapshotEnd {
		return fmt.Errorf("the end: %w", ErrSnapshotDamaged)
	}
	inspection := inspection{e: e, marks: marks}
	return inspection.all()
}

// restoreRules gives the rules the numbers that the state knows them by.
func (s *SnapshotReader) restoreRules(e *Engine) error {
	kept := make(map[string]ruleHeader, len(s.header.Rules))
	for _, r := range s.header.Rules {
		kept[r.ID] = r
	}
	if len(kept) != len(e.rules) {
		return ErrSnapshotRules
	}
	taken := make(map[uint16]bool, len(kept))
	for _, r := range e.rules {
		k, ok := kept[r.rule.ID]
		if !ok || k.Version != r.rule.Version || k.Status != r.rule.Status {
			return ErrSnapshotRules
		}
		if k.Owner == 0 || taken[k.Owner] {
			return fmt.Errorf("the rules: %w", ErrSnapshotDamaged)
		}
		taken[k.Owner] = true
		r.owner, r.hand = k.Owner, k.Hand
	}
	e.group()
	e.deadlines.owners = e.owners
	return nil
}

// inspection goes through a state that was read, so that nothing in it can lead
// the engine astray, and makes anew what a snapshot does not keep: how many
// groups each rule remembers, and the deadlines.
type inspection struct {
	e     *Engine
	marks *memory.Marks
}

var errState = fmt.Errorf("the state is not consistent: %w", ErrSnapshotDamaged)

func (x *inspection) all() error {
	for i, t := range x.e.groupings {
		for record := range t.Records() {
			if !t.Used(record) {
				continue
			}
			if err := x.record(i, t, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// record goes through the chain of a record.
func (x *inspection) record(grouping int, t *grouping, record uint32) error {
	for ref, first := t.Chain(record), true; ref != 0; first = false {
		c, err := x.marks.Take(ref)
		if err != nil {
			return err
		}
		if c.Owner() == 0 {
			if c.Kind() != cellProfile || !first || grouping != accounts {
				return errState
			}
			err = x.profile(c)
		} else {
			if int(c.Owner()) >= len(x.e.owners) || x.e.owners[c.Owner()] == nil || x.e.owners[c.Owner()].grouping != t {
				return errState
			}
			err = x.cell(x.e.owners[c.Owner()], c, record)
		}
		if err != nil {
			return err
		}
		ref = c.Next()
	}
	x.e.present = x.e.ownersIn(x.e.present[:0], t, record)
	for _, owner := range x.e.present {
		x.e.owners[owner].stored++
	}
	return nil
}

// cell goes through a cell of a rule.
func (x *inspection) cell(r *ruleState, c memory.Chunk, record uint32) error {
	ok := true
	switch c.Kind() {
	case cellEntries:
		return x.entries(r, c.Payload())
	case cellOpen:
		ok = c.Used() == openEnd-1
	case cellSequence:
		if c.Used() != seqChains-1+2*(len(r.slots)-1) {
			return errState
		}
		for at := seqChains; at <= c.Used(); at += 2 {
			if err := x.chain(r, memory.Ref(c[at])); err != nil {
				return err
			}
		}
	case cellScore:
		ok = c.Used() == scoreNewest && r.rule.Score != nil
	case cellSurge:
		ok = c.Used() == surgeVariance && r.rule.Surge != nil
	case cellHeld:
		return x.held(r, c, record)
	default:
		ok = false
	}
	if !ok {
		return errState
	}
	return nil
}

// entries goes through packed entries of a rule.
func (x *inspection) entries(r *ruleState, words entries) error {
	for len(words) > 0 {
		if len(words) < 2 || wordsOf(words[1]) > len(words) {
			return errState
		}
		var en entry
		en, words = words.cut()
		if int(en[1]>>entryDistinct&entryCounts) != len(r.rule.Distinct) {
			return errState
		}
		if en.isAlert() {
			if _, name := en.alert(); int(name) >= len(x.e.names) {
				return errState
			}
		}
	}
	return nil
}

// chain goes through the links of a chain of a sequence.
func (x *inspection) chain(r *ruleState, ref memory.Ref) error {
	for n := 0; ref != 0; n++ {
		c, err := x.marks.See(ref)
		if err != nil {
			return err
		}
		if n > len(r.slots) || c.Kind() != chunkLink || c.Owner() == 0 || c.Used() < 2 || wordsOf(c.Payload()[1]) != c.Used() {
			return errState
		}
		if err := x.entries(r, c.Payload()); err != nil {
			return err
		}
		ref = c.Next()
	}
	return nil
}

// held goes through a list of held alerts, and puts their deadlines in order.
func (x *inspection) held(r *ruleState, c memory.Chunk, record uint32) error {
	if c.Used() != heldEnd-1 || r.rule.Without == nil {
		return errState
	}
	var count, before uint64
	for ref := memory.Ref(c[heldFirst]); ref != 0; count++ {
		a, err := x.marks.Take(ref)
		if err != nil {
			return err
		}
		if a.Kind() != chunkAlert || a.Owner() != r.owner || a.Used() != armEnd-1 ||
			a[armRecord] != uint64(record) || a[armBefore] != before || a[armSerial] > x.e.serial {
			return errState
		}
		if _, err := x.chunks(chunkText, memory.Ref(a[armEvent])); err != nil {
			return err
		}
		evidence, err := x.chunks(chunkEvidence, memory.Ref(a[armEvidence]))
		if err != nil {
			return err
		}
		if err := x.entries(r, evidence); err != nil || len(evidence) == 0 {
			return errState
		}
		if err := x.event(memory.Ref(a[armEvent])); err != nil {
			return err
		}
		x.e.deadlines.push(deadline{
			at: holdfast.Instant(a[armDeadline]), offset: int64(a[armOffset]), serial: a[armSerial], owner: r.owner, ref: ref,
		})
		before = uint64(ref)
		ref = a.Next()
	}
	if count != c[heldCount] || count == 0 {
		return errState
	}
	return nil
}

// chunks goes through a chain of chunks of one kind, and returns their words.
func (x *inspection) chunks(kind uint8, ref memory.Ref) ([]uint64, error) {
	x.e.words = x.e.words[:0]
	for ref != 0 {
		c, err := x.marks.Take(ref)
		if err != nil {
			return nil, err
		}
		if c.Kind() != kind {
			return nil, errState
		}
		x.e.words = append(x.e.words, c.Payload()...)
		ref = c.Next()
	}
	return x.e.words, nil
}

// event checks that the text of a held alert's event can be read.
func (x *inspection) event(ref memory.Ref) error {
	words := x.e.getWords(nil, ref)
	if len(words) == 0 || words[0] > uint64(8*(len(words)-1)) {
		return errState
	}
	if !readable(readText(nil, words[1:], int(words[0]))) {
		return errState
	}
	return nil
}

// profile goes through an account's profile and its sessions.
func (x *inspection) profile(c memory.Chunk) error {
	if c.Used() < profileLists-1 {
		return errState
	}
	flags := c[profileFlags]
	devices, countries, networks := flags>>countDevices&0xff, flags>>countCountries&0xff, flags>>countNetworks&0xff
	if devices > maxDevices || countries > maxPlaces || networks > maxPlaces ||
		c.Used() != profileLists-1+int(deviceWords*devices+placeWords*(countries+networks)) {
		return errState
	}
	count := int(flags >> countSessions & 0xff)
	if c[profileSessions] == 0 || count == 0 {
		if c[profileSessions] != 0 || count != 0 {
			return errState
		}
		return nil
	}
	chunk, err := x.marks.Take(memory.Ref(c[profileSessions]))
	if err != nil {
		return err
	}
	all := sessions{chunk.Payload(), count}
	if chunk.Kind() != chunkSessions || len(all.words)%sessionWords != 0 || count > all.room() || count > maxSessions {
		return errState
	}
	for i := range count {
		ids, err := x.marks.Take(all.at(i).ids())
		if err != nil {
			return err
		}
		if ids.Kind() != chunkText || ids.Next() != 0 || ids.Used() == 0 {
			return errState
		}
		idLen, deviceLen := int(uint32(ids.Payload()[0])), int(ids.Payload()[0]>>32)
		if idLen > longestIDLen || deviceLen > longestIDLen || ids.Used() != 1+wordsFor(idLen)+wordsFor(deviceLen) {
			return errState
		}
	}
	return nil
}
