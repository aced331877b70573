// Package demo is what `holdfast demo` needs besides the product itself: a
// broker inside the process and the stage on which the attack is played. It must
// never be part of what `holdfast run` does.
package demo

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kfake"
)

// BrokerOptions is what a [Broker] is started with.
type BrokerOptions struct {
	// Topics are created unless they exist already; the value is the number of
	// partitions. Defaults to none.
	Topics map[string]int32
	// DataDir keeps the records from one start to the next. Defaults to memory.
	DataDir string
	// Port to listen on. Defaults to one that is free.
	Port int
}

// Broker is a Kafka-compatible broker inside this process, on the loopback
// interface. It is for demonstrations and tests: nothing is replicated.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
}

// StartBroker starts a broker. It serves as soon as StartBroker returns.
func StartBroker(opts BrokerOptions) (*Broker, error) {
	settings := []kfake.Opt{kfake.ClusterID("holdfast-demo"), kfake.Ports(opts.Port)}
	if opts.DataDir != "" {
		settings = append(settings, kfake.DataDir(opts.DataDir))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	for topic, partitions := range opts.Topics {
		if cluster.TopicInfo(topic) != nil {
			continue
		}
		if err := cluster.CreateTopic(topic, partitions, nil); err != nil {
			cluster.Close()
			return nil, fmt.Errorf("creating topic %q on the embedded broker: %w", topic, err)
		}
	}
	return &Broker{cluster, cluster.ListenAddrs()}, nil
}

// Addrs is where the broker listens, as host:port.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

// Close stops the broker, breaking what connections there are.
func (b *Broker) Close() { b.cluster.Close() }
