package detector

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync/atomic"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// A snapshot is, in this order:
//
//	8 bytes  magic
//	4 bytes  version, little endian like all numbers
//	4 bytes  length of the header
//	4 bytes  CRC-32C of the header
//	         the header, JSON
//	         pages: of the arena, of each grouping's table, of the recent keys
//	8 bytes  the end's magic
const (
	snapshotMagic   = "HOLDFAST"
	snapshotEnd     = "TSAFDLOH"
	snapshotVersion = 2
	maxHeader       = 64 << 20 // bytes
)

// The errors of reading a snapshot.
var (
	// ErrSnapshotVersion says that a snapshot was written in a form that this
	// version does not know.
	ErrSnapshotVersion = errors.New("the snapshot has a version that this holdfast does not know")
	// ErrSnapshotDamaged says that a snapshot is not what was written: it is cut
	// off, or bits have changed.
	ErrSnapshotDamaged = errors.New("the snapshot is damaged")
	// ErrSnapshotRules says that a snapshot was written under other rules than
	// those it is to be read with.
	ErrSnapshotRules = errors.New("the snapshot was written under other rules")
)

// Mark says what a snapshot stands for. The engine keeps it for its reader and
// does not look at it.
type Mark struct {
	// Next is the offset after the last event that the state knows of.
	Next int64 `json:"next"`
	// Last is that event's offset, and Fingerprint a hash of its record, by which
	// a log that was made anew can be told. -1 and 0 where there is none.
	Last        int64  `json:"last"`
	Fingerprint uint64 `json:"fingerprint"`
	// Journal is the ordinal of the last entry of the partition's journal that the
	// state knows of, 0 if it knows of none: entries that stand between the same
	// two records as the cut are told apart by it.
	Journal int64 `json:"journal"`
	// RuleSet names the rules in force.
	RuleSet string `json:"rule_set"`
}

// header is the part of a snapshot that is not pages.
type header struct {
	Mark      Mark              `json:"mark"`
	Partition int32             `json:"partition"`
	Key       [2]uint64         `json:"key"` // of the hashes
	Watermark holdfast.Instant  `json:"watermark_ns"`
	Started   bool              `json:"started"`
	Events    uint64            `json:"events"`
	Serial    uint64            `json:"serial"`
	Names     []string          `json:"names"`
	Rules     []ruleHeader      `json:"rules"`
	Arena     memory.ArenaRoot  `json:"arena"`
	Groupings []groupingHeader  `json:"groupings"`
	Recent    memory.RecentRoot `json:"recent"`
}

type ruleHeader struct {
	ID      string          `json:"id"`
	Version string          `json:"version"`
	Status  holdfast.Status `json:"status"`
	Owner   uint16          `json:"owner"`
	Hand    uint32          `json:"hand"`
}

type groupingHeader struct {
	Name  string           `json:"name"`
	Table memory.TableRoot `json:"table"`
}

// Snapshot is the state of an engine between two events. The engine goes on while
// it is written: what it changes meanwhile, it copies first.
type Snapshot struct {
	header   header
	pages    [][]*memory.Page
	released atomic.Bool
}

// Snapshot returns the state as it is now. It takes note of the pages that there
// are, which is some microseconds for a gigabyte of them. The state is shared until the snapshot is released, and there is
// one at a time: while there is, Snapshot returns nil.
func (e *Engine) Snapshot(mark Mark) *Snapshot {
	if e.thaw(); e.frozen != nil {
		return nil
	}
	s := &Snapshot{header: header{
		Mark: mark, Partition: e.opts.Partition, Key: [2]uint64{e.key.k0, e.key.k1},
		Watermark: e.watermark, Started: e.started, Events: e.events, Serial: e.serial,
		Names: slices.Clip(e.names),
	}}
	for _, r := range e.rules {
		s.header.Rules = append(s.header.Rules, ruleHeader{r.rule.ID, r.rule.Version, r.rule.Status, r.owner, r.hand})
	}
	var pages []*memory.Page
	s.header.Arena, pages = e.arena.Freeze()
	s.pages = append(s.pages, pages)
	for _, t := range e.groupings {
		h := groupingHeader{Name: t.name}
		h.Table, pages = t.Freeze()
		s.header.Groupings = append(s.header.Groupings, h)
		s.pages = append(s.pages, pages)
	}
	s.header.Recent, pages = e.recent.Freeze()
	s.pages = append(s.pages, pages)
	e.frozen = s
	return s
}

// thaw lets the engine have its state for itself again once a snapshot has been
// released.
func (e *Engine) thaw() {
	if e.frozen == nil || !e.frozen.released.Load() {
		return
	}
	e.arena.Thaw()
	e.recent.Thaw()
	for _, t := range e.groupings {
		t.Thaw()
	}
	e.frozen = nil
}

// Release ends the snapshot. It may be called from any goroutine, more than once.
func (s *Snapshot) Release() { s.released.Store(true) }

// Write writes the snapshot, from any goroutine. It must not be called after
// Release.
func (s *Snapshot) Write(w io.Writer) error {
	text, err := json.Marshal(&s.header)
	if err != nil {
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	start := append([]byte(nil), snapshotMagic...)
	start = binary.LittleEndian.AppendUint32(start, snapshotVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(text)))
	start = binary.LittleEndian.AppendUint32(start, crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	if _, err := w.Write(append(start, text...)); err != nil {
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	pages := memory.PagesWriter{W: w}
	for _, region := range s.pages {
		for _, p := range region {
			if err := pages.Write(p); err != nil {
				return fmt.Errorf("writing a snapshot: %w", err)
			}
		}
	}
	if _, err := io.WriteString(w, snapshotEnd); err != nil {
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	return nil
}
