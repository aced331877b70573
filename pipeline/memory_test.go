package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
)

// memory is a store in memory, of one partition. It fences, refuses and writes in
// parts as the real one does; TestTheStoreInMemoryIsLikeTheRealOne holds the two
// against each other.
type memory struct {
	rows int                  // that a part of a write has at most
	plan func(holdfast.Alert) // if set, called for each alert of a part before that is written
	torn int                  // writes that ended with some of their parts written

	mu          sync.Mutex
	claim       store.Claim // the last one, with Snapshot and Written as they are now
	journal     []store.Entry
	ruleSets    map[string][]byte
	alerts      map[string]holdfast.Alert
	occurrences map[string]holdfast.Occurrences
}

func newMemory() *memory {
	return &memory{
		rows:     1000,
		claim:    store.Claim{Snapshot: -1, Written: -1},
		ruleSets: map[string][]byte{}, alerts: map[string]holdfast.Alert{}, occurrences: map[string]holdfast.Occurrences{},
	}
}

func (m *memory) Claim(_ context.Context, topic string, partition int32) (store.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claim.Topic, m.claim.Partition = topic, partition
	m.claim.Generation++
	return m.claim, nil
}

// hold does what the first statement of each transaction does.
func (m *memory) hold(c store.Claim, next int64) error {
	if c.Generation != m.claim.Generation {
		return fmt.Errorf("generation %d: %w", c.Generation, store.ErrFenced)
	}
	m.claim.Written = max(m.claim.Written, next)
	return nil
}

func (m *memory) StartOver(_ context.Context, c store.Claim) (store.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.hold(c, -1); err != nil {
		return store.Claim{}, err
	}
	m.journal = nil
	m.claim.Snapshot, m.claim.Written = -1, -1
	m.claim.Generation++
	return m.claim, nil
}

func (m *memory) Write(ctx context.Context, b store.Batch) (w store.Written, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := len(b.Alerts) + len(b.Occurrences)
	if rows == 0 && b.Next <= b.Claim.Written {
		return w, nil
	}
	for from := 0; from == 0 || from < rows; from += m.rows {
		part, to := b, min(rows, from+m.rows)
		alerts := len(b.Alerts)
		part.Alerts = b.Alerts[min(from, alerts):min(to, alerts)]
		part.Occurrences = b.Occurrences[max(0, from-alerts):max(0, to-alerts)]
		if err := m.writePart(ctx, part, &w); err != nil {
			if from > 0 {
				m.torn++
			}
			return w, err
		}
	}
	return w, nil
}

// writePart does what is one transaction.
func (m *memory) writePart(ctx context.Context, b store.Batch, w *store.Written) error {
	for _, a := range b.Alerts {
		if m.plan != nil {
			m.plan(a)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.hold(b.Claim, b.Next); err != nil {
		return err
	}
	for _, a := range b.Alerts {
		if _, known := m.alerts[a.ID]; !known {
			m.alerts[a.ID] = a
			w.New = append(w.New, a)
		}
	}
	for _, o := range b.Occurrences {
		if _, known := m.alerts[o.Alert]; known && o.Count > m.occurrences[o.Alert].Count {
			m.occurrences[o.Alert] = o
		}
	}
	return nil
}

func (m *memory) MakeCurrent(_ context.Context, c store.Claim, next int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Generation == m.claim.Generation && (next < m.claim.Snapshot || next < 0) {
		return fmt.Errorf("the current one is at %d: %w", m.claim.Snapshot, store.ErrRefused)
	}
	if err := m.hold(c, next); err != nil {
		return err
	}
	m.claim.Snapshot = next
	return nil
}

func (m *memory) AppendJournal(_ context.Context, c store.Claim, e store.Entry) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := soundEntry(e); err != nil {
		return 0, err
	}
	if err := m.hold(c, -1); err != nil {
		return 0, err
	}
	last := store.Entry{After: -1}
	if len(m.journal) > 0 {
		last = m.journal[len(m.journal)-1]
	}
	e.Ordinal = last.Ordinal
	switch {
	case e.After == last.After && e.Kind == last.Kind && e.RuleSet == last.RuleSet &&
		e.Watermark == last.Watermark && bytes.Equal(e.Verdict, last.Verdict):
		return last.Ordinal, nil
	case e.After < last.After || e.After < m.claim.Written-1:
		return 0, fmt.Errorf("after %d, behind %d and %d: %w", e.After, last.After, m.claim.Written, store.ErrRefused)
	case e.Kind == store.RuleSetActivated && m.ruleSets[e.RuleSet] == nil:
		return 0, fmt.Errorf("a rule set that isn't kept: %w", store.ErrRefused)
	}
	e.Ordinal++
	m.journal = append(m.journal, e)
	return e.Ordinal, nil
}

// soundEntry refuses what is no entry.
func soundEntry(e store.Entry) error {
	alone := store.Entry{Ordinal: e.Ordinal, After: e.After, Kind: e.Kind}
	switch e.Kind {
	case store.RuleSetActivated:
		alone.RuleSet = e.RuleSet
	case store.IdleWatermark:
		alone.Watermark = e.Watermark
	case store.VerdictGiven:
		if _, err := store.ReadVerdict(e.Verdict); err != nil {
			return err
		}
		alone.Verdict = e.Verdict
	default:
		return fmt.Errorf("an unknown kind: %w", store.ErrRefused)
	}
	if e.After < -1 || !reflect.DeepEqual(e, alone) {
		return fmt.Errorf("no entry of its kind: %w", store.ErrRefused)
	}
	return nil
}

func (m *memory) Journal(_ context.Context, _ string, _ int32, after int64) ([]store.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := after
	for _, e := range m.journal {
		if e.After < after {
			from = e.After
		}
	}
	return slices.DeleteFunc(slices.Clone(m.journal), func(e store.Entry) bool { return e.After < from }), nil
}

func (m *memory) KeepRuleSet(_ context.Context, hash string, content []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hash == "" {
		return fmt.Errorf("no hash: %w", store.ErrRefused)
	}
	if m.ruleSets[hash] == nil {
		m.ruleSets[hash] = append([]byte{}, content...)
	}
	return nil
}

func (m *memory) RuleSet(_ context.Context, hash string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if content, ok := m.ruleSets[hash]; ok {
		return content, nil
	}
	return nil, store.ErrNotFound
}
