package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/web"
)

func TestReadySaysWhatIsMissing(t *testing.T) {
	var missing error
	server := serve(t, web.Options{Ready: func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the parts are asked without a deadline")
		}
		return missing
	}})
	got := ask(t, "GET", server.URL+"/-/ready")
	got.expect(t, http.StatusOK)
	if got.body != "ready\n" {
		t.Errorf("body = %q", got.body)
	}

	missing = errors.Join(errors.New("no partitions assigned"), errors.New("the store does not answer"))
	got = ask(t, "GET", server.URL+"/-/ready")
	got.expect(t, http.StatusServiceUnavailable)
	if got.body != "no partitions assigned\nthe store does not answer\n" {
		t.Errorf("body = %q", got.body)
	}
	// Whoever restarts what is not healthy must not restart what waits.
	ask(t, "GET", server.URL+"/-/healthy").expect(t, http.StatusOK, "healthy")
}

func TestReloadShowsTheFindings(t *testing.T) {
	findings := diag.List{}
	findings.Add("rules.yaml", diag.Pos{Line: 4, Column: 3}, "unknown key `treshold`")
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
	}{
		"good":           {status: http.StatusOK, body: "reloaded\n"},
		"bad file":       {err: fmt.Errorf("checking the rules: %w", findings), status: http.StatusBadRequest, body: "checking the rules: rules.yaml:4:3: unknown key `treshold`\n"},
		"something else": {err: errors.New("the store does not answer"), status: http.StatusInternalServerError, body: "the store does not answer\n"},
	} {
		server := serve(t, web.Options{Reload: func(context.Context) error { return c.err }})
		got := ask(t, "POST", server.URL+"/-/reload")
		if got.status != c.status || got.body != c.body {
			t.Errorf("%s: %d %q", name, got.status, got.body)
		}
	}
}

func TestMetricsAreWhatWasGathered(t *testing.T) {
	registry := prometheus.NewRegistry()
	promauto.With(registry).NewCounter(prometheus.CounterOpts{Name: "holdfast_events_total", Help: "Events."}).Add(3)
	server := serve(t, web.Options{Gatherer: registry})
	ask(t, "GET", server.URL+"/metrics").expect(t, http.StatusOK, "holdfast_events_total 3")

	open := ask(t, "GET", server.URL+"/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	open.expect(t, http.StatusOK, "# EOF")
	if c := open.header.Get("Content-Type"); !strings.HasPrefix(c, "application/openmetrics-text") {
		t.Errorf("Content-Type = %q", c)
	}
	ask(t, "GET", serve(t, web.Options{}).URL+"/metrics").expect(t, http.StatusOK)
}

func TestCheck(t *testing.T) {
	reasons := errors.New("no partitions assigned")
	server := serve(t, web.Options{Ready: func(context.Context) error { return reasons }})
	if err := web.Check(t.Context(), server.URL+"/-/healthy"); err != nil {
		t.Errorf("healthy: %v", err)
	}
	if err := web.Check(t.Context(), server.URL+"/-/ready"); err == nil || !strings.Contains(err.Error(), "no partitions assigned") {
		t.Errorf("not ready: %v", err)
	}
	demo := serve(t, web.Options{Store: &memory{}, Console: true})
	if err := web.Check(t.Context(), demo.URL+"/"); err == nil {
		t.Error("a redirect passed for health")
	}
	server.Close()
	err := web.Check(t.Context(), strings.Replace(server.URL, "http://", "http://ops:hunter2@", 1)+"/-/healthy")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody there: %v", err)
	}
}
