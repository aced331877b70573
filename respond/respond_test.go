package respond_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
	"github.com/holdfastd/holdfast/respond"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// takeover is the alert of the story's end.
func takeover() holdfast.Alert {
	started := holdfast.Instant(time.Date(2026, 11, 24, 8, 33, 0, 0, time.UTC).UnixNano())
	return holdfast.Alert{
		ID:      "takeover-1f",
		Rule:    "takeover",
		Level:   holdfast.Critical,
		Status:  holdfast.Stable,
		Time:    started.Add(time.Minute),
		Account: "u_1842",
		Sessions: holdfast.Sessions{
			Suspect:   []holdfast.Session{{ID: "s_evil", Device: "d_evil", Started: started}, {ID: "s_worse", Started: started}},
			Protected: []holdfast.Session{{ID: "s_mine", Device: "d_mine", Started: started}},
		},
		Respond: []holdfast.Response{
			{Kind: holdfast.NotifyOwner, Template: "takeover"},
			{Kind: holdfast.TerminateSessions, Scope: respond.Suspects, Wipe: true, When: holdfast.Now},
		},
	}
}

func with(a holdfast.Alert, change func(*holdfast.Alert)) holdfast.Alert {
	change(&a)
	return a
}

func responses(r ...holdfast.Response) func(*holdfast.Alert) {
	return func(a *holdfast.Alert) { a.Respond = r }
}

// bench is a terminator with all around it.
type bench struct {
	*respond.Terminator
	registry *prometheus.Registry
	logged   bytes.Buffer
}

func newBench(adapter respond.Adapter) *bench {
	b := &bench{registry: prometheus.NewRegistry()}
	b.Terminator = respond.New(respond.Options{
		Adapter:    adapter,
		Logger:     slog.New(slog.NewJSONHandler(&b.logged, nil)),
		Registerer: b.registry,
	})
	return b
}

// sessions checks how many sessions were counted; what is not named is 0.
func (b *bench) sessions(t *testing.T, name string, want map[string]float64) {
	t.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, m := range families[0].GetMetric() {
		if v := m.GetCounter().GetValue(); v != 0 {
			got[m.GetLabel()[0].GetValue()] = v
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: sessions (-want +got):\n%s", name, diff)
	}
}

// backend is an adapter to a service of the test's own.
func backend(t *testing.T, handler http.HandlerFunc) respond.Webhook {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	sender, err := webhook.New(webhook.Options{URL: server.URL, Secret: secret, Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return respond.Webhook{Sender: sender}
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func job(alert holdfast.Alert) holdfast.Job {
	return holdfast.Job{
		Alert:   alert,
		Action:  holdfast.Action{Kind: holdfast.TerminateSessions, Scope: respond.Suspects, Wipe: true},
		Ordinal: 2, Attempt: 1,
	}
}

func TestServiceIsAskedSignedForTheSuspectsAlone(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	b := newBench(backend(t, func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		if err := verifier.Verify(got, r.Header); err != nil || r.Header.Get("webhook-id") != "takeover-1f-2" {
			t.Errorf("%v, %v", err, r.Header)
		}
	}))
	outcome, err := b.Work(t.Context(), job(takeover()))
	if diff := cmp.Diff(holdfast.Outcome{State: holdfast.Done}, outcome); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	want := `{"type":"sessions.terminate","timestamp":"2026-11-24T08:34:00Z","data":{"alert":"takeover-1f","rule":"takeover",` +
		`"level":"critical","account":"u_1842","reason":"account_takeover","sessions":[` +
		`{"id":"s_evil","device":"d_evil","started":"2026-11-24T08:33:00.000Z"},` +
		`{"id":"s_worse","started":"2026-11-24T08:33:00.000Z"}],"protected":["s_mine"],"wipe":true}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.sessions(t, "all", map[string]float64{"ended": 2})
}

func TestProtectedSessionIsNeverAskedFor(t *testing.T) {
	mine := holdfast.Session{ID: "s_mine"}
	for _, test := range []struct {
		name    string
		suspect []holdfast.Session
		asked   []string
		want    holdfast.Outcome
		counted map[string]float64
	}{
		{
			"among suspects",
			[]holdfast.Session{mine, {ID: "s_evil"}},
			[]string{"s_evil"},
			holdfast.Outcome{State: holdfast.Done},
			map[string]float64{"ended": 1, "skipped": 1},
		},
		{
			"alone",
			[]holdfast.Session{mine},
			nil,
			holdfast.Outcome{State: holdfast.Skipped, Reason: respond.NoSessions},
			map[string]float64{"skipped": 1},
		},
		{
			"without an id",
			[]holdfast.Session{{}},
			nil,
			holdfast.Outcome{State: holdfast.Skipped, Reason: respond.NoSessions},
			map[string]float64{"skipped": 1},
		},
		{
			"twice",
			[]holdfast.Session{{ID: "s_evil"}, {ID: "s_evil"}},
			[]string{"s_evil"},
			holdfast.Outcome{State: holdfast.Done},
			map[string]float64{"ended": 1, "skipped": 1},
		},
		{"no suspects", nil, nil, holdfast.Outcome{State: holdfast.Skipped, Reason: respond.NoSessions}, map[string]float64{}},
	} {
		var asked []string
		b := newBench(backend(t, func(_ http.ResponseWriter, r *http.Request) {
			var body struct{ Data respond.Terminate }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			for _, s := range body.Data.Sessions {
				asked = append(asked, s.ID)
			}
		}))
		alert := with(takeover(), func(a *holdfast.Alert) { a.Sessions.Suspect = test.suspect })
		outcome, err := b.Work(t.Context(), job(alert))
		if diff := cmp.Diff(test.want, outcome); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
		if diff := cmp.Diff(test.asked, asked); diff != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", test.name, diff)
		}
		b.sessions(t, test.name, test.counted)
	}
}

func TestAnswers(t *testing.T) {
	done := holdfast.Outcome{State: holdfast.Done}
	var again holdfast.Outcome // another try
	again2 := map[string]float64{"retried": 2}
	incomplete := holdfast.Outcome{State: holdfast.Failed, Reason: respond.Incomplete}
	for _, test := range []struct {
		name    string
		status  int
		body    string
		final   bool
		want    holdfast.Outcome
		counted map[string]float64
	}{
		{"no content", 204, "", false, done, map[string]float64{"ended": 2}},
		{"blank", 200, " \n", false, done, map[string]float64{"ended": 2}},
		{"empty object", 200, "{}", false, again, again2},
		{"other fields", 202, `{"ok":true}`, false, again, again2},
		{"an error", 200, `{"error":"no such account"}`, false, again, again2},
		{"a status", 200, `{"status":"failed"}`, false, again, again2},
		{"null", 200, "null", false, again, again2},
		{"null for a list", 200, `{"ended":null}`, false, again, again2},
		{
			"an error at last", 200, `{"error":"no such account"}`, true,
			holdfast.Outcome{State: holdfast.Failed, Reason: respond.BadAnswer},
			map[string]float64{"failed": 2},
		},
		{"all ended", 200, `{"ended":["s_evil","s_worse"]}`, false, done, map[string]float64{"ended": 2}},
		{"one gone", 200, `{"ended":["s_evil"],"not_found":["s_worse"]}`, false, done, map[string]float64{"ended": 1, "not_found": 1}},
		{
			"all gone", 200, `{"not_found":["s_evil","s_worse"]}`, false,
			holdfast.Outcome{State: holdfast.Done, Reason: respond.NotFound},
			map[string]float64{"not_found": 2},
		},
		{"one left out", 200, `{"ended":["s_evil"]}`, false, again, map[string]float64{"ended": 1, "retried": 1}},
		{"one left out at last", 200, `{"ended":["s_evil"]}`, true, incomplete, map[string]float64{"ended": 1, "failed": 1}},
		{"none ended", 200, `{"ended":[]}`, false, again, again2},
		{"none ended at last", 200, `{"ended":[]}`, true, incomplete, map[string]float64{"failed": 2}},
		{"a proxy's page", 200, "<html>", false, again, again2},
		{
			"a proxy's page at last", 200, "<html>", true,
			holdfast.Outcome{State: holdfast.Failed, Reason: respond.BadAnswer},
			map[string]float64{"failed": 2},
		},
		{"wrong type", 200, `{"ended":true}`, false, again, again2},
		{"down", 503, "", false, again, again2},
		{"too many", 429, "", false, again, again2},
		{
			"down at last", 503, "", true,
			holdfast.Outcome{State: holdfast.Failed, Reason: respond.Unavailable},
			map[string]float64{"failed": 2},
		},
		{"an ingress without a backend", 404, "", false, again, again2},
		{
			"no such endpoint", 404, "", true,
			holdfast.Outcome{State: holdfast.Failed, Reason: "endpoint_not_found"}, // not as "all gone"
			map[string]float64{"failed": 2},
		},
		{"forbidden", 403, "", false, again, again2},
		{
			"forbidden at last", 403, "", true,
			holdfast.Outcome{State: holdfast.Failed, Reason: webhook.Unauthorized},
			map[string]float64{"failed": 2},
		},
		{"bad request", 400, "", false, again, again2},
		{"redirect", 302, "", false, again, again2},
		{
			"gone", 410, "", false,
			holdfast.Outcome{State: holdfast.Failed, Reason: webhook.Gone},
			map[string]float64{"failed": 2},
		},
	} {
		b := newBench(backend(t, answering(test.status, test.body)))
		j := job(takeover())
		j.Final = test.final
		outcome, err := b.Work(t.Context(), j)
		if diff := cmp.Diff(test.want, outcome); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if (test.want.State == again.State) != (err != nil) {
			t.Errorf("%s: got %v", test.name, err)
		}
		b.sessions(t, test.name, test.counted)
	}
}

func TestProtectedSessionThatTheServiceEndedIsReported(t *testing.T) {
	b := newBench(backend(t, answering(200, `{"ended":["s_evil","s_worse","s_mine"]}`)))
	if outcome, err := b.Work(t.Context(), job(takeover())); err != nil || outcome.State != holdfast.Done {
		t.Errorf("got %+v, %v", outcome, err)
	}
	if !strings.Contains(b.logged.String(), `"level":"ERROR"`) || !strings.Contains(b.logged.String(), "protected") {
		t.Errorf("logged %s", b.logged.String())
	}
	b.sessions(t, "protected", map[string]float64{"ended": 2})
}

func TestWithoutAnAdapterNothingIsEnded(t *testing.T) {
	b := newBench(nil)
	outcome, err := b.Work(t.Context(), job(takeover()))
	if diff := cmp.Diff(holdfast.Outcome{State: holdfast.Skipped, Reason: respond.NoAdapter}, outcome); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	b.sessions(t, "no adapter", map[string]float64{"skipped": 2})
}

func TestSessionThatWasNotEndedIsAskedForAgain(t *testing.T) {
	alive := []string{"s_evil", "s_worse"} // the service ends one at a time
	b := newBench(backend(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Data respond.Terminate }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		answer := map[string][]string{"ended": {}, "not_found": {}}
		for _, s := range body.Data.Sessions {
			switch {
			case !slices.Contains(alive, s.ID):
				answer["not_found"] = append(answer["not_found"], s.ID)
			case len(answer["ended"]) == 0:
				answer["ended"] = append(answer["ended"], s.ID)
				alive = slices.DeleteFunc(alive, func(id string) bool { return id == s.ID })
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	if _, err := b.Work(t.Context(), job(takeover())); err == nil {
		t.Error("the job ended with a session alive")
	}
	outcome, err := b.Work(t.Context(), job(takeover()))
	if diff := cmp.Diff(holdfast.Outcome{State: holdfast.Done}, outcome); err != nil || diff != "" || len(alive) > 0 {
		t.Errorf("%v, alive are %v\n%s", err, alive, diff)
	}
	b.sessions(t, "both", map[string]float64{"ended": 2, "retried": 1, "not_found": 1})
}

func TestOutageIsSaidOnceHoweverManyTriesFail(t *testing.T) {
	status := http.StatusServiceUnavailable
	b := newBench(backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	for range 20 {
		if _, err := b.Work(t.Context(), job(takeover())); err == nil {
			t.Fatal("no error")
		}
	}
	if n := strings.Count(b.logged.String(), "\n"); n != 1 || !strings.Contains(b.logged.String(), "Session adapter is interrupted") {
		t.Errorf("%d lines: %s", n, b.logged.String())
	}
	status = http.StatusOK
	for range 2 {
		if _, err := b.Work(t.Context(), job(takeover())); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(b.logged.String(), "Session adapter works again"); n != 1 {
		t.Errorf("%d lines: %s", n, b.logged.String())
	}
}

func TestRepeatsCarryTheSameID(t *testing.T) {
	seen := make(map[string]int)
	b := newBench(backend(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.Header.Get("webhook-id")]++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	for attempt := range 3 {
		j := job(takeover())
		j.Attempt = attempt + 1
		if _, err := b.Work(t.Context(), j); err == nil {
			t.Error("no error")
		}
	}
	if seen["takeover-1f-2"] != 3 || len(seen) != 1 {
		t.Errorf("got %v", seen)
	}
}

func TestJobsOfOthersAreRefused(t *testing.T) {
	b := newBench(nil)
	for _, action := range []holdfast.Action{
		{Kind: holdfast.NotifyOwner},
		{Kind: holdfast.TerminateSessions},
		{Kind: holdfast.TerminateSessions, Scope: respond.AllOthers},
	} {
		if _, err := b.Work(t.Context(), holdfast.Job{Alert: takeover(), Action: action}); err == nil {
			t.Errorf("%+v: no error", action)
		}
	}
}

// failing is an adapter that is down.
type failing struct{ err error }

func (f failing) Terminate(context.Context, respond.Request) (respond.Result, error) {
	return respond.Result{}, f.err
}

func TestLogsAndMetricsTellNobodyApart(t *testing.T) {
	b := newBench(backend(t, answering(200, `{"ended":["s_evil","s_mine"]}`)))
	last := job(takeover())
	last.Final = true
	if _, err := b.Work(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	down := newBench(failing{errors.New("down")})
	if _, err := down.Work(t.Context(), job(takeover())); err == nil {
		t.Error("no error")
	}
	logged := b.logged.String() + down.logged.String()
	for _, word := range []string{"u_1842", "s_evil", "s_mine", "s_worse", "d_evil", secret} {
		if strings.Contains(logged, word) {
			t.Errorf("logs tell %q: %s", word, logged)
		}
	}
	if problems, err := testutil.GatherAndLint(b.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(b.registry); err != nil || n != 5 {
		t.Errorf("%d series, %v", n, err)
	}
}
