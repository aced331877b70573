package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfastd/holdfast/internal/diag"
)

// readyTimeout bounds how long the parts are asked whether they are ready.
const readyTimeout = 4 * time.Second

// serveHealthy says that the process runs and answers, nothing more: whoever
// restarts processes on it must not do so because a broker is down.
func (s *site) serveHealthy(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "healthy")
}

func (s *site) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		writeText(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	writeText(w, http.StatusOK, "ready")
}

// serveReload answers 400 if what a person wrote is wrong, and 500 if it could
// not be taken up for another reason. Both leave everything as it was.
func (s *site) serveReload(w http.ResponseWriter, r *http.Request) {
	err := s.reload(r.Context())
	var findings diag.List
	switch {
	case err == nil:
		writeText(w, http.StatusOK, "reloaded")
	case errors.As(err, &findings):
		writeText(w, http.StatusBadRequest, err.Error())
	default:
		writeText(w, http.StatusInternalServerError, err.Error())
	}
}

// scrapes is how many requests for metrics are answered at once.
const scrapes = 8

func metricsHandler(g prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
		// One collector that fails must not blind the alerts on all others.
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapes,
		EnableOpenMetrics:   true,
	})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(strings.TrimRight(text, "\n") + "\n"))
}
