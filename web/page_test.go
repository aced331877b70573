package web_test

import (
	"bytes"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/web"
)

func TestTheInboxShowsWhatTheOwnerWasTold(t *testing.T) {
	seen := message("code-burst-1", "ana", holdfast.InApp)
	seen.Level, seen.Seen, seen.Title = holdfast.Medium, noon, "Codes were asked for"
	german := message("voice-1", "ana", holdfast.InApp)
	german.Locale, german.Title = "de", "Jemand versucht, in Ihr Konto zu kommen"
	store := &memory{messages: []holdfast.Message{
		seen, german, message("voice-1", "ana", holdfast.SMS), message("other-1", "bo", holdfast.InApp),
	}}
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"})

	page := ask(t, "GET", server.URL+"/inbox")
	page.expect(t, http.StatusOK,
		`data-events="/inbox/events"`,
		`<span class="level">Please check</span>`, "Codes were asked for", `<span class="seen">Seen</span>`,
		`<span class="level">Warning</span>`, `<h2 lang="de" dir="auto">Jemand versucht, in Ihr Konto zu kommen</h2>`, `data-unseen="voice-1"`,
		`<p class="bubble" lang="en" dir="auto">Text of voice-1 by sms</p>`,
		`<time datetime="2026-11-24T12:00:00.000Z">24 Nov 2026, 12:00:00 UTC</time>`,
	)
	page.expectNot(t, "other-1", "All quiet", `data-unseen="code-burst-1"`)
	if card, bubble := strings.Index(page.body, `id="message-voice-1-in_app"`), strings.Index(page.body, `id="message-voice-1-sms"`); card > bubble {
		t.Error("the SMS stands above the message it repeats")
	}
	if strings.Count(page.body, "data-unseen") != 1 {
		t.Error("an SMS counts as seen by the look at its picture")
	}

	other := ask(t, "GET", server.URL+"/inbox?account=bo")
	other.expect(t, http.StatusOK, "Text of other-1", `data-events="/inbox/events?account=bo"`)
	other.expectNot(t, "voice-1")
}

func TestAnEmptyInboxExplainsItself(t *testing.T) {
	demo := serve(t, web.Options{Store: &memory{}, Console: true, DemoAccount: "ana"})
	ask(t, "GET", demo.URL+"/inbox").expect(t, http.StatusOK, "All quiet", "The demo’s attacker is about to begin")
	ask(t, "GET", demo.URL+"/inbox?account=bo").expectNot(t, "The demo’s attacker")

	console := serve(t, web.Options{Store: &memory{}, Console: true})
	page := ask(t, "GET", console.URL+"/inbox")
	page.expect(t, http.StatusOK, "Whose messages?")
	page.expectNot(t, "All quiet", "data-events", "live.js")
}

func TestTheAlertsShowWhatHappenedAndWhatWasDone(t *testing.T) {
	shadow := takeover()
	shadow.ID, shadow.Rule, shadow.Status, shadow.Level = "trial-1", "trial", holdfast.Test, holdfast.Low
	shadow.Group, shadow.Actions, shadow.Occurrences = holdfast.Group{{Field: "account", Value: "ana"}}, nil, holdfast.Occurrences{}
	store := &memory{alerts: []web.Alert{takeover(), shadow}}
	server := serve(t, web.Options{Store: store, Console: true})

	page := ask(t, "GET", server.URL+"/alerts")
	page.expect(t, http.StatusOK,
		`data-events="/alerts/events"`,
		`<a href="/alerts/takeover-1f">Takeover after an attack</a>`, `<span class="level">critical</span>`,
		`<span class="field">client.ip</span> <bdi class="id">203.0.113.7</bdi>`,
		`<span class="count">2</span> <span class="quiet">+12 since</span>`,
		"In-app message: <strong>done</strong>", `SMS: <strong>failed</strong> <span class="reason">unsubscribed</span>`,
		"Ending suspect sessions: <strong>waiting</strong>",
		`<span class="tag">shadow</span>`, "by account", "recorded only",
	)

	chosen := ask(t, "GET", server.URL+"/alerts?level=high&account=ana&rule=takeover")
	chosen.expect(t, http.StatusOK, "takeover-1f", `<option value="high" selected>`, `value="ana"`, `value="takeover"`,
		`data-events="/alerts/events?level=high&amp;account=ana&amp;rule=takeover"`)
	chosen.expectNot(t, "trial-1")
	ask(t, "GET", server.URL+"/alerts?account=bo").expect(t, http.StatusOK, "No alerts match")
}

func TestTheAlertsGoOnToOlderOnes(t *testing.T) {
	store := &memory{}
	for _, id := range []string{"takeover-a", "takeover-b", "takeover-c"} {
		a := takeover() // all at the same time
		a.ID = id
		store.alerts = append(store.alerts, a)
	}
	server := serve(t, web.Options{Store: store, Console: true})
	first := ask(t, "GET", server.URL+"/alerts?limit=2&account=ana")
	first.expect(t, http.StatusOK, "takeover-c", "takeover-b")
	first.expectNot(t, "alert-takeover-a", "Back to the newest")

	older := regexp.MustCompile(`href="([^"]*before=[^"]*)"`).FindStringSubmatch(first.body)
	if older == nil {
		t.Fatalf("no way to older alerts: %s", first.body)
	}
	second := ask(t, "GET", server.URL+html.UnescapeString(older[1]))
	second.expect(t, http.StatusOK, "alert-takeover-a", "Back to the newest")
	second.expectNot(t, "alert-takeover-b", "Older alerts", "data-events")
}

func TestAnAlertShowsItsEvidenceInOrder(t *testing.T) {
	server := serve(t, web.Options{Store: &memory{alerts: []web.Alert{takeover()}}, Console: true})
	page := ask(t, "GET", server.URL+"/alerts/takeover-1f")
	page.expect(t, http.StatusOK,
		`data-events="/alerts/takeover-1f/events"`, "2, and 12 more while suppressed",
		`<strong class="suspect">suspect</strong> <bdi class="id">s_evil</bdi> on <bdi class="id">d_evil</bdi>`,
		`<strong class="protected">protected</strong> <bdi class="id">s_own</bdi>, since`,
		`href="/inbox?account=ana"`, `href="/alerts/wrong-codes-2e"`,
	)
	first, second := strings.Index(page.body, ">4701<"), strings.Index(page.body, ">4711<")
	if first < 0 || second < first {
		t.Errorf("the evidence stands at %d and %d", first, second)
	}
	page.expect(t, http.StatusOK, "&#43;0s", "&#43;2m0s")
}

// hostile is what an attacker might choose as an account id or another value.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egnp.exe\r\n\u200b\x00"

func TestAnAttackersTextIsOnlyText(t *testing.T) {
	long := strings.Repeat("A", 5000)
	a := takeover()
	a.Account, a.Country, a.Channel, a.Title = hostile, hostile, hostile, hostile
	a.Group = holdfast.Group{{Field: "attempt", Value: hostile}, {Field: "x", Value: long}}
	a.Sessions.Suspect = []holdfast.Session{{ID: hostile, Device: hostile}}
	a.Actions = []web.Action{{Kind: hostile, State: hostile, Reason: hostile}}
	m := message("takeover-1f", hostile, holdfast.InApp)
	m.Title, m.Body, m.Locale = hostile, hostile, hostile
	server := serve(t, web.Options{Store: &memory{alerts: []web.Alert{a}, messages: []holdfast.Message{m}}, Console: true})

	values := regexp.MustCompile(`"[^"]*"`) // of attributes; a quote in a text is escaped
	inline := regexp.MustCompile(`(?i)<(img|iframe|object|style)|<script(?: defer)?>|<[a-z][^>]*\s(on[a-z]+|style)=`)
	for _, path := range []string{"/alerts", "/alerts/takeover-1f", "/inbox?account=" + url.QueryEscape(hostile), "/alerts?account=" + url.QueryEscape(hostile)} {
		page := ask(t, "GET", server.URL+path)
		page.expect(t, http.StatusOK, "&lt;script&gt;alert(1)&lt;/script&gt;", "[U&#43;202E]gnp.exe")
		if found := inline.FindString(values.ReplaceAllString(page.body, `""`)); found != "" {
			t.Errorf("%s holds %q", path, found)
		}
	}
	list := ask(t, "GET", server.URL+"/alerts")
	list.expectNot(t, strings.Repeat("A", 65))
	ask(t, "GET", server.URL+"/alerts/takeover-1f").expect(t, http.StatusOK, long)
}

func TestAStoreThatFailsIsLoggedOnceAndNotExplainedToStrangers(t *testing.T) {
	var log bytes.Buffer
	store := &memory{failure: errors.New("dial tcp 10.1.2.3: password=hunter2")}
	server := serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, path := range []string{"/inbox", "/alerts", "/inbox/events", "/api/v1/alerts", "/api/v1/messages?account=ana"} {
		got := ask(t, "GET", server.URL+path)
		got.expect(t, http.StatusServiceUnavailable, "be read right now")
		got.expectNot(t, "hunter2")
	}
	server.Close() // waits for the handlers, and so for the log
	if n := strings.Count(log.String(), "Could not read the store"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}
