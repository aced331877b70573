//go:build integration

package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/stream"
)

// patience bounds every wait. It decides nothing but when to give up: a slow
// machine is not a failure.
const patience = 4 * time.Minute

// run is a run of the daemon under faults, and what surrounds it.
type run struct {
	folder    string
	kafka     *server
	postgres  *server
	directory string // of the snapshots
	snapshots *snapshot.Dir
	replicas  []*replica
	client    *kgo.Client
	load      *load
	recorder  recorder
	retention *retention
	rules     int // which of ruleFiles is the file that the replicas read

	failed chan error // what no fault explains; it holds the first
	// pending are the consequences of faults that are yet to come, such as the
	// end of a pause.
	pending sync.WaitGroup
	struck  []strike
	damaged []place // the current snapshots that were damaged
}

// strike is a fault that has happened.
type strike struct {
	fault
	at time.Time
}

func newRun(t *testing.T, seed uint64) *run {
	t.Helper()
	r := &run{
		folder: t.TempDir(), failed: make(chan error, 1),
		recorder: recorder{log: map[int32][]logged{}}, retention: newRetention(),
	}
	var ports ports
	r.kafka, r.postgres = newKafka(t, ports.take(t)), newPostgres(t, ports.take(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range []*server{r.kafka, r.postgres} {
		if err := s.start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	connection := stream.Connection{Brokers: []string{r.kafka.address}}
	for name, n := range map[string]int{topic: partitions, topic + ".dead-letter": 1} {
		if err := stream.EnsureTopic(ctx, connection, name, n); err != nil {
			t.Fatal(err)
		}
	}
	r.directory = filepath.Join(r.folder, "snapshots")
	var err error
	if r.snapshots, err = snapshot.OpenDir(r.directory); err != nil {
		t.Fatal(err)
	}
	r.client, err = kgo.NewClient(kgo.SeedBrokers(r.kafka.address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)

	binary, config := build(t), r.configure(t)
	for i := range replicas {
		r.replicas = append(r.replicas, newReplica(t, i, ports.take(t), binary, config, r.failed))
	}
	r.load = newLoad(seed, time.Now(), partitions)
	r.beside(t)
	return r
}

// beside starts what goes on until the test ends, next to everything else.
func (r *run) beside(t *testing.T) {
	t.Helper()
	all := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		all[p] = kgo.NewOffset().AtStart()
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: all}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var beside sync.WaitGroup
	beside.Go(func() { r.record(ctx, reader) })
	beside.Go(func() { r.retain(ctx) })
	t.Cleanup(func() {
		cancel()
		beside.Wait()
		reader.Close()
	})
}

// build builds the daemon as it is shipped.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "holdfast")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "../cmd/holdfast")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal("building the daemon: ", err)
	}
	return binary
}

// configure writes the configuration that the replicas share.
func (r *run) configure(t *testing.T) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, "store-url"), []byte(r.postgres.address), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.useRules(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.folder, "holdfast.yaml")
	text := fmt.Sprintf(`
kafka: {brokers: %q, topic: %s, group: chaos}
rules: [rules.yaml]
store: {url_file: store-url}
engine:
  lateness: %v
  max_lateness: %v
  idle_after: %v
  trust_after: %v
  max_groups: %d
  snapshots: {directory: %q, interval: 5s}
`, []string{r.kafka.address}, topic, lateness, maxLateness, idleAfter, trustAfter, maxGroups, r.directory)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// useRules puts the current rule set where the replicas read it.
func (r *run) useRules() error {
	content, err := os.ReadFile(filepath.Join("testdata", ruleFiles[r.rules]))
	if err != nil {
		return err
	}
	file := filepath.Join(r.folder, "rules.yaml")
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// fail keeps what went wrong, if it is the first.
func (r *run) fail(err error) {
	if err == nil {
		return
	}
	select {
	case r.failed <- err:
	default:
	}
}

// pause waits, and returns early with the error that the run has met.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-r.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until waits for a condition of other processes, which nothing but asking can
// tell.
func (r *run) until(ctx context.Context, what string, condition func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !condition(ctx) {
		if err := r.pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
	return nil
}

// later does something once a time has passed, while the run goes on.
func (r *run) later(d time.Duration, do func() error) {
	r.pending.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		<-timer.C
		r.fail(do())
	})
}

// feed writes the load to the topic, each record when it is due, until ctx ends,
// and then what ends the load. It returns once the broker has all of it.
func (r *run) feed(ctx context.Context) error {
	kept := context.WithoutCancel(ctx)
	put := func(records []record) {
		for _, m := range records {
			r.client.Produce(kept, &kgo.Record{
				Topic: topic, Partition: m.partition, Key: []byte(m.key), Value: m.value, Timestamp: r.load.began.Add(m.due),
			}, func(_ *kgo.Record, err error) {
				if err != nil {
					r.fail(fmt.Errorf("writing the load: %w", err))
				}
			})
		}
	}
	beat := time.NewTicker(5 * tick)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			for time.Duration(r.load.ticks)*tick <= time.Since(r.load.began) {
				put(r.load.next())
			}
		case <-ctx.Done():
			put(r.load.last())
			flushing, cancel := context.WithTimeout(kept, patience)
			defer cancel()
			return r.client.Flush(flushing)
		}
	}
}

// finish lets the replicas catch up with the whole log, and then stops them.
func (r *run) finish(ctx context.Context) error {
	r.pending.Wait()
	for _, d := range r.replicas {
		if err := d.start(); err != nil {
			return err
		}
	}
	err := r.until(ctx, "the alerts of the last events", func(ctx context.Context) bool {
		n, err := r.count(ctx, "SELECT count(*) FROM holdfast_alerts WHERE rule = 'last'")
		return err == nil && n == partitions
	})
	if err != nil {
		return err
	}
	for _, d := range r.replicas {
		if err := d.stop(); err != nil {
			return err
		}
	}
	select {
	case err := <-r.failed:
		return err
	default:
		return nil
	}
}

// count asks the database for a number.
func (r *run) count(ctx context.Context, query string) (int, error) {
	n := 0
	err := r.inDatabase(ctx, func(c *pgx.Conn) error { return c.QueryRow(ctx, query).Scan(&n) })
	return n, err
}

func (r *run) inDatabase(ctx context.Context, do func(*pgx.Conn) error) error {
	connection, err := pgx.Connect(ctx, r.postgres.address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()
	return do(connection)
}
