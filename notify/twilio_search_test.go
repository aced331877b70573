package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfastd/holdfast/notify/twiliotest"
)

func TestLookingForAnEarlierMessage(t *testing.T) {
	body := smsDelivery(t).Message.Body
	for _, test := range []struct {
		name    string
		before  []twiliotest.Message
		created bool // the message is created
		reason  string
	}{
		{"nothing there", nil, true, ""},
		{"waits to be sent", []twiliotest.Message{{Body: body}}, false, ""},
		{"sent", []twiliotest.Message{{Body: body, Status: "sent", Sent: noon}}, false, ""},
		{"delivered, with a trial account's text in front", []twiliotest.Message{
			{Body: "Sent from your Twilio trial account - " + body, Status: "delivered"},
		}, false, ""},
		{"Twilio's clock is behind", []twiliotest.Message{{Body: body, Created: noon.Add(-time.Minute)}}, false, ""},
		{"same text of an earlier alert", []twiliotest.Message{{Body: body, Created: noon.Add(-time.Hour)}}, true, ""},
		{"another text", []twiliotest.Message{{Body: "123456 is your code"}}, true, ""},
		{"another number", []twiliotest.Message{{Body: body, To: "+15550111"}}, true, ""},
		{"lost on the way", []twiliotest.Message{{Body: body, Status: "undelivered", ErrorCode: 30003}}, true, ""},
		{"lost, then sent again", []twiliotest.Message{
			{Body: body}, {Body: body, Status: "failed", ErrorCode: 30003},
		}, false, ""},
		{"owner opted out", []twiliotest.Message{{Body: body, Status: "failed", ErrorCode: 21610}}, false, Unsubscribed},
		{"number is dead", []twiliotest.Message{{Body: body, Status: "undelivered", ErrorCode: 30005}}, false, Unreachable},
	} {
		api, channel := twilioAPI(t, nil)
		for _, m := range test.before {
			if m.To == "" {
				m.To = ownersNumber
			}
			api.Add(m)
		}
		_, err := channel.Deliver(t.Context(), repeated(t))
		if created := len(api.Messages()) > len(test.before); created != test.created {
			t.Errorf("%s: created is %v", test.name, created)
		}
		e, undeliverable := errors.AsType[*Undeliverable](err)
		switch {
		case test.reason == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.reason != "" && (!undeliverable || e.Reason != test.reason):
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

func TestEarlierMessageIsFoundBehindAFloodOfCodes(t *testing.T) {
	api, channel := twilioAPI(t, nil)
	api.Add(twiliotest.Message{To: ownersNumber, Body: "an old one", Created: noon.Add(-time.Hour)})
	api.Add(twiliotest.Message{To: ownersNumber, Body: smsDelivery(t).Message.Body})
	for range 900 {
		api.Add(twiliotest.Message{To: ownersNumber, Body: "Your code"})
	}
	before := len(api.Messages())
	if sid, err := channel.Deliver(t.Context(), repeated(t)); err != nil || sid != api.Messages()[1].SID {
		t.Errorf("got %q, %v", sid, err)
	}
	if len(api.Messages()) != before || api.Requests() != 2 {
		t.Errorf("%d messages, %d requests", len(api.Messages()), api.Requests())
	}
}

// Whether the message is among those that Twilio does not list is anyone's
// guess: the owner may go without it, but is not sent two.
func TestNothingIsCreatedBehindAFloodThatHidesTheEarlierMessage(t *testing.T) {
	api, channel := twilioAPI(t, nil)
	api.Add(twiliotest.Message{To: ownersNumber, Body: smsDelivery(t).Message.Body})
	for range 1000 {
		api.Add(twiliotest.Message{To: ownersNumber, Body: "Your code"})
	}
	_, err := channel.Deliver(t.Context(), repeated(t))
	if e, ok := errors.AsType[*Undeliverable](err); !ok || e.Reason != Unconfirmed {
		t.Errorf("got %v", err)
	}
	if len(api.Messages()) != 1001 || api.Requests() != 2 {
		t.Errorf("%d messages, %d requests", len(api.Messages()), api.Requests())
	}
}

func TestMessageIsCreatedWhereAFloodIsOlderThanTheFirstTry(t *testing.T) {
	api, channel := twilioAPI(t, nil)
	for range 1001 {
		api.Add(twiliotest.Message{To: ownersNumber, Body: "Your code", Created: noon.Add(-time.Hour)})
	}
	if _, err := channel.Deliver(t.Context(), repeated(t)); err != nil || len(api.Messages()) != 1002 || api.Requests() != 2 {
		t.Errorf("got %v, %d messages, %d requests", err, len(api.Messages()), api.Requests())
	}
}

func TestSearchLeavesTimeToCreateTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Each list takes long, but within its own bound.
		slow := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				t.Error("the message was created after an unfinished search")
			}
			select {
			case <-time.After(3500 * time.Millisecond):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			w := httptest.NewRecorder()
			_, _ = w.WriteString(`{"messages":[],"next_page_uri":"/more"}`)
			return w.Result(), nil
		})
		channel, err := NewTwilio(TwilioOptions{
			AccountSID: twilioAccount, Secret: twilioSecret, From: "+15550177", Client: &http.Client{Transport: slow},
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := channel.Deliver(ctx, repeated(t)); fateOf(err) != retry || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("the search took %v of the job's 10 s", took)
		}
	})
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func TestSearchThatFailsCreatesNothing(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"server error": answering(500, ownersNumber),
		"not JSON":     answering(200, "<html>"+ownersNumber),
		"wrong type":   answering(200, `{"page":"`+ownersNumber+`"}`),
		"bad number":   answering(200, `{"page":4915550100123.5}`),
		"no answer":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		var created atomic.Bool
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				created.Store(true)
			}
			handler(w, r)
		}))
		_, channel := twilioAPI(t, func(o *TwilioOptions) { o.BaseURL, o.Client = server.URL, server.Client() })
		_, err := channel.Deliver(t.Context(), repeated(t))
		if err == nil || fateOf(err) == permanent || created.Load() {
			t.Errorf("%s: got %v, created is %v", name, err, created.Load())
		}
		keepsSecrets(t, fmt.Sprint(err))
		server.Close()
	}
}
