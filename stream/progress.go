package stream

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// progress is how far the consumer has come since it started: what readiness
// asks for.
type progress struct {
	group string

	mu      sync.Mutex
	joined  bool
	pending map[int32]bool // partitions assigned to us that have not caught up yet
}

func (p *progress) join() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined = true
}

func (p *progress) behind(partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending[partition] = true
}

func (p *progress) done(partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pending, partition)
}

// err says what is missing, nil if nothing is.
func (p *progress) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.joined:
		return fmt.Errorf("consumer group %q has not assigned partitions yet", p.group)
	case len(p.pending) > 0:
		return fmt.Errorf("partitions %v have not caught up yet", slices.Sorted(maps.Keys(p.pending)))
	}
	return nil
}
