package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
)

// TestExplainFromStore asks for an alert without its events: the store says what it
// knows.
func TestExplainFromStore(t *testing.T) {
	folder := t.TempDir()
	url := "sqlite://" + filepath.Join(folder, "holdfast.db")
	at := holdfast.Instant(1795507440_000_000_000)
	alert := holdfast.Alert{
		ID: "takeover-1", Rule: "takeover", Title: "Takeover", Level: holdfast.Critical, Status: holdfast.Stable, Time: at, Account: "an\x1ba",
		Trigger: holdfast.Position{Partition: 3, Offset: 8, Time: at},
		Evidence: []holdfast.Evidence{
			{Position: holdfast.Position{Partition: 3, Offset: 7, Time: at}, Alert: "burst-1"},
			{Position: holdfast.Position{Partition: 3, Offset: 8, Time: at}},
		},
	}
	kept, err := store.Open(t.Context(), store.Options{URL: url, MaxActionAge: 1 << 62, Plan: func(holdfast.Alert) []holdfast.Action {
		return []holdfast.Action{{Kind: holdfast.NotifyOwner, Channel: holdfast.InApp}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := kept.Claim(t.Context(), "events", 3)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kept.Write(t.Context(), store.Batch{
		Claim: claim, Next: 9, Alerts: []holdfast.Alert{alert},
		Occurrences: []holdfast.Occurrences{{Alert: alert.ID, Count: 2, Last: alert.Trigger}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	config := filepath.Join(folder, "holdfast.yaml")
	if err := os.WriteFile(config, []byte("kafka: {brokers: [localhost:9092], topic: events}\nstore: {url: '"+url+"'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	if code := run(t.Context(), []string{"explain", "-c", config, alert.ID}, streams{strings.NewReader(""), &out, &problems}); code != exitDone {
		t.Fatalf("it ends with %d: %s", code, &problems)
	}
	want := `takeover-1
Takeover (critical)
account "an\x1ba", 2026-11-24T08:04:00.000Z

It rests on
  partition 3, offset 7, 2026-11-24T08:04:00.000Z: alert burst-1
  partition 3, offset 8, 2026-11-24T08:04:00.000Z

2 more fell into it.

What followed
  notify_owner by in_app: pending

The conditions that held are shown with the events: name the files that they are in.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
