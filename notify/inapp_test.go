package notify

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// appWebhook is a sender to a backend of the test's own.
func appWebhook(t *testing.T, handler http.HandlerFunc) *webhook.Sender {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	sender, err := webhook.New(webhook.Options{URL: server.URL, Secret: webhookSecret, Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func inAppDelivery(alert holdfast.Alert) Delivery {
	return Delivery{
		ID:       "takeover-1f-0",
		Alert:    alert,
		Template: "takeover",
		Message: holdfast.Message{
			Alert: alert.ID, Account: alert.Account, Channel: holdfast.InApp, Level: alert.Level,
			Locale: "de", Title: "Titel", Body: "Text", Created: noon,
		},
	}
}

func TestAppIsToldSignedAndWhomNotToShow(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	var inbox memoryInbox
	channel := InApp{Inbox: &inbox, Webhook: appWebhook(t, func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		if err := verifier.Verify(got, r.Header); err != nil || r.Header.Get("webhook-id") != "takeover-1f-0" {
			t.Errorf("%v, %v", err, r.Header)
		}
	})}
	d := inAppDelivery(takeover())
	if _, err := channel.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"owner.alert","timestamp":"2026-11-24T08:34:00.123Z","data":{"alert":"takeover-1f","rule":"takeover",` +
		`"level":"critical","account":"u_1842","template":"takeover","locale":"de","title":"Titel","body":"Text",` +
		`"exclude_sessions":["s_evil"]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]holdfast.Message{"takeover-1f/in_app": d.Message}, inbox.messages); diff != "" {
		t.Errorf("inbox (-want +got):\n%s", diff)
	}
}

func TestExcludedSessionsAreAListEvenWhenThereAreNone(t *testing.T) {
	var body struct {
		Data struct {
			Exclude json.RawMessage `json:"exclude_sessions"`
		} `json:"data"`
	}
	channel := InApp{Inbox: &memoryInbox{}, Webhook: appWebhook(t, func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
	})}
	alert := with(takeover(), func(a *holdfast.Alert) { a.Sessions = holdfast.Sessions{} })
	if _, err := channel.Deliver(t.Context(), inAppDelivery(alert)); err != nil || string(body.Data.Exclude) != "[]" {
		t.Errorf("got %s, %v", body.Data.Exclude, err)
	}
}

func TestInboxAloneIsEnough(t *testing.T) {
	var inbox memoryInbox
	if _, err := (InApp{Inbox: &inbox}).Deliver(t.Context(), inAppDelivery(takeover())); err != nil || len(inbox.messages) != 1 {
		t.Errorf("got %v, %v", err, inbox.messages)
	}
}

func TestAppThatRefuses(t *testing.T) {
	for _, test := range []struct {
		status    int
		reason    string
		permanent bool
	}{
		{301, Redirected, false},
		{400, Rejected, false},
		{401, Unauthorized, false},
		{403, Unauthorized, false},
		{404, EndpointNotFound, false},
		{410, Gone, true},
		{422, Rejected, false},
		{429, Unavailable, false},
		{500, Unavailable, false},
	} {
		channel := InApp{Inbox: &memoryInbox{}, Webhook: appWebhook(t, answering(test.status, ""))}
		_, err := channel.Deliver(t.Context(), inAppDelivery(takeover()))
		e, undeliverable := errors.AsType[*Undeliverable](err)
		reason := reasonOf(err)
		if undeliverable {
			reason = e.Reason
		}
		if err == nil || undeliverable != test.permanent || reason != test.reason {
			t.Errorf("%d: got %v, reason %s", test.status, err, reason)
		}
	}
}

func TestInboxThatIsDown(t *testing.T) {
	errDown := errors.New("down")
	inbox := &memoryInbox{err: errDown}
	called := false
	app := InApp{Inbox: inbox, Webhook: appWebhook(t, func(http.ResponseWriter, *http.Request) { called = true })}
	for _, channel := range []Channel{app, DevelopmentSMS{Inbox: inbox}} {
		if _, err := channel.Deliver(t.Context(), inAppDelivery(takeover())); !errors.Is(err, errDown) {
			t.Errorf("%T: got %v", channel, err)
		}
	}
	if called {
		t.Error("the app was told before the inbox kept the message")
	}
}
