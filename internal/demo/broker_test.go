package demo_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/holdfastd/holdfast/internal/demo"
)

func TestBrokerKeepsWhatItsDataDirHolds(t *testing.T) {
	opts := demo.BrokerOptions{DataDir: t.TempDir(), Topics: map[string]int32{"events": 1}}
	broker := start(t, opts)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	client := connect(t, broker)
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "events", Value: []byte("kept")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	client.Close()
	broker.Close()

	opts.Topics["more"] = 2 // created beside what is there
	broker = start(t, opts)
	client = connect(t, broker, kgo.ConsumeTopics("events"))
	defer client.Close()
	fetches := client.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	if got := fetches.Records(); len(got) != 1 || string(got[0].Value) != "kept" {
		t.Errorf("after the restart the topic holds %d records, want the one that was written", len(got))
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "more", Value: []byte("x")}).FirstErr(); err != nil {
		t.Errorf("a topic that was added at the restart: %v", err)
	}
}

func TestBrokerListensOnLoopbackAlone(t *testing.T) {
	for _, addr := range start(t, demo.BrokerOptions{}).Addrs() {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(port); !net.ParseIP(host).IsLoopback() || n == 0 || err != nil {
			t.Errorf("listens on %s, want a port of the loopback interface", addr)
		}
	}
}

func start(t *testing.T, opts demo.BrokerOptions) *demo.Broker {
	t.Helper()
	broker, err := demo.StartBroker(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

func connect(t *testing.T, broker *demo.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker.Addrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
