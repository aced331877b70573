package notify

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // Europe/Berlin, wherever the tests run

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the tests' present.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// takeover is the alert of the story's end.
func takeover() holdfast.Alert {
	return holdfast.Alert{
		ID:      "takeover-1f",
		Rule:    "takeover",
		Title:   "A new session after an attack on the codes",
		Level:   holdfast.Critical,
		Status:  holdfast.Stable,
		Time:    holdfast.Instant(time.Date(2026, 11, 24, 8, 34, 0, 123e6, time.UTC).UnixNano()),
		Account: "u_1842",
		Country: "NG",
		Channel: "voice",
		Sessions: holdfast.Sessions{
			Suspect:   []holdfast.Session{{ID: "s_evil", Device: "d_evil"}},
			Protected: []holdfast.Session{{ID: "s_mine", Device: "d_mine"}},
		},
		Respond: []holdfast.Response{
			{Kind: holdfast.NotifyOwner, Template: "takeover"},
			{Kind: holdfast.TerminateSessions, Scope: "suspects", When: holdfast.Now},
		},
	}
}

// with returns a copy of the alert, changed.
func with(a holdfast.Alert, change func(*holdfast.Alert)) holdfast.Alert {
	change(&a)
	return a
}

func mustPhone(t *testing.T, number string) Phone {
	t.Helper()
	p, err := ParsePhone(number)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustTemplates(t *testing.T) *Templates {
	t.Helper()
	templates, err := NewTemplates(TemplateOptions{Service: "Chatter"})
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

// memoryInbox keeps messages by alert and channel, as the store does.
type memoryInbox struct {
	mu       sync.Mutex
	messages map[string]holdfast.Message
	err      error
}

func (b *memoryInbox) PutMessage(_ context.Context, m holdfast.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	if b.messages == nil {
		b.messages = make(map[string]holdfast.Message)
	}
	key := m.Alert + "/" + string(m.Channel)
	if _, ok := b.messages[key]; !ok {
		b.messages[key] = m
	}
	return nil
}

// fixedDirectory knows the contacts it is made of.
type fixedDirectory map[string]Contact

func (d fixedDirectory) Contact(_ context.Context, account string) (Contact, error) {
	c, ok := d[account]
	if !ok {
		return Contact{}, ErrNoContact
	}
	return c, nil
}

// logbook collects what is logged.
func logbook() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}
