package notify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// countingDirectory answers by a function and counts the questions.
type countingDirectory struct {
	asked  int
	answer func(account string) (Contact, error)
}

func (d *countingDirectory) Contact(_ context.Context, account string) (Contact, error) {
	d.asked++
	return d.answer(account)
}

func TestCacheAsksAgainWhenItsTimeIsOver(t *testing.T) {
	errDown := errors.New("down")
	for _, test := range []struct {
		name string
		err  error
		kept time.Duration
	}{
		{"contact", nil, time.Minute},
		{"unknown account", ErrNoContact, 10 * time.Second},
		{"failure", errDown, 0},
	} {
		now := noon
		directory := &countingDirectory{answer: func(account string) (Contact, error) {
			return Contact{Account: account}, test.err
		}}
		cache := NewCache(directory, CacheOptions{Now: func() time.Time { return now }})
		ask := func(at time.Duration, asked int) {
			t.Helper()
			now = noon.Add(at)
			c, err := cache.Contact(t.Context(), "ana")
			if !errors.Is(err, test.err) || err == nil && c.Account != "ana" {
				t.Errorf("%s: got %+v, %v", test.name, c, err)
			}
			if directory.asked != asked {
				t.Errorf("%s at %v: asked %d times, not %d", test.name, at, directory.asked, asked)
			}
		}
		ask(0, 1)
		if test.kept > 0 {
			ask(test.kept-1, 1)
		}
		ask(test.kept, 2)
	}
}

func TestCacheForgetsWhatWasUsedLongestAgo(t *testing.T) {
	directory := &countingDirectory{answer: func(account string) (Contact, error) { return Contact{Account: account}, nil }}
	cache := NewCache(directory, CacheOptions{Size: 2, Now: clock})
	ask := func(account string, asked int) {
		t.Helper()
		if _, err := cache.Contact(t.Context(), account); err != nil {
			t.Fatal(err)
		}
		if directory.asked != asked {
			t.Errorf("%s: asked %d times, not %d", account, directory.asked, asked)
		}
	}
	ask("a", 1)
	ask("b", 2)
	ask("a", 2)
	ask("c", 3) // b goes
	ask("a", 3)
	ask("b", 4) // c goes
	ask("c", 5)
	for i := range 100 {
		ask(fmt.Sprint(i), 6+i)
	}
	if cache.recent.Len() != 2 || len(cache.entries) != 2 {
		t.Errorf("%d and %d are kept", cache.recent.Len(), len(cache.entries))
	}
}
