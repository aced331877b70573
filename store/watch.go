package store

import (
	"context"
	"sync"
)

// Watch returns a channel that receives when alerts, actions or messages have
// changed through this Store since the last receive: once, however many changes
// there were. It is closed when ctx is done or the Store is closed. Changes
// made by other replicas are not seen.
func (s *Store) Watch(ctx context.Context) <-chan struct{} { return s.changes.subscribe(ctx) }

// broadcast hands a coalesced signal to any number of receivers. Its zero value
// is ready.
type broadcast struct {
	mu        sync.Mutex
	receivers map[chan struct{}]struct{}
	closed    bool
}

func (b *broadcast) subscribe(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		close(c)
		return c
	}
	if b.receivers == nil {
		b.receivers = make(map[chan struct{}]struct{})
	}
	b.receivers[c] = struct{}{}
	context.AfterFunc(ctx, func() { b.unsubscribe(c) })
	return c
}

func (b *broadcast) unsubscribe(c chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.receivers[c]; ok {
		delete(b.receivers, c)
		close(c)
	}
}

func (b *broadcast) signal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.receivers {
		select {
		case c <- struct{}{}:
		default: // it has one to read
		}
	}
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for c := range b.receivers {
		close(c)
	}
	b.receivers = nil
}
