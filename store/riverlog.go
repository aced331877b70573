package store

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// riverLogger is what River logs to: l, without the news of every job, which
// River tells at the level of information, and without repetition, because it
// complains of a database that is down several times a second.
func riverLogger(l *slog.Logger) *slog.Logger {
	return slog.New(terse{l.With("component", "river").Handler(), &said{at: make(map[string]time.Time)}})
}

// terse is a handler of warnings and errors, each said once a minute.
type terse struct {
	slog.Handler
	said *said
}

// said is when each message was let through. Messages are River's constants,
// so there are few.
type said struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (h terse) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h terse) Handle(ctx context.Context, r slog.Record) error {
	if h.said.lately(r.Message, r.Time) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h terse) WithAttrs(attrs []slog.Attr) slog.Handler {
	return terse{h.Handler.WithAttrs(attrs), h.said}
}

func (h terse) WithGroup(name string) slog.Handler {
	return terse{h.Handler.WithGroup(name), h.said}
}

func (s *said) lately(message string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.at[message]; ok && now.Sub(last) < time.Minute {
		return true
	}
	s.at[message] = now
	return false
}
