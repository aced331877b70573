package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// maxStreams bounds the event streams that are open at once: each reads
	// the store after every change.
	maxStreams = 128
	// streamPause is the least time between two readings of one stream, so
	// that a flood of alerts does not become a flood of queries.
	streamPause = 250 * time.Millisecond
	// heartbeat is how often a quiet stream looks for what other replicas have
	// changed. It sends something in any case: that keeps proxies from closing
	// the stream, and finds the clients that are gone.
	heartbeat = 15 * time.Second
	// streamWriteTimeout is how long a client may take to receive one event.
	streamWriteTimeout = 10 * time.Second
)

// stream serves a view's live region as server-sent events: at once, and again
// whenever it has changed. Each event is the whole region, so a client that
// missed some, or has just come back, needs nothing but the next one.
func (s *site) stream(v view) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.streams <- struct{}{}:
			defer func() { <-s.streams }()
		default:
			w.Header().Set("Retry-After", "10")
			http.Error(w, "too many event streams are open", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := untilShutdown(r.Context())
		defer cancel()
		r = r.WithContext(ctx)

		// Watched before it is first read: no change falls in between.
		changes := s.store.Watch(ctx)
		region, err := s.region(v, r)
		if err != nil {
			status, text := s.explain(ctx, err)
			http.Error(w, text, status)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		if r.Method == http.MethodHead {
			return
		}
		client := newEventWriter(w)
		if client.send(region) != nil {
			return
		}
		if err := s.follow(v, r, changes, client, region); err != nil {
			// Ends the stream; the browser comes back by itself.
			s.explain(ctx, err)
		}
	})
}

// follow sends the region as it changes from what was last sent. It returns nil
// when the client is gone or the server shuts down, and an error if the region
// can no longer be drawn.
func (s *site) follow(v view, r *http.Request, changes <-chan struct{}, client *eventWriter, last string) error {
	ctx := r.Context()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		quiet := false
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			quiet = true
		case _, open := <-changes:
			if !open {
				return nil
			}
		}
		region, err := s.region(v, r)
		if err != nil {
			return err
		}
		switch {
		case region != last:
			if client.send(region) != nil {
				return nil
			}
			last = region
		case quiet:
			if client.ping() != nil {
				return nil
			}
		}
		if pause(ctx, streamPause) != nil {
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// eventWriter writes server-sent events, each with its own deadline instead of
// the connection's.
type eventWriter struct {
	w    io.Writer
	conn *http.ResponseController
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	conn := http.NewResponseController(w)
	// The server's deadline for reading a request would end the stream. Where
	// it can't be lifted there is none.
	_ = conn.SetReadDeadline(time.Time{})
	return &eventWriter{w: w, conn: conn}
}

// send sends HTML as an event of the type "region". It travels as a JSON
// string: whatever line breaks a text holds, it stays one line and can't begin
// an event of its own.
func (e *eventWriter) send(html string) error {
	var b bytes.Buffer
	b.WriteString("event: region\ndata: ")
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(html); err != nil { // ends in the line break
		return err
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

// ping sends a comment, which clients ignore.
func (e *eventWriter) ping() error { return e.write([]byte(":\n\n")) }

func (e *eventWriter) write(p []byte) error {
	if err := e.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write(p); err != nil {
		return err
	}
	if err := e.conn.Flush(); err != nil {
		return err
	}
	// Over HTTP/2 a deadline that passes in silence would end the stream.
	if err := e.conn.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
