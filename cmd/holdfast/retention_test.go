package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestNothingIsGuessedWhereSnapshotAndRecordsAreGone takes from a daemon all that
// knew of the topic's first records.
func TestNothingIsGuessedWhereSnapshotAndRecordsAreGone(t *testing.T) {
	w := newWorld(t, os.Getenv("HOLDFAST_KAFKA"), os.Getenv("HOLDFAST_POSTGRES"))
	event := now(`"type":"x.a","account":"ana"`)
	w.send(t, event, event, event)
	d := w.start(t)
	d.awaitMetric(t, "holdfast_events_consumed_total", 3)
	d.stop(t)
	if err := os.RemoveAll(filepath.Join(w.folder, "snapshots")); err != nil {
		t.Fatal(err)
	}

	// A topic that is whole gives the state back.
	d = w.start(t)
	d.awaitMetric(t, "holdfast_events_consumed_total", 3)
	d.stop(t)
	if err := os.RemoveAll(filepath.Join(w.folder, "snapshots")); err != nil {
		t.Fatal(err)
	}

	w.deleteRecords(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"run", "-c", w.config}, streams{strings.NewReader(""), &out, &errs})
	for _, want := range []string{"No snapshot can be used", "begins at offset 2, but 0 is the next", "--missing-records=skip"} {
		if code == 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("exit code %d, want an error that says %q:\n%s", code, want, &errs)
		}
	}
	d = w.start(t, "--missing-records=skip")
	d.await(t, "ready", func() bool { status, _ := d.get(t, "/-/ready"); return status == http.StatusOK })
	d.awaitMetric(t, "holdfast_events_consumed_total", 1)
	d.stop(t)
}

// deleteRecords deletes those of partition 0 before an offset.
func (w *world) deleteRecords(t *testing.T, before int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	of := kmsg.NewDeleteRecordsRequestTopic()
	of.Topic = w.topic
	of.Partitions = append(of.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Offset: before})
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}
