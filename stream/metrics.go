package stream

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type consumerMetrics struct {
	consumed   *prometheus.CounterVec
	lag        *prometheus.GaugeVec
	partitions prometheus.Gauge
	rebalances prometheus.Counter
	up         prometheus.Gauge
}

func newConsumerMetrics(registerer prometheus.Registerer) *consumerMetrics {
	with := promauto.With(registerer)
	return &consumerMetrics{
		consumed: with.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_events_consumed_total",
			Help: "Records of the input topic that were processed, by partition.",
		}, []string{"partition"}),
		lag: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_stream_lag_records",
			Help: "Offsets between the next one to be processed and the partition's high watermark, for the partitions assigned here.",
		}, []string{"partition"}),
		partitions: with.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_stream_partitions",
			Help: "Partitions of the input topic that are assigned here.",
		}),
		rebalances: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_stream_rebalances_total",
			Help: "Generations of the consumer group that were joined.",
		}),
		up: with.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_stream_up",
			Help: "1 while the consumer is a member of its group and all its partitions can be fetched, else 0.",
		}),
	}
}

type producerMetrics struct {
	deadLetters prometheus.Counter
	failures    prometheus.Counter
	up          prometheus.Gauge
}

func newProducerMetrics(registerer prometheus.Registerer) *producerMetrics {
	with := promauto.With(registerer)
	return &producerMetrics{
		deadLetters: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_dead_letters_total",
			Help: "Records that were written to a dead-letter topic and acknowledged.",
		}),
		failures: with.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_producer_failures_total",
			Help: "Calls to write to Kafka that failed and are left to be tried again.",
		}),
		up: with.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_producer_up",
			Help: "1 if the last call to write to Kafka was acknowledged, or there was none, else 0.",
		}),
	}
}
