package pipeline_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/stream"
)

// several are batches of one event of each of many accounts, for two partitions.
// They are so many that some are sure to be among those that are watched.
func several(prefix string) stream.Batch {
	values := make([]string, 400)
	for i := range values {
		values[i] = now(fmt.Sprintf(`"type":"x.b","account":"%s-%d"`, prefix, i))
	}
	return batch(values...)
}

// TestAnAccountInTwoPartitionsStopsTheRun: a producer that does not key its records
// by account tears every window apart, which nobody would notice.
func TestAnAccountInTwoPartitionsStopsTheRun(t *testing.T) {
	f := &failing{memory: newMemory()}
	p, _ := simple(t, f, &strings.Builder{})
	first := opened(t, p, f, stream.Assignment{Partition: 0, Partitions: 2})
	second := opened(t, p, f, stream.Assignment{Partition: 1, Partitions: 2})
	for range 2 {
		if err := first.Process(t.Context(), several("one")); err != nil {
			t.Fatal(err)
		}
		if err := second.Process(t.Context(), several("other")); err != nil {
			t.Fatal(err)
		}
	}

	err := second.Process(t.Context(), several("one"))
	if err == nil {
		t.Fatal("the partition goes on")
	}
	for _, want := range []string{"partition 0", "in partition 1", "at offset ", "key its records by account", "--split-accounts=accept"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "one-") {
		t.Errorf("the error names an account: %v", err)
	}
}

func TestSplitAccountsAreAcceptedWhereThatIsChosen(t *testing.T) {
	f, log := &failing{memory: newMemory()}, &strings.Builder{}
	dir, err := snapshot.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	p, err := pipeline.New(pipeline.Options{
		Topic: topic, DeadLetterTopic: "dead", RuleSet: ruleSet(t, anyRule), DeadLetters: f, Snapshots: dir,
		Split: pipeline.AcceptSplit, Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(2) {
		processor := opened(t, p, f, stream.Assignment{Partition: partition, Partitions: 2})
		if err := processor.Process(t.Context(), several("one")); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "Accounts have events in several partitions"); n != 1 {
		t.Errorf("it is said %d times, want once:\n%s", n, log)
	}
	if metricOf(t, reg, "holdfast_events_split_total") == 0 {
		t.Error("the metric counts none")
	}
	if strings.Contains(log.String(), "one-") {
		t.Errorf("the log names an account:\n%s", log)
	}
}
