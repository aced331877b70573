package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// daemon is `holdfast run` with a folder of its own, in which it keeps its SQLite
// store and all else.
type daemon struct {
	folder   string
	url      string
	profiles string // where its profiles are served
	log      *os.File
	child    *child
}

// setting is what a daemon works on.
type setting struct {
	broker string
	topic  string
	folder string // kept between one daemon and the next that is to go on from it
	// snapshots is how long after one snapshot the next is begun. Defaults to the
	// daemon's own default.
	snapshots time.Duration
}

// startDaemon starts the program and returns at once.
func (b *bench) startDaemon(ctx context.Context, s setting) (*daemon, error) {
	port, err := sparePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	address, profiles := "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(port+1)
	config := filepath.Join(s.folder, "holdfast.yaml")
	text := fmt.Sprintf("kafka: {brokers: [%q], topic: %s, group: %s}\nrules: [%q]\nstore: {url: \"sqlite:holdfast.db\"}\nweb: {listen: %q}\npprof: {listen: %q}\n",
		s.broker, s.topic, filepath.Base(s.folder), b.rules, address, profiles)
	if s.snapshots > 0 {
		text += fmt.Sprintf("engine: {snapshots: {interval: %v}}\n", s.snapshots)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d := &daemon{folder: s.folder, url: "http://" + address, profiles: "http://" + profiles}
	if d.log, err = os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(b.Holdfast, "run", "-c", config) //nolint:gosec,noctx // the program to measure; ended by stop
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, d.log, d.log
	if d.child, err = start(cmd); err != nil {
		return nil, errors.Join(err, d.log.Close())
	}
	return d, nil
}

// store is the file that the daemon's SQLite store is in.
func (d *daemon) store() string { return filepath.Join(d.folder, "holdfast.db") }

func (d *daemon) stop() error { return errors.Join(d.child.stop(), d.log.Close()) }

// await looks every now and then until the condition holds.
func (d *daemon) await(ctx context.Context, what string, every time.Duration, condition func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-d.child.done:
			text, _ := os.ReadFile(d.log.Name())
			return fmt.Errorf("waiting for %s: %w\n%s", what, errors.Join(errors.New("the daemon ended"), d.child.err), text)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
		if done, err := condition(ctx); err != nil || done {
			return err
		}
	}
}

// ready reports whether the daemon says that it does its work.
func (d *daemon) ready(ctx context.Context) bool {
	status, _, err := get(ctx, d.url+"/-/ready")
	return err == nil && status == http.StatusOK
}

// metrics are the daemon's, by name; the series of a name added up.
type metrics map[string]float64

// scrape returns no metrics while the daemon's web server is not up.
func (d *daemon) scrape(ctx context.Context) metrics {
	status, text, err := get(ctx, d.url+"/metrics")
	if err != nil || status != http.StatusOK {
		return nil
	}
	found := metrics{}
	for line := range strings.Lines(text) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(series, "#") {
			continue
		}
		if i := strings.LastIndexByte(series, '}'); i >= 0 { // a label's value may hold a space
			value = strings.TrimSpace(line[i+1:])
		}
		name, _, _ := strings.Cut(series, "{")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			found[name] += v
		}
	}
	return found
}

// The metrics that are looked at.
const (
	cpuSeconds = "process_cpu_seconds_total"
	resident   = "process_resident_memory_bytes"
	consumed   = "holdfast_events_consumed_total"
	lag        = "holdfast_stream_lag_records"
	partitions = "holdfast_stream_partitions"
	alerts     = "holdfast_alerts_total"
	snapshots  = "holdfast_snapshot_duration_seconds_count"
)

// profile takes a CPU profile of the next seconds.
func (d *daemon) profile(ctx context.Context, seconds int, file string) error {
	status, profile, err := get(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", d.profiles, seconds))
	if err != nil {
		return fmt.Errorf("profiling the daemon: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("profiling the daemon: it answers %d", status)
	}
	return os.WriteFile(file, []byte(profile), 0o600)
}

func get(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}
