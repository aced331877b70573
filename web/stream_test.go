package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/web"
)

// listener reads a stream of events.
type listener struct {
	t     *testing.T
	lines *bufio.Reader
	body  io.Closer
}

func listen(t *testing.T, address string) *listener {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream answered %s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	return &listener{t: t, lines: bufio.NewReader(response.Body), body: response.Body}
}

// next waits for an event and returns its HTML.
func (l *listener) next() string {
	l.t.Helper()
	html, err := l.event()
	if err != nil {
		l.t.Fatalf("the stream ended: %v", err)
	}
	return html
}

// event reads by the book: an event is its lines up to an empty one.
func (l *listener) event() (string, error) {
	l.t.Helper()
	var kind, data string
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != "":
			var html string
			if err := json.Unmarshal([]byte(data), &html); err != nil || kind != "region" {
				l.t.Fatalf("an event %q of %q: %v", kind, data, err)
			}
			return html, nil
		case field == "event":
			kind = value
		case field == "data":
			data += value
		case line != "" && !strings.HasPrefix(line, ":"):
			l.t.Fatalf("a line of no event: %q", line)
		}
	}
}

func TestANewMessageArrivesByItself(t *testing.T) {
	store := &memory{}
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"})
	stream := listen(t, server.URL+"/inbox/events")
	if first := stream.next(); !strings.Contains(first, "All quiet") {
		t.Errorf("the stream begins with %s", first)
	}
	store.tell(message("voice-1", "ana", holdfast.InApp))
	if second := stream.next(); !strings.Contains(second, "Text of voice-1") || strings.Contains(second, "All quiet") {
		t.Errorf("after the message: %s", second)
	}
	// What does not show sends nothing: the next event is the one after it.
	read := store.nextRead()
	store.tell(message("other-1", "bo", holdfast.InApp))
	<-read
	ask(t, "POST", server.URL+"/api/v1/alerts/voice-1/seen").expect(t, http.StatusNoContent)
	if third := stream.next(); !strings.Contains(third, `<span class="seen">Seen</span>`) {
		t.Errorf("after it was seen: %s", third)
	}
}

func TestWhatAnotherReplicaWroteArrivesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		handler, err := web.New(web.Options{Store: store, Console: true, DemoAccount: "ana"})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() {
			store.mu.Lock()
			defer store.mu.Unlock()
			store.messages = append(store.messages, message("voice-1", "ana", holdfast.InApp)) // and nobody is told
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/inbox/events", nil)) // for a minute
		stream := answer.Body.String()
		if n := strings.Count(stream, "event: region"); n != 2 || !strings.Contains(stream, "Text of voice-1") {
			t.Errorf("%d events, want the empty inbox and the message:\n%s", n, stream)
		}
		if !strings.HasSuffix(stream, ":\n\n") {
			t.Errorf("nothing kept the stream open after the last event:\n%s", stream)
		}
	})
}

func TestAnAlertArrivesByItself(t *testing.T) {
	store := &memory{}
	server := serve(t, web.Options{Store: store, Console: true})
	list := listen(t, server.URL+"/alerts/events?level=high")
	list.next()
	store.raise(takeover())
	if region := list.next(); !strings.Contains(region, `id="alert-takeover-1f"`) {
		t.Errorf("the list: %s", region)
	}

	one := listen(t, server.URL+"/alerts/takeover-1f/events")
	one.next()
	store.mu.Lock()
	store.alerts[0].Actions = slices.Clone(store.alerts[0].Actions) // the old ones may still be read
	store.alerts[0].Actions[2].State = holdfast.Done
	store.changed()
	store.mu.Unlock()
	if region := one.next(); !strings.Contains(region, "Ending suspect sessions: <strong>done</strong>") {
		t.Errorf("the alert: %s", region)
	}
}

func TestATextCannotBeginAnEventOfItsOwn(t *testing.T) {
	store := &memory{}
	m := message("voice-1", "ana", holdfast.InApp)
	m.Body = "one\r\n\r\nevent: region\rdata: \"<b>two</b>\"\n\nthree"
	store.tell(m)
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"})
	if region := listen(t, server.URL+"/inbox/events").next(); !strings.Contains(region, "one") || !strings.Contains(region, "three") {
		t.Errorf("the event is %s", region)
	}
}

func TestAStreamEndsWithTheStore(t *testing.T) {
	store := &memory{}
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"})
	stream := listen(t, server.URL+"/inbox/events")
	stream.next()
	store.fail(errors.New("the store is down"))
	if html, err := stream.event(); err == nil {
		t.Errorf("the stream went on with %s", html)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	store := &memory{}
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"})
	const bound = 128
	streams := make([]*listener, bound)
	for i := range streams {
		streams[i] = listen(t, server.URL+"/inbox/events")
	}
	got := ask(t, "GET", server.URL+"/inbox/events")
	got.expect(t, http.StatusServiceUnavailable, "too many event streams")
	ask(t, "GET", server.URL+"/inbox").expect(t, http.StatusOK)

	// A client that goes makes room. The server notices by itself, some time.
	streams[0].body.Close()
	deadline := time.Now().Add(10 * time.Second)
	for ask(t, "HEAD", server.URL+"/inbox/events").status != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("no room was made")
		}
	}
}
