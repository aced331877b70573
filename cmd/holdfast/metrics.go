package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// reloadMetrics say how the last loading of configuration and rules went.
type reloadMetrics struct {
	successful prometheus.Gauge
	time       prometheus.Gauge
}

func newReloadMetrics(reg prometheus.Registerer) *reloadMetrics {
	with := promauto.With(reg)
	return &reloadMetrics{
		successful: with.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_config_last_reload_successful",
			Help: "Whether the last loading of configuration and rules succeeded.",
		}),
		time: with.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_config_last_reload_success_timestamp_seconds",
			Help: "When configuration and rules were last loaded with success.",
		}),
	}
}

func (m *reloadMetrics) done(err error, now time.Time) {
	if err != nil {
		m.successful.Set(0)
		return
	}
	m.successful.Set(1)
	m.time.Set(float64(now.UnixMilli()) / 1000)
}
