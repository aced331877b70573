package stream

import (
	"context"
	"net"
	"sync"
)

// sockets makes connections that can be torn down together. The client library
// has calls that nothing else ends: a long poll that was given up, a join that
// waits for other members.
type sockets struct {
	dialer net.Dialer

	mu    sync.Mutex
	epoch context.Context // of the connections made now; they end with it
	end   context.CancelFunc
}

func newSockets() *sockets {
	s := &sockets{}
	s.epoch, s.end = context.WithCancel(context.Background())
	return s
}

func (s *sockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(epoch, cancel)()
	conn, err := s.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &socket{Conn: conn, forget: context.AfterFunc(epoch, func() { _ = conn.Close() })}, nil
}

// abort tears down the connections there are. New ones can be made.
func (s *sockets) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch.Err() != nil {
		return // closed
	}
	s.end()
	s.epoch, s.end = context.WithCancel(context.Background())
}

// close tears down the connections there are and lets none be made any more.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

type socket struct {
	net.Conn
	forget func() bool
}

func (s *socket) Close() error {
	s.forget()
	return s.Conn.Close()
}
