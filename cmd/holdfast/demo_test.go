package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// shout is a terminal that says when something has been written to it.
type shout struct {
	mu   sync.Mutex
	text bytes.Buffer
	word string
	said chan struct{}
}

func (s *shout) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.Contains(s.text.String(), s.word)
	n, err := s.text.Write(b)
	if !before && strings.Contains(s.text.String(), s.word) {
		close(s.said)
	}
	return n, err
}

// TestDemoShowsTheStory runs the whole demo, faster than a person would watch
// it, until the attacker's session has been ended.
func TestDemoShowsTheStory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out := &shout{word: "the service ends the session", said: make(chan struct{})}
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--pace", "10"}, streams{strings.NewReader(""), out, &errs})
	}()
	select {
	case <-out.said:
	case code := <-ended:
		t.Fatalf("the demo ended with %d: %s", code, &errs)
	case <-ctx.Done():
		t.Fatalf("in vain: %s%s", &out.text, &errs)
	}
	cancel()
	if code := <-ended; code != exitDone || errs.Len() > 0 {
		t.Errorf("exit code %d; stderr: %s", code, &errs)
	}
	for _, part := range []string{
		"Ana's inbox   http://127.0.0.1:",
		"Burst of unsolicited verification codes (medium",
		"Voice call after unsolicited SMS codes (high",
		"Repeated wrong codes (high",
		"A new session in a new place after an attack (critical",
		"Nothing is left behind",
	} {
		if !strings.Contains(out.text.String(), part) {
			t.Errorf("the terminal does not show %q:\n%s", part, &out.text)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "holdfast-demo-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
