package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/internal/demo"
)

// TestStoryEndToEnd hides the story that Holdfast exists for in other traffic
// and follows it through the whole daemon, in a process of its own: from a Kafka
// topic to the owner's phone and an ended session, once undisturbed and once
// with the daemon killed in the middle, again and again.
//
// It runs against the embedded broker and SQLite, and with HOLDFAST_KAFKA and
// HOLDFAST_POSTGRES set (as `make integration` does) against real ones.
func TestStoryEndToEnd(t *testing.T) {
	events, kafka, postgres := 10_000, os.Getenv("HOLDFAST_KAFKA"), os.Getenv("HOLDFAST_POSTGRES")
	if kafka != "" {
		events = 100_000
	}
	t.Run("undisturbed", func(t *testing.T) {
		w := newWorld(t, kafka, postgres)
		want := w.produce(t, events)
		d := w.start(t)
		w.await(t, want)
		d.stop(t)
		if n := w.sessions.requests(); n != 1 {
			t.Errorf("%d requests to end sessions, want 1", n)
		}
	})
	t.Run("killed in the middle", func(t *testing.T) {
		w := newWorld(t, kafka, postgres)
		want := w.produce(t, events)
		// The first dies once an alert is stored, with its actions under way; the
		// second in the replay; the third as soon as it lives.
		for _, moment := range []string{"holdfast_alerts_total", "holdfast_events_consumed_total", "holdfast_build_info"} {
			d := w.start(t)
			d.awaitMetric(t, moment, 1)
			d.kill(t)
		}
		d := w.start(t)
		w.await(t, want)
		d.stop(t)
	})
}

// TestACleanRestartReplaysNothing stops a daemon and starts another in its place.
func TestACleanRestartReplaysNothing(t *testing.T) {
	w := newWorld(t, os.Getenv("HOLDFAST_KAFKA"), os.Getenv("HOLDFAST_POSTGRES"))
	want := w.produce(t, 3000)
	d := w.start(t)
	w.awaitAlerts(t, len(want))
	d.awaitMetric(t, "holdfast_events_consumed_total", 3000)
	d.stop(t)

	d = w.start(t)
	d.await(t, "ready", func() bool { status, _ := d.get(t, "/-/ready"); return status == http.StatusOK })
	d.awaitMetric(t, "holdfast_events_consumed_total", 0)
	w.send(t, now(`"type":"x.a","account":"ana"`))
	d.awaitMetric(t, "holdfast_events_consumed_total", 1)
	d.awaitMetric(t, "holdfast_snapshots_unusable_total", 0)
	d.stop(t)
}

// TestBadEventsRulesAndReloads sends what is no event and reloads what are no
// rules: neither stops the stream.
func TestBadEventsRulesAndReloads(t *testing.T) {
	w := newWorld(t, os.Getenv("HOLDFAST_KAFKA"), os.Getenv("HOLDFAST_POSTGRES"))
	good := `
rules:
  - {id: any, title: Any, level: low, group_by: account, match: type == "x.a", count: 1, timespan: 1s, suppress: 0s}
`
	rulesFile := w.write(t, "rules.yaml", good)
	d := w.start(t, "--rules", rulesFile)
	bad := []string{"not json", `{"type":"x.a","account":"ana"}`, now(`"type":"owner.denied","account":"ana"`)}
	w.send(t, append(bad, now(`"type":"x.a","account":"ana"`))...)
	w.awaitAlerts(t, 1)
	d.awaitMetric(t, `holdfast_events_rejected_total{reason="invalid_json"}`, 1)
	d.awaitMetric(t, `holdfast_events_rejected_total{reason="missing_field"}`, 1)
	d.awaitMetric(t, `holdfast_events_rejected_total{reason="reserved_type"}`, 1)
	if got := w.deadLetters(t, 3); !slices.Equal(got, bad) {
		t.Errorf("dead letters are %q, want %q", got, bad)
	}

	w.write(t, "rules.yaml", strings.Replace(good, "count: 1", "cuont: 1", 1))
	if status, body := d.post(t, "/-/reload"); status < 400 || !strings.Contains(body, "did you mean `count`?") {
		t.Errorf("reload of a bad file answers %d: %s", status, body)
	}
	d.awaitMetric(t, "holdfast_config_last_reload_successful", 0)
	w.send(t, now(`"type":"x.a","account":"ben"`))
	w.awaitAlerts(t, 2)

	w.write(t, "rules.yaml", strings.Replace(good, `"x.a"`, `"x.b"`, 1))
	if status, body := d.post(t, "/-/reload"); status != http.StatusOK {
		t.Errorf("reload answers %d: %s", status, body)
	}
	d.awaitMetric(t, "holdfast_config_last_reload_successful", 1)
	w.send(t, now(`"type":"x.a","account":"cem"`), now(`"type":"x.b","account":"cem"`))
	w.awaitAlerts(t, 3)

	// SIGHUP does the same.
	w.write(t, "rules.yaml", strings.Replace(good, `"x.a"`, `"x.c"`, 1))
	d.signal(t, syscall.SIGHUP)
	d.await(t, "the rules that SIGHUP brings", func() bool {
		w.send(t, now(`"type":"x.c","account":"dora"`))
		return len(w.stored(t)) > 3
	})
	d.stop(t)
}

// now writes an event of this moment.
func now(fields string) string {
	return `{"time":"` + time.Now().UTC().Format(time.RFC3339Nano) + `",` + fields + `}`
}

func TestBrokerDownAtTheStartIsRiddenOut(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := reserved.Addr().(*net.TCPAddr).Port
	w := newWorldAt(t, []string{reserved.Addr().String()}, "")
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}
	d := w.start(t)
	if status, _ := d.get(t, "/-/healthy"); status != http.StatusOK {
		t.Errorf("the daemon is not healthy while its broker is down: %d", status)
	}
	if status, body := d.get(t, "/-/ready"); status != http.StatusServiceUnavailable || body == "" {
		t.Errorf("ready answers %d %q while the broker is down", status, body)
	}
	broker, err := demo.StartBroker(demo.BrokerOptions{Port: port, Topics: map[string]int32{w.topic: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	d.await(t, "ready", func() bool { status, _ := d.get(t, "/-/ready"); return status == http.StatusOK })
	d.stop(t)
}

func TestMistakesStopTheStart(t *testing.T) {
	w := newWorldAt(t, []string{"127.0.0.1:1"}, "")
	bad := w.write(t, "bad.yaml", "rules:\n  - {id: a, titel: T, level: low, group_by: account, match: type == \"x.a\"}\n")
	for name, args := range map[string][]string{
		"a bad rule":            {"run", "-c", w.config, "--rules", bad},
		"no such configuration": {"run", "-c", w.config + ".not"},
		"an unknown list":       {"run", "-c", w.config, "--rules", w.write(t, "later.yaml", "rules:\n  - {id: a, title: T, level: low, group_by: account, match: client.ip in list(\"bad\")}\n")},
		"an unknown flag":       {"run", "--nope"},
		"an unknown choice":     {"run", "-c", w.config, "--missing-records", "guess"},
		"no place for snapshots": {"run", "-c", w.write(t, "place.yaml",
			"kafka: {brokers: [\"127.0.0.1:1\"], topic: t}\nengine: {snapshots: {directory: token/snapshots}}\nweb: {listen: \"127.0.0.1:0\"}\n")},
		"an address nobody has": {"demo", "--listen", "192.0.2.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if code := run(ctx, args, streams{strings.NewReader(""), &out, &errs}); code != exitUsage {
				t.Errorf("exit code %d, want %d; stderr: %s", code, exitUsage, &errs)
			}
			if errs.Len() == 0 {
				t.Error("nothing is said about it")
			}
		})
	}
}
