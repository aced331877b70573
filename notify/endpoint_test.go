package notify

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"
)

func endpoint(t *testing.T, path string, handler http.HandlerFunc) *Endpoint {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	e, err := NewEndpoint(EndpointOptions{URL: server.URL + path, Token: "t0ken", Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// answering replies to every request alike.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestEndpointIsAskedForTheAccount(t *testing.T) {
	for path, want := range map[string]string{
		"/contact":                    "/contact?account=a%2Fb%26c+d",
		"/contact?tenant=1":           "/contact?tenant=1&account=a%2Fb%26c+d",
		"/users/{account}/contact":    "/users/a%2Fb&c%20d/contact",
		"/users/{account}?fields=yes": "/users/a%2Fb&c%20d?fields=yes",
	} {
		e := endpoint(t, path, func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI != want {
				t.Errorf("%s: asked for %s, not %s", path, r.RequestURI, want)
			}
			if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("%s: request is %s with %v", path, r.Method, r.Header)
			}
			_, _ = io.WriteString(w, "{}")
		})
		if c, err := e.Contact(t.Context(), "a/b&c d"); err != nil || c.Account != "a/b&c d" {
			t.Errorf("%s: got %+v, %v", path, c, err)
		}
	}
}

func TestEndpointsAnswerIsRead(t *testing.T) {
	e := endpoint(t, "/", answering(200, `{"account":"ana","locale":"de-AT","time_zone":"Europe/Vienna","phone":"+4315550100",
		"phone_since":"2026-03-01T10:00:00Z","previous_phone":"+4315550199","name":"Ana"}`))
	c, err := e.Contact(t.Context(), "ana")
	if err != nil || c.Locale != language.MustParse("de-AT") || c.TimeZone.String() != "Europe/Vienna" ||
		c.Phone.Number() != "+4315550100" || c.PreviousPhone.Number() != "+4315550199" ||
		!c.PhoneSince.Equal(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestUnreadableFieldsCountAsAbsent(t *testing.T) {
	e := endpoint(t, "/", answering(200, `{"locale":"?","time_zone":"Mars","phone":"+4315550100","phone_since":"lately"}`))
	c, err := e.Contact(t.Context(), "ana")
	if err != nil || c != (Contact{Account: "ana"}) {
		t.Errorf("a number of unknown age was taken: %+v, %v", c, err)
	}
}

func TestEndpointThatHasNoContact(t *testing.T) {
	e := endpoint(t, "/{account}", answering(404, ""))
	for _, account := range []string{"ana", "", ".", ".."} {
		if _, err := e.Contact(t.Context(), account); !errors.Is(err, ErrNoContact) {
			t.Errorf("%q: got %v", account, err)
		}
	}
}

func TestEndpointThatFails(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"server error":    answering(500, "+15550100"),
		"redirect":        answering(302, ""),
		"unauthorized":    answering(401, ""),
		"not JSON":        answering(200, "<html>+15550100"),
		"wrong type":      answering(200, `{"phone":15550100}`),
		"too long":        answering(200, `{"name":"`+strings.Repeat("x", longestContact)+`"}`),
		"another account": answering(200, `{"account":"bob"}`),
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{}")
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		_, err := endpoint(t, "/?key=hidden", handler).Contact(t.Context(), "ana-secret")
		if err == nil || errors.Is(err, ErrNoContact) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, word := range []string{"5550100", "hidden", "ana-secret", "t0ken"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v tells %q", name, err, word)
			}
		}
	}
}

func TestUnusableEndpoints(t *testing.T) {
	for _, address := range []string{
		"", "/contact", "ftp://example.com/", "https://{account}.example.com/", "https://{account}/x",
		"https://example.com/?account={account}", "https://example.com/{account}/?a={account}",
		"https://example.com/#{account}",
	} {
		if _, err := NewEndpoint(EndpointOptions{URL: address}); err == nil {
			t.Errorf("%s was taken", address)
		}
	}
}
