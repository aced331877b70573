package pipeline

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
)

// What a partition can wait for, as metric labels.
const (
	theStore       = "store"
	theDeadLetters = "dead_letter_topic"
	theSnapshots   = "snapshots"
)

// metrics count what goes through the pipeline.
type metrics struct {
	rejected   *prometheus.CounterVec
	alerts     *prometheus.CounterVec
	latency    prometheus.Histogram
	duplicates prometheus.Counter
	late       prometheus.Counter
	overflowed prometheus.Counter
	evicted    prometheus.Counter
	tooOld     prometheus.Counter
	splits     prometheus.Counter
	blocked    *prometheus.GaugeVec
	ruleSet    *prometheus.GaugeVec

	snapshotDuration  prometheus.Histogram
	snapshotStop      prometheus.Histogram
	snapshotBytes     *prometheus.GaugeVec
	snapshotTimestamp *prometheus.GaugeVec
	snapshotFailures  prometheus.Counter
	unusable          *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	with := promauto.With(reg)
	m := &metrics{
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
		evicted: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_groups_dropped_total",
			Help: "Groups that were forgotten early because a rule had too many (engine.max_groups).",
		}),
		tooOld: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_alerts_too_old_total",
			Help: "Alerts that were older than max_action_age when they were first stored, so that nothing followed.",
		}),
		splits: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_events_split_total",
			Help: "Events of one account in 16 that came in another of this process's partitions than the account's event before.",
		}),
		blocked: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_partitions_blocked",
			Help: "Partitions that wait because something they need can't be used.",
		}, []string{"to"}),
		ruleSet: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_rule_set_info",
			Help: "The rule set that is in force in a partition.",
		}, []string{"partition", "rule_set"}),
		snapshotDuration: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_snapshot_duration_seconds",
			Help:    "From the begin of a snapshot until it was current, beside the work.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		snapshotStop: with.NewHistogram(prometheus.HistogramOpts{
			Name:    "holdfast_snapshot_stop_seconds",
			Help:    "How long a partition stood still for a snapshot of its state.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1},
		}),
		snapshotBytes: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_snapshot_bytes",
			Help: "Size of the partition's current snapshot, as written by this process.",
		}, []string{"partition"}),
		snapshotTimestamp: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_snapshot_timestamp_seconds",
			Help: "When the partition's current snapshot was last known to hold all that was read.",
		}, []string{"partition"}),
		snapshotFailures: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_snapshot_failures_total",
			Help: "Snapshots that could not be written, or not be made current at the first try.",
		}),
		unusable: with.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_snapshots_unusable_total",
			Help: "Snapshots that a partition could not be restored from, by reason: the one before was taken.",
		}, []string{"reason"}),
	}
	for _, what := range []string{theStore, theDeadLetters, theSnapshots} {
		m.blocked.WithLabelValues(what)
	}
	for _, reason := range intake.Reasons {
		m.rejected.WithLabelValues(string(reason))
	}
	for _, reason := range unusableReasons {
		m.unusable.WithLabelValues(string(reason))
	}
	return m
}

// expect starts the series of a set's rules at 0.
func (m *metrics) expect(set *RuleSet) {
	for _, r := range set.Rules.Rules {
		m.alerts.WithLabelValues(r.ID, r.Level.String(), string(r.Status))
	}
}

// engine counts what an engine met since the last time, and returns its counts.
func (m *metrics) engine(before, now detector.Stats) detector.Stats {
	m.duplicates.Add(float64(now.Duplicates - before.Duplicates))
	m.late.Add(float64(now.Late - before.Late))
	m.overflowed.Add(float64(now.Overflowed - before.Overflowed))
	m.evicted.Add(float64(now.Evicted - before.Evicted))
	return now
}

// inForce shows which rule set a partition applies: one at a time.
func (m *metrics) inForce(partition int32, hash string) {
	m.ruleSet.DeletePartialMatch(prometheus.Labels{"partition": label(partition)})
	m.ruleSet.WithLabelValues(label(partition), hash).Set(1)
}

// isAsOf shows when the current snapshot of a partition held all that was read.
func (m *metrics) isAsOf(partition int32, at time.Time) {
	m.snapshotTimestamp.WithLabelValues(label(partition)).Set(float64(at.UnixMilli()) / 1000)
}

func label(partition int32) string { return strconv.Itoa(int(partition)) }

// forget drops the series of a partition that is given up.
func (m *metrics) forget(partition int32) {
	labels := prometheus.Labels{"partition": label(partition)}
	m.ruleSet.DeletePartialMatch(labels)
	m.snapshotBytes.DeletePartialMatch(labels)
	m.snapshotTimestamp.DeletePartialMatch(labels)
}
