package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// sender makes a Sender to a server of the test's own.
func sender(t *testing.T, handler http.HandlerFunc) *webhook.Sender {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return senderTo(t, server.URL+"/hook?token=hidden", server.Client())
}

func senderTo(t *testing.T, url string, client *http.Client) *webhook.Sender {
	t.Helper()
	s, err := webhook.New(webhook.Options{URL: url, Secret: secret, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func event(data any) webhook.Event {
	return webhook.Event{
		Type:      "owner.alert",
		Timestamp: time.Date(2026, 11, 24, 8, 34, 0, 0, time.UTC),
		Data:      data,
	}
}

func TestReceiverCanVerifyTheMessage(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := sender(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		if id := r.Header.Get("webhook-id"); id != "takeover-1f-2" {
			t.Errorf("webhook-id is %q", id)
		}
		var got webhook.Event
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		if got.Type != "owner.alert" || got.Timestamp.Hour() != 8 || got.Data != "hello" {
			t.Errorf("payload is %s", body)
		}
		if r.Header.Get("Content-Type") != "application/json" || r.URL.Query().Get("token") != "hidden" {
			t.Errorf("request is %v %v", r.URL, r.Header)
		}
		_, _ = io.WriteString(w, "thanks")
	})
	id := webhook.ID(holdfast.Job{Alert: holdfast.Alert{ID: "takeover-1f"}, Ordinal: 2})
	answer, err := s.Send(t.Context(), id, event("hello"))
	if err != nil || string(answer) != "thanks" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestAnswersAndWhatTheyMean(t *testing.T) {
	for _, test := range []struct {
		status    int
		reason    string
		permanent bool
	}{
		{200, "", false},
		{204, "", false},
		{299, "", false},
		{302, webhook.Redirected, false},
		{304, webhook.Redirected, false},
		{400, webhook.Rejected, false},
		{401, webhook.Unauthorized, false},
		{403, webhook.Unauthorized, false},
		{404, webhook.EndpointNotFound, false},
		{408, webhook.Unavailable, false},
		{410, webhook.Gone, true},
		{413, webhook.Rejected, false},
		{422, webhook.Rejected, false},
		{425, webhook.Unavailable, false},
		{429, webhook.Unavailable, false},
		{500, webhook.Unavailable, false},
		{503, webhook.Unavailable, false},
	} {
		requests := 0
		s := sender(t, func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(test.status)
		})
		_, err := s.Send(t.Context(), "id", event(nil))
		e, refused := errors.AsType[*webhook.Error](err)
		if test.reason == "" {
			if err != nil {
				t.Errorf("%d: %v", test.status, err)
			}
		} else if !refused || e.Reason != test.reason || e.Permanent != test.permanent || e.Status != test.status {
			t.Errorf("%d: got %#v", test.status, err)
		}
		if requests != 1 {
			t.Errorf("%d: %d requests", test.status, requests)
		}
	}
}

func TestRetryAfterIsHonoredUpToABound(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":             0,
		"7":            7 * time.Second,
		"-5":           0,
		"soon":         0,
		"3600":         webhook.LongestWait,
		"999999999999": webhook.LongestWait,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  webhook.LongestWait,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
	} {
		for _, status := range []int{http.StatusServiceUnavailable, http.StatusNotFound} {
			s := sender(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(status)
			})
			_, err := s.Send(t.Context(), "id", event(nil))
			e, ok := errors.AsType[interface {
				error
				RetryAfter() time.Duration
			}](err)
			if !ok || e.RetryAfter() != want {
				t.Errorf("%d, %q: got %v", status, header, err)
			}
		}
	}
}

func TestAnswerIsCutOff(t *testing.T) {
	s := sender(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	answer, err := s.Send(t.Context(), "id", event(nil))
	if err != nil || len(answer) != 64<<10 {
		t.Errorf("got %d bytes, %v", len(answer), err)
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	unreachable := senderTo(t, strings.Replace(gone.URL, "http://", "http://jo:password@", 1)+"/?token=hidden", nil)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	refusing := sender(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "payload-secret")
	})

	_, dialing := unreachable.Send(t.Context(), "id", event("payload-secret"))
	_, canceling := refusing.Send(canceled, "id", event("payload-secret"))
	_, refused := refusing.Send(t.Context(), "id", event("payload-secret"))
	_, encoding := refusing.Send(t.Context(), "id", event(func() {}))
	for _, err := range []error{dialing, canceling, refused, encoding} {
		if err == nil {
			t.Fatal("no error")
		}
		for _, word := range []string{"hidden", "token", "password", "jo:", "payload-secret", "MfKQ"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%q tells %q", err, word)
			}
		}
	}
	if e, ok := errors.AsType[*webhook.Error](dialing); !ok || e.Permanent || e.Reason != webhook.Unavailable {
		t.Errorf("got %#v", dialing)
	}
	if !errors.Is(canceling, context.Canceled) {
		t.Errorf("got %v", canceling)
	}
}

func TestSlowReceiverIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s, err := webhook.New(webhook.Options{URL: server.URL, Secret: secret, Client: server.Client(), Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), "id", event(nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestUnusableOptions(t *testing.T) {
	for _, test := range []struct{ url, secret, want string }{
		{"", secret, "absolute"},
		{"/hook", secret, "absolute"},
		{"ftp://example.com/", secret, "absolute"},
		{"https://jo:password@exa mple.com/?token=hidden", secret, "absolute"},
		{"https://example.com/", "", "whsec_"},
		{"https://example.com/", strings.TrimPrefix(secret, "whsec_"), "whsec_"},
		{"https://example.com/", "whsec_hidden!hidden", "base64"},
		{"https://example.com/", "whsec_aGlkZGVu", "6 bytes"},
	} {
		_, err := webhook.New(webhook.Options{URL: test.url, Secret: test.secret})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}
