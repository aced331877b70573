package main

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/stream"
)

// pipelineMetrics count what goes through the pipeline.
type pipelineMetrics struct {
	rejected   *prometheus.CounterVec
	alerts     *prometheus.CounterVec
	latency    prometheus.Histogram
	duplicates prometheus.Counter
	late       prometheus.Counter
	overflowed prometheus.Counter
	evicted    prometheus.Counter
	tooOld     prometheus.Counter
	blocked    *prometheus.GaugeVec
}

func newPipelineMetrics(reg prometheus.Registerer) *pipelineMetrics {
	with := promauto.With(reg)
	m := &pipelineMetrics{
		rejected: with.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_events_rejected_total",
			Help: "Records that are no valid event and went to the dead-letter topic, by reason.",
		}, []string{"reason"}),
		alerts: with.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_alerts_total",
			Help: "Alerts that became durable, each once, by rule, level and the rule's status.",
		}, []string{"rule", "level", "status"}),
		latency: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_detection_latency_seconds",
			Help:    "From the broker's receipt of the event that completed an alert to the alert being durable.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
		}),
		duplicates: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_events_duplicate_total",
			Help: "Events that were delivered more than once and counted once.",
		}),
		late: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_events_late_total",
			Help: "Events whose time lay behind the watermark of their partition. They count all the same.",
		}),
		overflowed: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_group_entries_dropped_total",
			Help: "Entries that a group forgot because it was full (engine.max_entries).",
		}),
	}
	m.evicted = with.NewCounter(prometheus.CounterOpts{
		Name: "holdfast_groups_dropped_total",
		Help: "Groups that were forgotten early because a rule had too many (engine.max_groups).",
	})
	m.tooOld = with.NewCounter(prometheus.CounterOpts{
		Name: "holdfast_alerts_too_old_total",
		Help: "Alerts that were older than max_action_age when they were first stored, so that nothing followed.",
	})
	m.blocked = with.NewGaugeVec(prometheus.GaugeOpts{
		Name: "holdfast_partitions_blocked",
		Help: "Partitions whose consumption waits because what they have to write to takes no writes.",
	}, []string{"to"})
	m.blocked.WithLabelValues(toStore)
	m.blocked.WithLabelValues(toDeadLetters)
	for _, reason := range intake.Reasons {
		m.rejected.WithLabelValues(string(reason))
	}
	return m
}

// expect starts the series of a set's rules at 0.
func (m *pipelineMetrics) expect(set *rules.Set) {
	for _, r := range set.Rules {
		m.alerts.WithLabelValues(r.ID, r.Level.String(), string(r.Status))
	}
}

// engine counts what an engine met since the last time, and returns its counts.
func (m *pipelineMetrics) engine(before, now detector.Stats) detector.Stats {
	m.duplicates.Add(float64(now.Duplicates - before.Duplicates))
	m.late.Add(float64(now.Late - before.Late))
	m.overflowed.Add(float64(now.Overflowed - before.Overflowed))
	m.evicted.Add(float64(now.Evicted - before.Evicted))
	return now
}

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

// timeOf returns the broker time of the record at an offset of a batch.
func timeOf(records []stream.Record, offset int64) (time.Time, bool) {
	i, ok := slices.BinarySearchFunc(records, offset, func(r stream.Record, o int64) int { return int(r.Offset - o) })
	if !ok {
		return time.Time{}, false
	}
	return records[i].Time, true
}
