package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/demo"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/notify/twiliotest"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// world is what surrounds a daemon: Kafka, a store, Twilio, the service's own
// backend and its directory.
type world struct {
	brokers  []string
	topic    string
	storeURL string
	folder   string
	config   string
	producer *stream.Producer
	twilio   *twiliotest.Server
	sessions *receiver
	inApp    *receiver
	tellings int // alerts that owners are told of
}

func newWorld(t *testing.T, kafka, postgres string) *world {
	t.Helper()
	return newWorldOf(t, kafka, postgres, 1)
}

// newWorldOf is a world whose topic has some partitions.
func newWorldOf(t *testing.T, kafka, postgres string, partitions int) *world {
	t.Helper()
	brokers := []string{kafka}
	if kafka == "" {
		broker, err := demo.StartBroker(demo.BrokerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(broker.Close)
		brokers = broker.Addrs()
	}
	w := newWorldAt(t, brokers, postgres)
	connection := stream.Connection{Brokers: brokers}
	for topic, n := range map[string]int{w.topic: partitions, w.topic + ".dead-letter": 1} {
		if err := stream.EnsureTopic(t.Context(), connection, topic, n); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.producer, err = stream.NewProducer(stream.ProducerOptions{Connection: connection}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.producer.Close() })
	return w
}

func newWorldAt(t *testing.T, brokers []string, postgres string) *world {
	t.Helper()
	w := &world{brokers: brokers, topic: "story-" + strings.ToLower(rand.Text()[:10]), folder: t.TempDir()}
	w.storeURL = "sqlite://" + filepath.Join(w.folder, "holdfast.db")
	if postgres != "" {
		w.storeURL = freshDatabase(t, postgres)
	}
	const account, token = "AC00000000000000000000000000000001", "a-token-of-the-tests"
	w.twilio = twiliotest.New(twiliotest.Credentials{AccountSID: account, Secret: token})
	sms := httptest.NewServer(w.twilio)
	t.Cleanup(sms.Close)
	w.sessions, w.inApp = newReceiver(t), newReceiver(t)

	w.write(t, "token", token)
	w.write(t, "store-url", w.storeURL)
	w.write(t, "sessions-secret", w.sessions.secret)
	w.write(t, "in-app-secret", w.inApp.secret)
	w.write(t, "contacts.yaml", "contacts:\n  - {account: owner, locale: en, time_zone: Europe/Berlin, phone: \"+4915550100\"}\n")
	w.config = w.write(t, "holdfast.yaml", fmt.Sprintf(`
kafka: {brokers: %q, topic: %s, group: %s}
store: {url_file: store-url}
directory: {file: contacts.yaml}
service_name: Messenger
notify:
  in_app: {url: %q, secret_file: in-app-secret}
  sms: {provider: twilio, account_sid: %s, auth_token_file: token, from: "+15550000", base_url: %q}
respond: {sessions: {url: %q, secret_file: sessions-secret}}
web: {listen: "127.0.0.1:0"}
engine: {snapshots: {directory: snapshots, interval: 1s}}
`, brokers, w.topic, w.topic, w.inApp.url, account, sms.URL, w.sessions.url))
	return w
}

func (w *world) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *world) send(t *testing.T, values ...string) {
	t.Helper()
	messages := make([]stream.Message, len(values))
	for i, v := range values {
		messages[i] = stream.Message{Key: []byte("key"), Value: []byte(v)}
	}
	if err := w.producer.Produce(t.Context(), w.topic, messages); err != nil {
		t.Fatal(err)
	}
}

// produce writes n events of everyday logins and, in the middle of them, the
// story. It returns the ids of the alerts that one undisturbed replay gives.
func (w *world) produce(t *testing.T, n int) []string {
	t.Helper()
	story := storyEvents(t)
	end := time.Now().Add(-time.Second)
	began := end.Add(-30 * time.Minute)
	events := make([]holdfast.Event, 0, n+len(story))
	for i := len(events); i < n; i++ {
		events = append(events, everyday(i, began.Add(time.Duration(i)*30*time.Minute/time.Duration(n))))
	}
	shift := end.Sub(story[len(story)-1].Time.Std())
	for i := range story {
		story[i].Time = story[i].Time.Add(shift)
	}
	middle := len(events) / 2
	events = slices.Insert(events, middle, story...)

	engine, err := detector.New(detector.Options{Rules: packRules(t)})
	if err != nil {
		t.Fatal(err)
	}
	var out detector.Output
	messages := make([]stream.Message, len(events))
	for i := range events {
		messages[i] = stream.Message{Key: []byte("one partition"), Value: intake.Append(nil, &events[i])}
		engine.Process(detector.Input{Event: &events[i], Offset: int64(i)}, &out)
	}
	var rulesFired, ids []string
	for _, a := range out.Alerts {
		rulesFired, ids = append(rulesFired, a.Rule), append(ids, a.ID)
		if len(notify.Plan(a, false)) > 0 {
			w.tellings++
		}
	}
	if want := []string{
		"code-burst", "voice-fallback", "voice-after-one-sms", "wrong-codes", "new-device-new-country", "takeover-after-attack",
	}; !slices.Equal(rulesFired, want) {
		t.Fatalf("the replay gives %v, want %v", rulesFired, want)
	}
	for chunk := range slices.Chunk(messages, 5000) {
		if err := w.producer.Produce(t.Context(), w.topic, chunk); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(ids)
	return ids
}

// everyday is an event of the uneventful life of a thousand accounts.
func everyday(i int, at time.Time) holdfast.Event {
	user := strconv.Itoa(i / 4 % 1000)
	when, _ := holdfast.InstantOf(at)
	return holdfast.Event{
		ID: "everyday-" + strconv.Itoa(i), Time: when, Account: "user-" + user, Channel: "sms", Attempt: strconv.Itoa(i / 4),
		Type:    []string{"code.requested", "code.delivered", "code.accepted", "session.started"}[i%4],
		Session: "session-" + strconv.Itoa(i/4),
		Device:  holdfast.Device{ID: "device-" + user, Trusted: holdfast.Trusted},
		Client:  holdfast.Client{IP: "198.51.100.7", Country: "DE"},
	}
}

func storyEvents(t *testing.T) []holdfast.Event {
	t.Helper()
	lines, err := os.ReadFile("../../workbench/testdata/cases/telegram-story/events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var events []holdfast.Event
	for line := range bytes.Lines(lines) {
		var e holdfast.Event
		if err := intake.NewDecoder(intake.Options{}).Decode(bytes.TrimSpace(line), time.Time{}, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	// The last event of interest is the attacker's session; what the case goes on
	// to tell would lie in the future.
	last := slices.IndexFunc(events, func(e holdfast.Event) bool {
		return e.Type == holdfast.TypeSessionStarted && e.Device.Trusted != holdfast.Trusted
	})
	events = events[:last+1]
	// The account has been in use for weeks: sessions in a new place are then ended.
	before := events[slices.IndexFunc(events, func(e holdfast.Event) bool { return e.Type == holdfast.TypeSessionStarted && e.Account == "owner" })]
	before.ID, before.Type, before.Session = "weeks-before", holdfast.TypeLoginSucceeded, ""
	before.Time = before.Time.Add(-30 * 24 * time.Hour)
	return slices.Insert(events, 0, before)
}

func packRules(t *testing.T) *rules.Set {
	t.Helper()
	set, err := loadRules(nil, rules.Options{}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// await waits until the store holds the wanted alerts and what follows from them
// has happened, and checks that each happened once.
func (w *world) await(t *testing.T, want []string) {
	t.Helper()
	stored := w.awaitAlerts(t, len(want))
	var ids []string
	for _, a := range stored {
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, want) {
		t.Errorf("the store holds %v, want %v", ids, want)
	}
	// The takeover is critical: an SMS at once, and the attacker's session ended.
	// The SMS of the other alerts are due a minute later, unless the owner has
	// seen something by then.
	var sms []twiliotest.Message
	eventually(t, "the SMS and the termination", func() bool {
		sms = slices.DeleteFunc(w.twilio.Messages(), func(m twiliotest.Message) bool { return !strings.Contains(m.Body, "New device") })
		return len(sms) >= 1 && len(w.sessions.received()) >= 1
	})
	if len(sms) != 1 || sms[0].To != "+4915550100" || !strings.HasPrefix(sms[0].Body, "Messenger") {
		t.Errorf("text messages of the takeover are %+v, want one to the owner", sms)
	}
	requests := w.sessions.received()
	var request struct {
		Data struct {
			Account   string
			Sessions  []struct{ ID string }
			Protected []string
		}
	}
	if err := json.Unmarshal([]byte(requests[0]), &request); err != nil {
		t.Fatal(err)
	}
	if d := request.Data; len(requests) != 1 || d.Account != "owner" || len(d.Sessions) != 1 || d.Sessions[0].ID != "s-evil" ||
		!slices.Equal(d.Protected, []string{"s-ipad"}) {
		t.Errorf("requests to end sessions are %q, want one for s-evil that keeps s-ipad", requests)
	}
	eventually(t, "a message in the app for each alert that owners are told of", func() bool { return len(w.inApp.received()) == w.tellings })
}

func (w *world) awaitAlerts(t *testing.T, n int) []store.StoredAlert {
	t.Helper()
	var stored []store.StoredAlert
	eventually(t, fmt.Sprintf("%d alerts in the store", n), func() bool {
		stored = w.stored(t)
		return len(stored) >= n
	})
	if len(stored) != n {
		t.Errorf("%d alerts are stored, want %d", len(stored), n)
	}
	return stored
}

// stored reads the alerts that are in the store.
func (w *world) stored(t *testing.T) []store.StoredAlert {
	t.Helper()
	kept, err := store.Open(t.Context(), store.Options{URL: w.storeURL})
	if err != nil {
		return nil // the daemon may be about to make its tables
	}
	defer func() { _ = kept.Close(context.Background()) }()
	stored, err := kept.Alerts(t.Context(), store.Query{Limit: 500})
	if err != nil {
		return nil
	}
	return stored
}

// deadLetters reads the values of n dead letters.
func (w *world) deadLetters(t *testing.T, n int) []string {
	t.Helper()
	letters := make(chan string, n)
	consumer, err := stream.NewConsumer(stream.ConsumerOptions{
		Connection: stream.Connection{Brokers: w.brokers}, Topic: w.topic + ".dead-letter", Group: w.topic + "-reader",
		Open: func(context.Context, stream.Assignment) (stream.Processor, stream.Resume, error) {
			return reader{letters}, stream.Resume{Next: stream.FromStart}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	var got []string
	for range n {
		select {
		case l := <-letters:
			got = append(got, l)
		case <-ctx.Done():
			t.Fatalf("only %q came", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return got
}

type reader struct{ letters chan<- string }

func (r reader) Process(_ context.Context, b stream.Batch) error {
	for _, record := range b.Records {
		r.letters <- string(record.Value)
	}
	return nil
}

func (reader) Idle(context.Context, time.Time) error { return nil }
func (reader) Committable() int64                    { return -1 }
func (reader) Close(context.Context)                 {}

// receiver is an endpoint of the service's backend: it checks signatures, keeps
// the bodies, repeats of an id left out, and counts all.
type receiver struct {
	url, secret string
	mu          sync.Mutex
	ids         map[string]bool
	bodies      []string
	count       int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", ids: map[string]bool{}}
	verifier, err := standardwebhooks.NewWebhook(r.secret)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || verifier.Verify(body, req.Header) != nil || !json.Valid(body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.count++
		if id := req.Header.Get("webhook-id"); !r.ids[id] {
			r.ids[id] = true
			r.bodies = append(r.bodies, string(body))
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

// freshDatabase makes an empty schema and returns the URL that leads into it.
func freshDatabase(t *testing.T, address string) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	schema := "holdfast_" + strings.ToLower(rand.Text()[:10])
	if _, err := connection.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}
