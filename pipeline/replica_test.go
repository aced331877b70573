package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

const topic = "events"

var began = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// world is what replicas share: a partition's log, a store and a directory.
type world struct {
	t      *testing.T
	store  pipeline.Store
	memory *memory // the store, if it is one in memory
	dir    *snapshot.Dir
	folder string
	// snapshots is dir, or something before it.
	snapshots pipeline.Snapshots

	mu      sync.Mutex
	log     []stream.Record
	clock   time.Time
	letters map[int64]int            // how often each record is in the dead-letter topic
	told    map[string]time.Duration // the latency of each alert that OnAlert was told of, by id
	said    strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, memory: newMemory(), folder: t.TempDir(), clock: began, letters: map[int64]int{}, told: map[string]time.Duration{}}
	w.store = w.memory
	var err error
	if w.dir, err = snapshot.OpenDir(w.folder); err != nil {
		t.Fatal(err)
	}
	w.snapshots = w.dir
	return w
}

// happens appends an event to the log, of some time after the last one, and moves
// the clock there.
func (w *world) happens(after time.Duration, fields string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(after)
	value := fmt.Sprintf(`{"time":%q,"id":"e%d",%s}`, w.clock.Format(time.RFC3339Nano), len(w.log), fields)
	w.record(value)
}

func (w *world) record(value string) {
	w.log = append(w.log, stream.Record{Offset: int64(len(w.log)), Time: w.clock.Truncate(time.Millisecond), Value: []byte(value)})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) passes(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) DeadLetters(_ context.Context, _ string, letters []stream.DeadLetter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range letters {
		w.letters[l.Record.Offset]++
	}
	return nil
}

func (w *world) tell(a *holdfast.Alert, latency time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[a.ID] = latency
}

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(b)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// replica is one process that has had the partition.
type replica struct {
	*world
	pipeline  *pipeline.Pipeline
	registry  *prometheus.Registry
	processor stream.Processor
	resume    stream.Resume
	next      int
	ctx       context.Context
	die       context.CancelFunc
	faults    *faults
}

const interval = time.Minute

// start starts a replica and has it take the partition over.
func (w *world) start(set *pipeline.RuleSet, f *faults) *replica {
	w.t.Helper()
	r := w.prepare(set, f)
	if err := r.open(stream.Assignment{Partitions: 1}); err != nil && f == nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) prepare(set *pipeline.RuleSet, f *faults) *replica {
	w.t.Helper()
	if f == nil {
		f = &faults{}
	}
	r := &replica{world: w, registry: prometheus.NewRegistry(), faults: f}
	r.ctx, r.die = context.WithCancel(w.t.Context())
	f.die = r.die
	var err error
	r.pipeline, err = pipeline.New(pipeline.Options{
		Topic: topic, DeadLetterTopic: "dead", RuleSet: set, SnapshotInterval: interval, Now: w.now,
		OnAlert: w.tell, DeadLetters: faultyLetters{f, w}, Snapshots: faultySnapshots{f, w.snapshots},
		Logger: slog.New(slog.NewTextHandler(w, nil)), Registerer: r.registry,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (r *replica) open(a stream.Assignment) (err error) {
	r.processor, r.resume, err = r.pipeline.Open(r.ctx, faultyStore{r.faults, r.store}, a)
	r.next = int(max(0, r.resume.Next))
	return err
}

// reads hands the processor up to n more records; it reports what that returns.
func (r *replica) reads(n int) error {
	r.mu.Lock()
	records := slices.Clone(r.log[r.next:min(r.next+n, len(r.log))])
	r.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	for i := range records {
		records[i].Value = slices.Clone(records[i].Value)
	}
	err := r.processor.Process(r.ctx, stream.Batch{Records: records, HighWatermark: int64(len(r.log))})
	if err == nil {
		r.next += len(records)
	}
	for i := range records {
		clear(records[i].Value) // the stream uses the memory again
	}
	return err
}

// readsAll reads to the log's end in batches of n.
func (r *replica) readsAll(n int) {
	r.t.Helper()
	for r.next < len(r.log) {
		if err := r.reads(n); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *replica) idles() {
	r.t.Helper()
	if err := r.processor.Idle(r.ctx, r.now()); err != nil {
		r.t.Fatal(err)
	}
}

// stops closes the processor well.
func (r *replica) stops() {
	r.processor.Close(r.ctx)
	r.die()
	r.ends()
}

// crashes ends the replica without a last effort.
func (r *replica) crashes() {
	r.die()
	if r.processor != nil {
		r.processor.Close(r.ctx)
	}
	r.ends()
}

// ends waits for what the replica may still be writing.
func (r *replica) ends() {
	r.t.Helper()
	if err := r.pipeline.Close(context.WithoutCancel(r.ctx)); err != nil {
		r.t.Error(err)
	}
}

// metric adds up the series of a metric.
func (r *replica) metric(name string) float64 {
	r.t.Helper()
	return metricOf(r.t, r.registry, name)
}

// metricOf sums up the series of a metric.
func metricOf(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// eventually waits for what a snapshot's writer does beside the work.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// snapshots waits until a snapshot of all that was read is current.
func (r *replica) snapshots() {
	r.t.Helper()
	r.passes(interval)
	eventually(r.t, "a snapshot", func() bool {
		r.idles() // which begins one, unless the one before is still being written
		return r.processor.Committable() == int64(r.next)
	})
}

// files are the snapshots that are there, newest first.
func (w *world) files() []snapshot.Name {
	w.t.Helper()
	names, err := w.dir.List(w.t.Context(), topic, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// paths are the files of the snapshots, newest first.
func (w *world) paths() []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.folder, topic, "*.snapshot"))
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(paths)
	slices.Reverse(paths)
	return paths
}

// change does something to a file.
func (w *world) change(path string, change func([]byte) []byte) {
	w.t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(content), 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// judge replays log and journal undisturbed, one record after the other, and
// compares what comes out with what is in the store.
func (w *world) judge() {
	w.t.Helper()
	journal, err := w.store.Journal(w.t.Context(), topic, 0, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	var (
		engine *detector.Engine
		out    detector.Output
		wanted = map[string]int{}
		all    = map[string]holdfast.Alert{}
		counts = map[string]holdfast.Occurrences{}
	)
	apply := func(e store.Entry) {
		switch e.Kind {
		case store.RuleSetActivated:
			content, err := w.store.RuleSet(w.t.Context(), e.RuleSet)
			if err != nil {
				w.t.Fatal(err)
			}
			set, err := pipeline.ReadRuleSet(content)
			if err != nil {
				w.t.Fatal(err)
			}
			if engine == nil {
				engine, err = detector.New(detector.Options{Rules: set.Rules})
			} else {
				engine.SetRules(set.Rules)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		case store.IdleWatermark:
			engine.Idle(e.Watermark, &out)
		default:
			w.t.Fatalf("an entry of the kind %s", e.Kind)
		}
	}
	collect := func() {
		for _, a := range out.Alerts {
			all[a.ID] = a
		}
		for _, o := range out.Occurrences {
			counts[o.Alert] = o
		}
		out.Reset()
	}
	for i := range w.log {
		r := &w.log[i]
		for len(journal) > 0 && journal[0].After < r.Offset {
			apply(journal[0])
			journal = journal[1:]
		}
		var event holdfast.Event
		if err := intake.NewDecoder(intake.Options{}).Decode(r.Value, r.Time, &event); err != nil {
			wanted["letter"]++
			if w.letters[r.Offset] == 0 {
				w.t.Errorf("the record at %d is no event, and not in the dead-letter topic", r.Offset)
			}
			continue
		}
		broker, err := holdfast.InstantOf(r.Time)
		if err != nil {
			w.t.Fatal(err)
		}
		engine.Process(detector.Input{Event: &event, Offset: r.Offset, Broker: broker}, &out)
		collect()
	}
	for _, e := range journal {
		apply(e)
	}
	collect()
	if len(w.letters) != wanted["letter"] {
		w.t.Errorf("%d records are dead letters, want %d", len(w.letters), wanted["letter"])
	}
	alerts, occurrences := w.stored()
	if diff := cmp.Diff(spelt(w.t, all), spelt(w.t, alerts)); diff != "" {
		w.t.Errorf("alerts (-undisturbed replay +store):\n%s", diff)
	}
	if diff := cmp.Diff(counts, occurrences); diff != "" {
		w.t.Errorf("occurrences (-undisturbed replay +store):\n%s", diff)
	}
}

// spelt is alerts as the store writes them.
func spelt(t *testing.T, alerts map[string]holdfast.Alert) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for id, a := range alerts {
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		texts[id] = string(text)
	}
	return texts
}

// stored is what the store holds.
func (w *world) stored() (map[string]holdfast.Alert, map[string]holdfast.Occurrences) {
	w.t.Helper()
	if w.memory != nil {
		return w.memory.alerts, w.memory.occurrences
	}
	alerts, occurrences := map[string]holdfast.Alert{}, map[string]holdfast.Occurrences{}
	for query := (store.Query{Limit: 500}); ; {
		page, err := w.store.(*store.Store).Alerts(w.t.Context(), query)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, a := range page {
			alerts[a.ID] = a.Alert
			if a.Occurrences.Count > 0 {
				occurrences[a.ID] = a.Occurrences
			}
			query.Before = a.ID
		}
		if len(page) < query.Limit {
			return alerts, occurrences
		}
	}
}

func compile(t testing.TB, yaml string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func ruleSet(t testing.TB, yaml string) *pipeline.RuleSet {
	t.Helper()
	return ruleSetWith(t, yaml, detector.Options{})
}

func ruleSetWith(t testing.TB, yaml string, engine detector.Options) *pipeline.RuleSet {
	t.Helper()
	set, err := pipeline.NewRuleSet(compile(t, yaml), engine)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// faults ends a replica in the middle of what it does: at a step, by number,
// before the step has its effect or after. From then on nothing of it has any.
type faults struct {
	mu    sync.Mutex
	steps int
	at    int // the step at which it dies; 0 for never
	late  bool
	dead  bool
	die   context.CancelFunc
}

var errDead = errors.New("the process is dead")

// step counts a step, and has it take effect unless the replica is dead by then.
func (f *faults) step(do func() error) error {
	f.mu.Lock()
	f.steps++
	now := f.steps == f.at
	dead := f.dead
	f.dead = f.dead || now
	f.mu.Unlock()
	if dead || now && !f.late {
		f.die()
		return errDead
	}
	err := do()
	if now {
		f.die()
		return errDead
	}
	return err
}

// kill ends the replica in the middle of a step.
func (f *faults) kill() {
	f.mu.Lock()
	f.dead = true
	f.mu.Unlock()
	f.die()
}

func (f *faults) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

type faultyStore struct {
	f *faults
	s pipeline.Store
}

func (s faultyStore) Claim(ctx context.Context, topic string, partition int32) (c store.Claim, err error) {
	err = s.f.step(func() error { c, err = s.s.Claim(ctx, topic, partition); return err })
	return c, err
}

func (s faultyStore) StartOver(ctx context.Context, before store.Claim) (c store.Claim, err error) {
	err = s.f.step(func() error { c, err = s.s.StartOver(ctx, before); return err })
	return c, err
}

func (s faultyStore) Write(ctx context.Context, b store.Batch) (w store.Written, err error) {
	err = s.f.step(func() error { w, err = s.s.Write(ctx, b); return err })
	return w, err
}

func (s faultyStore) MakeCurrent(ctx context.Context, c store.Claim, next int64) error {
	return s.f.step(func() error { return s.s.MakeCurrent(ctx, c, next) })
}

func (s faultyStore) AppendJournal(ctx context.Context, c store.Claim, e store.Entry) (ordinal int64, err error) {
	err = s.f.step(func() error { ordinal, err = s.s.AppendJournal(ctx, c, e); return err })
	return ordinal, err
}

func (s faultyStore) Journal(ctx context.Context, topic string, partition int32, after int64) (all []store.Entry, err error) {
	err = s.f.step(func() error { all, err = s.s.Journal(ctx, topic, partition, after); return err })
	return all, err
}

func (s faultyStore) KeepRuleSet(ctx context.Context, hash string, content []byte) error {
	return s.f.step(func() error { return s.s.KeepRuleSet(ctx, hash, content) })
}

func (s faultyStore) RuleSet(ctx context.Context, hash string) (content []byte, err error) {
	err = s.f.step(func() error { content, err = s.s.RuleSet(ctx, hash); return err })
	return content, err
}

type faultySnapshots struct {
	f *faults
	d pipeline.Snapshots
}

func (s faultySnapshots) Write(ctx context.Context, name snapshot.Name, write func(io.Writer) error) error {
	return s.f.step(func() error { return s.d.Write(ctx, name, write) })
}

func (s faultySnapshots) List(ctx context.Context, topic string, partition int32) (all []snapshot.Name, err error) {
	err = s.f.step(func() error { all, err = s.d.List(ctx, topic, partition); return err })
	return all, err
}

func (s faultySnapshots) Open(ctx context.Context, name snapshot.Name) (file *snapshot.File, err error) {
	err = s.f.step(func() error { file, err = s.d.Open(ctx, name); return err })
	if err != nil && file != nil {
		_ = file.Close()
	}
	return file, err
}

func (s faultySnapshots) Remove(ctx context.Context, name snapshot.Name) error {
	return s.f.step(func() error { return s.d.Remove(ctx, name) })
}

type faultyLetters struct {
	f *faults
	w *world
}

func (l faultyLetters) DeadLetters(ctx context.Context, topic string, letters []stream.DeadLetter) error {
	return l.f.step(func() error { return l.w.DeadLetters(ctx, topic, letters) })
}
