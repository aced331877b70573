package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func testRuleSets(t *testing.T, address string) {
	s := open(t, address, Options{})
	random := rand.NewChaCha8([32]byte{5})
	large := make([]byte, 3<<20)
	_, _ = random.Read(large) // never fails
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	contents := map[string][]byte{
		"empty": {}, "every byte": every, "large": large, "number": []byte("0123"), "time": []byte("2026-11-24 08:34:00"),
		strings.Repeat("f", 200): []byte("longest hash"),
	}
	for range 2 { // the second time nothing is left to do
		for hash, content := range contents {
			if err := s.KeepRuleSet(t.Context(), hash, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeStore(t, s)

	s = open(t, address, Options{})
	other := []byte("other content")
	for hash, content := range contents {
		if err := s.KeepRuleSet(t.Context(), hash, other); err != nil { // it is not even looked at
			t.Errorf("keeping %s again: %v", hash, err)
		}
		if kept, err := s.RuleSet(t.Context(), hash); err != nil || !bytes.Equal(kept, content) {
			t.Errorf("%s comes back with %d bytes, %v; want its %d", hash, len(kept), err, len(content))
		}
	}
	if err := s.KeepRuleSet(t.Context(), "huge", make([]byte, longestRuleSet+1)); !errors.Is(err, ErrRefused) {
		t.Errorf("more than a rule set may be: %v", err)
	}
	for _, hash := range []string{"", "a\x00b", "\xff", strings.Repeat("f", 201)} {
		if err := s.KeepRuleSet(t.Context(), hash, other); !errors.Is(err, ErrRefused) {
			t.Errorf("the hash %.20q is kept: %v", hash, err)
		}
	}
	if _, err := s.RuleSet(t.Context(), "unknown"); !isNotFound(err) {
		t.Errorf("an unknown one: %v", err)
	}

	// Replicas begin with the same rules at the same time.
	second := open(t, address, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := []*Store{s, second}[i%2].KeepRuleSet(t.Context(), "together", other); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, s, "holdfast_rule_sets"); n != len(contents)+1 {
		t.Errorf("%d rule sets are kept, want %d", n, len(contents)+1)
	}
}
