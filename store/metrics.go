package store

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	write   prometheus.Histogram
	waiting prometheus.Gauge
	up      prometheus.Gauge
	fenced  prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_store_write_duration_seconds",
			Help:    "How long it took to make a batch of alerts durable, failed tries included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_store_jobs_waiting",
			Help: "Actions in the store that are not finished, of all replicas, as of a few seconds ago.",
		}),
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_store_up",
			Help: "Whether the store answered the last time it was asked.",
		}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_store_fenced_total",
			Help: "Transactions refused because another process had claimed the partition meanwhile: this one was paused or cut off, or two that know nothing of each other share the store.",
		}),
	}
}

// observe notes whether the database answered, and what it fenced off.
func (m *metrics) observe(ctx context.Context, err error) {
	switch {
	case errors.Is(err, ErrFenced):
		m.fenced.Inc()
		m.up.Set(1)
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrRefused), errors.Is(err, errSuperseded):
		m.up.Set(1)
	case errors.Is(ctx.Err(), context.Canceled): // the caller lost interest
	default:
		m.up.Set(0)
	}
}
