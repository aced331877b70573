package store

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

func TestPostgresEndsATransactionThatStandsStill(t *testing.T) {
	t.Parallel()
	server := os.Getenv("HOLDFAST_POSTGRES")
	if server == "" {
		t.Skip("HOLDFAST_POSTGRES is not set")
	}
	address := postgresAddress(t, server)
	stopped, next := open(t, address, Options{idleTimeout: 100 * time.Millisecond}), open(t, address, Options{})
	c := claim(t, stopped, 0)
	begun, stop, written := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	wake := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(wake)
	go func() {
		written <- stopped.transact(t.Context(), func(ctx context.Context, tx transaction) error {
			if _, err := c.hold(ctx, tx, 42); err != nil {
				return err
			}
			close(begun)
			<-stop
			return nil
		})
	}()
	receive(t, begun)
	if c := claim(t, next, 0); c.Written != -1 { // or it would wait
		t.Errorf("what was not committed is written up to %d", c.Written)
	}
	wake()
	if err := receive(t, written); err == nil || errors.Is(err, ErrFenced) {
		t.Errorf("the transaction that stood still ended with %v", err)
	}
	if _, err := stopped.Write(t.Context(), Batch{Claim: c, Next: 42}); !errors.Is(err, ErrFenced) {
		t.Errorf("the process that was stopped writes again: %v", err)
	}
}

func TestPostgresKeepsTheOperatorsBoundOnIdleness(t *testing.T) {
	t.Parallel()
	server := os.Getenv("HOLDFAST_POSTGRES")
	if server == "" {
		t.Skip("HOLDFAST_POSTGRES is not set")
	}
	address := postgresAddress(t, server)
	for given, want := range map[string]string{"": "10s", "&idle_in_transaction_session_timeout=77000": "77s"} {
		s := open(t, address+given, Options{})
		var got string
		err := s.db.query(t.Context(), func(scan scan) error { return scan(&got) }, "SHOW idle_in_transaction_session_timeout")
		if err != nil || got != want {
			t.Errorf("with %q: %s, %v; want %s", given, got, err, want)
		}
	}
}
