package web_test

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in memory that keeps the promises of web.Store.
type memory struct {
	mu       sync.Mutex
	alerts   []web.Alert
	messages []holdfast.Message
	watchers map[chan struct{}]bool
	failure  error         // what every method returns, if not nil
	read     chan struct{} // closed when messages are read, if not nil
}

func (m *memory) Alerts(_ context.Context, q web.Query) ([]web.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.SortFunc(m.alerts, func(a, b web.Alert) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(b.ID, a.ID))
	})
	list := m.alerts
	if q.Before != "" {
		known := slices.IndexFunc(list, func(a web.Alert) bool { return a.ID == q.Before })
		if known < 0 {
			return nil, m.failure
		}
		list = list[known+1:]
	}
	var found []web.Alert
	for _, a := range list {
		if (q.Account == "" || q.Account == a.Account) && (q.Rule == "" || q.Rule == a.Rule) && a.Level >= q.Level {
			found = append(found, a)
		}
	}
	return found[:min(len(found), q.Limit)], m.failure
}

func (m *memory) Alert(_ context.Context, id string) (web.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		if a.ID == id {
			return a, m.failure
		}
	}
	return web.Alert{}, web.ErrNotFound
}

func (m *memory) Messages(_ context.Context, account string, limit int) ([]holdfast.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.read != nil {
		close(m.read)
		m.read = nil
	}
	var found []holdfast.Message
	for _, message := range slices.Backward(m.messages) {
		if message.Account == account {
			found = append(found, message)
		}
	}
	return found[:min(len(found), limit)], m.failure
}

func (m *memory) MarkSeen(_ context.Context, alertID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := web.ErrNotFound
	for i := range m.messages {
		if m.messages[i].Alert == alertID {
			m.messages[i].Seen = noon.Add(time.Minute)
			err = nil
		}
	}
	m.changed()
	return err
}

func (m *memory) Watch(ctx context.Context) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers == nil {
		m.watchers = map[chan struct{}]bool{}
	}
	c := make(chan struct{}, 1)
	m.watchers[c] = true
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, c)
	})
	return c
}

func (m *memory) changed() {
	for c := range m.watchers {
		select {
		case c <- struct{}{}:
		default: // the change before it has not been looked at either
		}
	}
}

// nextRead returns a channel that is closed when messages are read next.
func (m *memory) nextRead() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = make(chan struct{})
	return m.read
}

func (m *memory) tell(message holdfast.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = append(m.messages, message)
	m.changed()
}

func (m *memory) raise(a web.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alerts = append(m.alerts, a)
	m.changed()
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
	m.changed()
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func instant(t time.Time) holdfast.Instant { return holdfast.Instant(t.UnixNano()) }

// takeover is an alert with everything that a page can show.
func takeover() web.Alert {
	return web.Alert{
		Alert: holdfast.Alert{
			ID: "takeover-1f", Rule: "takeover", Title: "Takeover after an attack", Version: "9f2c", Level: holdfast.Critical,
			Status: holdfast.Stable, Time: instant(noon), Account: "ana", Country: "NG",
			Group:   holdfast.Group{{Field: "account", Value: "ana"}, {Field: "client.ip", Value: "203.0.113.7"}},
			Trigger: holdfast.Position{Partition: 3, Offset: 4711, Time: instant(noon)},
			Evidence: []holdfast.Evidence{
				{Position: holdfast.Position{Partition: 3, Offset: 4701, Time: instant(noon.Add(-2 * time.Minute))}, Alert: "wrong-codes-2e"},
				{Position: holdfast.Position{Partition: 3, Offset: 4711, Time: instant(noon)}},
			},
			Count: 2, First: instant(noon.Add(-2 * time.Minute)), Last: instant(noon),
			Sessions: holdfast.Sessions{
				Suspect:   []holdfast.Session{{ID: "s_evil", Device: "d_evil", Started: instant(noon)}},
				Protected: []holdfast.Session{{ID: "s_own", Started: instant(noon.Add(-time.Hour))}},
			},
		},
		Occurrences: holdfast.Occurrences{Alert: "takeover-1f", Count: 12, Last: holdfast.Position{Partition: 3, Offset: 4790, Time: instant(noon.Add(time.Minute))}},
		Stored:      noon.Add(8 * time.Millisecond),
		Actions: []web.Action{
			{Kind: holdfast.NotifyOwner, Channel: holdfast.InApp, State: holdfast.Done},
			{Kind: holdfast.NotifyOwner, Channel: holdfast.SMS, State: holdfast.Failed, Reason: "unsubscribed"},
			{Kind: holdfast.TerminateSessions},
		},
	}
}

func message(alert, account string, channel holdfast.Channel) holdfast.Message {
	return holdfast.Message{
		Alert: alert, Account: account, Channel: channel, Level: holdfast.High, Locale: "en",
		Title: "Someone is trying to get in", Body: "Text of " + alert + " by " + string(channel), Created: noon,
	}
}

// serve starts a real server over the options.
func serve(t *testing.T, o web.Options) *httptest.Server {
	t.Helper()
	handler, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request as a client that follows no redirect. Headers come as
// name, value.
func ask(t *testing.T, method, address string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

func (a answer) expect(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status = %d, want %d; body:\n%s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the body lacks %q:\n%s", text, a.body)
		}
	}
}

func (a answer) expectNot(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("the body has %q:\n%s", text, a.body)
		}
	}
}
