package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/web"
)

func TestAnAlertAsJSONIsTheAlert(t *testing.T) {
	server := serve(t, web.Options{Store: &memory{alerts: []web.Alert{takeover()}}, Console: true})
	got := ask(t, "GET", server.URL+"/api/v1/alerts/takeover-1f")
	got.expect(t, http.StatusOK, `"id":"takeover-1f"`, `"group":{"account":"ana","client.ip":"203.0.113.7"}`,
		`"occurrences":{"alert":"takeover-1f","count":12`, `"kind":"notify_owner","channel":"sms","state":"failed","reason":"unsubscribed"`)
	if c := got.header.Get("Content-Type"); c != "application/json" {
		t.Errorf("Content-Type = %q", c)
	}
	var alert web.Alert
	if err := json.Unmarshal([]byte(got.body), &alert); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(takeover(), alert); diff != "" {
		t.Error(diff)
	}
	ask(t, "GET", server.URL+"/api/v1/alerts/other-1").expect(t, http.StatusNotFound, `{"error":"no such alert"}`)
}

func TestTheListOfAlertsIsWalkedOnceThrough(t *testing.T) {
	store := &memory{}
	for i, id := range []string{"burst-1", "burst-2", "takeover-3", "burst-4", "takeover-5"} {
		a := takeover()
		a.ID, a.Rule = id, id[:strings.IndexByte(id, '-')]
		a.Time = instant(noon.AddDate(0, 0, i/2)) // in pairs, so that the id decides
		if a.Rule == "burst" {
			a.Level, a.Account = holdfast.Medium, "bo"
		}
		store.alerts = append(store.alerts, a)
	}
	server := serve(t, web.Options{Store: store, Console: true})
	for choice, want := range map[string][]string{
		"":                     {"takeover-5", "takeover-3", "burst-4", "burst-2", "burst-1"},
		"rule=burst":           {"burst-4", "burst-2", "burst-1"},
		"account=ana":          {"takeover-5", "takeover-3"},
		"level=high":           {"takeover-5", "takeover-3"},
		"level=low":            {"takeover-5", "takeover-3", "burst-4", "burst-2", "burst-1"},
		"account=bo&level=low": {"burst-4", "burst-2", "burst-1"},
		"account=nobody":       nil,
	} {
		var got []string
		for cursor, more := "", true; more; {
			answer := ask(t, "GET", server.URL+"/api/v1/alerts?limit=2&before="+url.QueryEscape(cursor)+"&"+choice)
			answer.expect(t, http.StatusOK)
			var page struct {
				Alerts []web.Alert
				Next   string
			}
			if err := json.Unmarshal([]byte(answer.body), &page); err != nil {
				t.Fatal(err)
			}
			if page.Alerts == nil {
				t.Errorf("%q: an empty list is null", choice)
			}
			for _, a := range page.Alerts {
				got = append(got, a.ID)
			}
			cursor, more = page.Next, page.Next != "" && len(got) < 10
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", choice, got, want)
		}
	}
}

func TestAWrongQuestionIsAnsweredWithWhatIsWrong(t *testing.T) {
	server := serve(t, web.Options{Store: &memory{}, Console: true})
	for path, want := range map[string]string{
		"/api/v1/alerts?level=grave":           `\"grave\" is no level`,
		"/api/v1/alerts?limit=0":               "limit is a number from 1 to 200",
		"/api/v1/alerts?limit=201":             "limit is a number from 1 to 200",
		"/api/v1/alerts?limit=many":            "limit is a number from 1 to 200",
		"/api/v1/messages":                     "say whose messages",
		"/api/v1/messages?account=a&limit=-1":  "limit is a number from 1 to 200",
		"/api/v1/messages?account=&limit=many": "say whose messages",
	} {
		got := ask(t, "GET", server.URL+path)
		got.expect(t, http.StatusBadRequest, want)
	}
}

func TestMessagesAsJSON(t *testing.T) {
	store := &memory{messages: []holdfast.Message{
		message("burst-1", "ana", holdfast.InApp), message("voice-1", "ana", holdfast.SMS), message("voice-2", "bo", holdfast.SMS),
	}}
	server := serve(t, web.Options{Store: store, Console: true})
	read := func(query string) []holdfast.Message {
		answer := ask(t, "GET", server.URL+"/api/v1/messages?"+query)
		answer.expect(t, http.StatusOK)
		var list struct{ Messages []holdfast.Message }
		if err := json.Unmarshal([]byte(answer.body), &list); err != nil {
			t.Fatal(err)
		}
		return list.Messages
	}
	if diff := cmp.Diff([]holdfast.Message{store.messages[1], store.messages[0]}, read("account=ana")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]holdfast.Message{store.messages[1]}, read("account=ana&limit=1")); diff != "" {
		t.Error(diff)
	}
	if got := read("account=nobody"); got == nil || len(got) > 0 {
		t.Errorf("an account without messages has %v", got)
	}
}

func TestSeenIsKept(t *testing.T) {
	store := &memory{messages: []holdfast.Message{message("voice-1", "ana", holdfast.InApp)}}
	server := serve(t, web.Options{Store: store, Console: true})
	ask(t, "GET", server.URL+"/inbox?account=ana").expect(t, http.StatusOK, `data-unseen="voice-1"`)
	for range 2 {
		ask(t, "POST", server.URL+"/api/v1/alerts/voice-1/seen").expect(t, http.StatusNoContent)
	}
	ask(t, "GET", server.URL+"/inbox?account=ana").expectNot(t, "data-unseen")
	ask(t, "POST", server.URL+"/api/v1/alerts/voice-2/seen").expect(t, http.StatusNotFound)
}
