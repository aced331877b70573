package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
)

// memory is a store in memory. It fences and refuses as the real one does, and a
// test holds the two against each other.
type memory struct {
	mu          sync.Mutex
	claim       store.Claim // the last one, with Snapshot and Written as they are now
	journal     []store.Entry
	ruleSets    map[string][]byte
	alerts      map[string]holdfast.Alert
	occurrences map[string]holdfast.Occurrences
}

func newMemory() *memory {
	return &memory{
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

func (m *memory) Write(_ context.Context, b store.Batch) (w store.Written, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.hold(b.Claim, b.Next); err != nil {
		return w, err
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
	return w, nil
}

func (m *memory) MakeCurrent(_ context.Context, c store.Claim, next int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Generation == m.claim.Generation && next < m.claim.Snapshot {
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

func (m *memory) Journal(_ context.Context, _ string, _ int32, after int64) ([]store.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.journal), func(e store.Entry) bool { return e.After < after }), nil
}

func (m *memory) KeepRuleSet(_ context.Context, hash string, content []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept := m.ruleSets[hash]; kept != nil && !bytes.Equal(kept, content) {
		return fmt.Errorf("with other content: %w", store.ErrRefused)
	}
	m.ruleSets[hash] = bytes.Clone(content)
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
