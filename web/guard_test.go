package web_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/web"
)

func TestEveryAddressAnswersItsMethodsAlone(t *testing.T) {
	store := &memory{alerts: []web.Alert{takeover()}, messages: []holdfast.Message{message("takeover-1f", "ana", holdfast.InApp)}}
	reload := func(context.Context) error { return nil }
	servers := map[string]string{
		"console": serve(t, web.Options{Store: store, Console: true, Reload: reload}).URL,
		"demo":    serve(t, web.Options{Store: store, Console: true, DemoAccount: "ana"}).URL,
		"bare":    serve(t, web.Options{Store: store, Reload: reload}).URL,
	}
	for _, c := range []struct {
		server, method, path string
		status               int
		location, allow      string
	}{
		{server: "console", method: "GET", path: "/", status: 302, location: "/alerts"},
		{server: "console", method: "GET", path: "/inbox", status: 200},
		{server: "console", method: "GET", path: "/inbox?account=ana", status: 200},
		{server: "console", method: "POST", path: "/inbox", status: 405, allow: "GET, HEAD"},
		{server: "console", method: "HEAD", path: "/inbox/events?account=ana", status: 200},
		{server: "console", method: "GET", path: "/inbox/events", status: 400},
		{server: "console", method: "GET", path: "/inbox?account=ana&limit=0", status: 400},
		{server: "console", method: "GET", path: "/alerts", status: 200},
		{server: "console", method: "GET", path: "/alerts?level=grave", status: 400},
		{server: "console", method: "GET", path: "/alerts/takeover-1f", status: 200},
		{server: "console", method: "GET", path: "/alerts/takeover-2f", status: 404},
		{server: "console", method: "GET", path: "/alerts/takeover-2f/events", status: 404},
		{server: "console", method: "DELETE", path: "/alerts/takeover-1f", status: 405, allow: "GET, HEAD"},
		{server: "console", method: "GET", path: "/api/v1/alerts", status: 200},
		{server: "console", method: "GET", path: "/api/v1/alerts/takeover-1f", status: 200},
		{server: "console", method: "GET", path: "/api/v1/messages?account=ana", status: 200},
		{server: "console", method: "POST", path: "/api/v1/alerts/takeover-1f/seen", status: 204},
		{server: "console", method: "GET", path: "/api/v1/alerts/takeover-1f/seen", status: 405, allow: "POST"},
		{server: "console", method: "GET", path: "/-/healthy", status: 200},
		{server: "console", method: "POST", path: "/-/healthy", status: 405, allow: "GET, HEAD"},
		{server: "console", method: "GET", path: "/-/ready", status: 200},
		{server: "console", method: "POST", path: "/-/reload", status: 200},
		{server: "console", method: "GET", path: "/-/reload", status: 405, allow: "POST"},
		{server: "console", method: "GET", path: "/metrics", status: 200},
		{server: "console", method: "GET", path: "/static/holdfast.css", status: 200},
		{server: "console", method: "GET", path: "/static/", status: 404},
		{server: "console", method: "GET", path: "/static/web.go", status: 404},
		{server: "console", method: "GET", path: "/nowhere", status: 404},

		{server: "demo", method: "GET", path: "/", status: 302, location: "/inbox"},
		{server: "demo", method: "POST", path: "/-/reload", status: 404},

		{server: "bare", method: "GET", path: "/", status: 200},
		{server: "bare", method: "GET", path: "/metrics", status: 200},
		{server: "bare", method: "GET", path: "/-/healthy", status: 200},
		{server: "bare", method: "POST", path: "/-/reload", status: 200},
		{server: "bare", method: "GET", path: "/inbox?account=ana", status: 404},
		{server: "bare", method: "GET", path: "/inbox/events?account=ana", status: 404},
		{server: "bare", method: "GET", path: "/alerts", status: 404},
		{server: "bare", method: "GET", path: "/alerts/takeover-1f", status: 404},
		{server: "bare", method: "GET", path: "/api/v1/alerts", status: 404},
		{server: "bare", method: "GET", path: "/api/v1/messages?account=ana", status: 404},
		{server: "bare", method: "POST", path: "/api/v1/alerts/takeover-1f/seen", status: 404},
	} {
		t.Run(c.server+" "+c.method+" "+c.path, func(t *testing.T) {
			got := ask(t, c.method, servers[c.server]+c.path)
			got.expect(t, c.status)
			if l := got.header.Get("Location"); l != c.location {
				t.Errorf("Location = %q, want %q", l, c.location)
			}
			if a := got.header.Get("Allow"); a != c.allow {
				t.Errorf("Allow = %q, want %q", a, c.allow)
			}
		})
	}
}

func TestTheConsoleNeedsAStore(t *testing.T) {
	for _, o := range []web.Options{{Console: true}, {Token: "token"}} {
		if _, err := web.New(o); err == nil {
			t.Errorf("%+v was taken without a store", o)
		}
	}
}

func TestTheTokenIsNeededToReportWhatWasSeen(t *testing.T) {
	for name, o := range map[string]web.Options{
		"bare":    {Token: "s3cret-token"},
		"console": {Token: "s3cret-token", Console: true},
	} {
		store := &memory{messages: []holdfast.Message{message("voice-1", "ana", holdfast.InApp)}}
		o.Store = store
		server := serve(t, o)
		for _, authorization := range []string{
			"", "s3cret-token", "Bearer", "Bearer ", "Bearer s3cret", "Bearer s3cret-token2", "Bearer S3cret-token",
			"Basic czNjcmV0LXRva2VuOg==", "Token s3cret-token",
		} {
			got := ask(t, "POST", server.URL+"/api/v1/alerts/voice-1/seen", "Authorization", authorization)
			got.expect(t, http.StatusUnauthorized, `{"error":"the request needs the bearer token`)
			if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer") {
				t.Errorf("%s, %q: challenged with %q", name, authorization, challenge)
			}
		}
		if !store.messages[0].Seen.IsZero() {
			t.Fatalf("%s: it counts as seen without the token", name)
		}
		for _, authorization := range []string{"Bearer s3cret-token", "bearer  s3cret-token"} {
			ask(t, "POST", server.URL+"/api/v1/alerts/voice-1/seen", "Authorization", authorization).expect(t, http.StatusNoContent)
		}
		if store.messages[0].Seen.IsZero() {
			t.Errorf("%s: it does not count as seen", name)
		}
		ask(t, "POST", server.URL+"/api/v1/alerts/voice-2/seen", "Authorization", "Bearer s3cret-token").expect(t, http.StatusNotFound)
	}
}

func TestTheTokenOpensNothingElse(t *testing.T) {
	store := &memory{messages: []holdfast.Message{message("voice-1", "ana", holdfast.InApp)}}
	bare := serve(t, web.Options{Store: store, Token: "s3cret-token"})
	for _, path := range []string{"/api/v1/alerts", "/api/v1/messages?account=ana", "/inbox?account=ana", "/alerts"} {
		ask(t, "GET", bare.URL+path, "Authorization", "Bearer s3cret-token").expect(t, http.StatusNotFound)
	}
	// The page can't know the token, and a look at it says nothing about the owner.
	console := serve(t, web.Options{Store: store, Token: "s3cret-token", Console: true})
	page := ask(t, "GET", console.URL+"/inbox?account=ana")
	page.expect(t, http.StatusOK, "Text of voice-1")
	page.expectNot(t, "data-unseen", "s3cret")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	server := serve(t, web.Options{Store: &memory{}, Console: true})
	for _, path := range []string{"/", "/alerts", "/inbox?account=ana", "/api/v1/alerts", "/metrics", "/-/ready", "/nowhere"} {
		header := ask(t, "GET", server.URL+path).header
		for name, want := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'; script-src 'self'",
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			if got := header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy = %q", path, policy)
		}
	}
}

func TestOnlyOurOwnPagesMayPost(t *testing.T) {
	store := &memory{messages: []holdfast.Message{message("takeover-1f", "ana", holdfast.InApp)}}
	server := serve(t, web.Options{Store: store, Console: true, Reload: func(context.Context) error { return nil }})
	for _, path := range []string{"/-/reload", "/api/v1/alerts/takeover-1f/seen"} {
		for name, c := range map[string]struct {
			headers []string
			refused bool
		}{
			"curl":                   {},
			"our page":               {headers: []string{"Sec-Fetch-Site", "same-origin"}},
			"our page, old browser":  {headers: []string{"Origin", server.URL}},
			"other page":             {headers: []string{"Sec-Fetch-Site", "cross-site"}, refused: true},
			"neighbor":               {headers: []string{"Sec-Fetch-Site", "same-site"}, refused: true},
			"other page, old one":    {headers: []string{"Origin", "https://evil.example"}, refused: true},
			"other page, no referer": {headers: []string{"Origin", "null"}, refused: true},
		} {
			if got := ask(t, "POST", server.URL+path, c.headers...); (got.status == http.StatusForbidden) != c.refused {
				t.Errorf("%s from %s: status %d", path, name, got.status)
			}
		}
	}
}

func TestFilesAreKeptByVersion(t *testing.T) {
	server := serve(t, web.Options{Store: &memory{}, Console: true})
	page := ask(t, "GET", server.URL+"/alerts").body
	for name, contentType := range map[string]string{
		"holdfast.css": "text/css; charset=utf-8",
		"live.js":      "text/javascript; charset=utf-8",
		"icon.svg":     "image/svg+xml",
	} {
		address := regexp.MustCompile(`"(/static/` + name + `\?v=[0-9a-f]+)"`).FindStringSubmatch(page)
		if address == nil {
			t.Errorf("the page does not refer to %s", name)
			continue
		}
		file := ask(t, "GET", server.URL+address[1])
		file.expect(t, http.StatusOK)
		if got := file.header.Get("Content-Type"); got != contentType {
			t.Errorf("%s is %q, want %q", name, got, contentType)
		}
		if got := file.header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s of this version: Cache-Control = %q", name, got)
		}
		other := ask(t, "GET", server.URL+"/static/"+name+"?v=old", "If-None-Match", file.header.Get("ETag"))
		other.expect(t, http.StatusNotModified)
		if got := other.header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s of another version: Cache-Control = %q", name, got)
		}
	}
}

func TestAPanicIsLoggedAndBreaksTheConnection(t *testing.T) {
	var log bytes.Buffer
	server := serve(t, web.Options{
		Ready:  func(context.Context) error { panic("a part is broken") },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/-/ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err == nil {
		response.Body.Close()
		t.Errorf("it answered %s", response.Status)
	}
	server.Close() // waits for the handler, and so for its log
	if !strings.Contains(log.String(), "a part is broken") {
		t.Errorf("the log does not say it: %s", log.String())
	}
}
