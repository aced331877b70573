package pipeline_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// requests appends n events that the first of the lively rules counts.
func (w *world) requests(n int) {
	for range n {
		w.happens(time.Second, `"type":"x.a","account":"ana"`)
	}
}

func TestACleanStopLeavesNothingToReplay(t *testing.T) {
	w := newWorld(t)
	w.requests(7)
	first := w.start(ruleSet(t, livelyRules[0]), nil)
	first.readsAll(3)
	first.stops()
	if first.processor.Committable() != 7 {
		t.Errorf("%d may be committed, want all 7", first.processor.Committable())
	}

	second := w.start(ruleSet(t, livelyRules[0]), nil)
	want := stream.Resume{Next: 7, Last: 6, Fingerprint: stream.Fingerprint(&w.log[6])}
	if second.resume != want {
		t.Errorf("it resumes at %+v, want %+v", second.resume, want)
	}
	if second.processor.Committable() != 7 {
		t.Errorf("%d may be committed, want 7", second.processor.Committable())
	}
	before := w.files()
	second.stops()
	if after := w.files(); !slices.Equal(after, before) {
		t.Errorf("nothing has happened, and yet the snapshots are %v instead of %v", after, before)
	}
	w.judge()
}

func TestAPartitionWithoutARecordHasNoSnapshot(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.passes(interval)
	r.idles()
	r.stops()
	if files := w.files(); len(files) > 0 || r.resume.Next != stream.FromStart || r.processor.Committable() >= 0 {
		t.Errorf("it resumed from %d, may commit %d, and there are %v", r.resume.Next, r.processor.Committable(), files)
	}
}

func TestTheNewestTwoSnapshotsAreKept(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	for range 4 {
		w.requests(5)
		r.readsAll(5)
		r.snapshots()
	}
	r.stops()
	var at []int64
	for _, f := range w.files() {
		at = append(at, f.Next)
	}
	if !slices.Equal(at, []int64{20, 15}) {
		t.Errorf("there are snapshots at %v, want those at 20 and 15", at)
	}
	if n := r.metric("holdfast_snapshot_stop_seconds"); n != 4 {
		t.Errorf("%v snapshots were taken, want 4: a stop without news takes none", n)
	}
	if r.metric("holdfast_snapshot_bytes") != 0 || r.metric("holdfast_rule_set_info") != 0 {
		t.Error("there are series of a partition that was given up")
	}
}

// TestAStateThatIsOfNoUseIsNotKept has the stream close a processor whose state
// may be ahead of what is durable.
func TestAStateThatIsOfNoUseIsNotKept(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.requests(5)
	r.readsAll(5)
	r.crashes()
	if files := w.files(); len(files) > 0 || r.processor.Committable() >= 0 {
		t.Errorf("there are %v, and %d may be committed", files, r.processor.Committable())
	}
}

// TestTheAgeOfAQuietPartitionsSnapshotDoesNotGrow keeps who watches it from being
// called because nothing happens.
func TestTheAgeOfAQuietPartitionsSnapshotDoesNotGrow(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.requests(2)
	r.readsAll(2)
	r.snapshots()
	for range 3 {
		w.passes(time.Hour)
		eventually(t, "the snapshot to be as of now", func() bool {
			r.idles() // which the one before may still hold up
			return r.metric("holdfast_snapshot_timestamp_seconds") == float64(w.now().Unix())
		})
	}
	if n := r.metric("holdfast_snapshot_stop_seconds"); n != 1 {
		t.Errorf("%v snapshots of one state", n)
	}
	r.stops()
}

func TestAnUnusableSnapshotGivesWayToTheOneBefore(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	for name, c := range map[string]struct {
		change func(w *world)
		reason string
	}{
		"truncated":         {func(w *world) { w.change(w.paths()[0], func(b []byte) []byte { return b[:len(b)/2] }) }, "damaged"},
		"empty":             {func(w *world) { w.change(w.paths()[0], func([]byte) []byte { return nil }) }, "damaged"},
		"a flipped bit":     {func(w *world) { w.change(w.paths()[0], flip(-200)) }, "damaged"},
		"a future version":  {func(w *world) { w.change(w.paths()[0], flip(9)) }, "version"},
		"gone":              {func(w *world) { _ = os.Remove(w.paths()[0]) }, "missing"},
		"unknown rules":     {func(w *world) { w.memory.ruleSets[w.newestRules()] = []byte("{}") }, "rules"},
		"rules not kept":    {func(w *world) { delete(w.memory.ruleSets, w.newestRules()) }, "rules"},
		"under wrong names": {func(w *world) { _ = os.Rename(w.paths()[1], w.paths()[0]) }, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[1])
			r := w.start(first, nil)
			w.requests(4)
			r.readsAll(4)
			r.snapshots()
			if err := r.pipeline.Use(second); err != nil {
				t.Fatal(err)
			}
			w.requests(4)
			r.readsAll(4)
			r.stops()
			w.requests(4)
			ruleSets := w.memory.ruleSets[second.Hash]
			c.change(w)

			again := w.start(first, nil)
			want := int64(4)
			if name == "under wrong names" {
				want = 0
			}
			if again.resume.Next != want {
				t.Errorf("it resumes from %d, want %d", again.resume.Next, want)
			}
			w.memory.ruleSets[second.Hash] = ruleSets
			if n := again.metric("holdfast_snapshots_unusable_total"); n != 1 && want == 4 {
				t.Errorf("%v snapshots are counted as unusable, want 1", n)
			}
			if log := w.logged(); c.reason != "missing" && !strings.Contains(log, "reason="+c.reason) {
				t.Errorf("the log does not name the reason %s:\n%s", c.reason, log)
			}
			if err := again.reads(2); err != nil {
				t.Fatal(err)
			}
			w.passes(interval)
			again.idles()
			again.readsAll(2)
			again.stops()
			if n := again.metric("holdfast_snapshot_failures_total"); n > 0 {
				t.Errorf("%v snapshots failed: those that were not newer than the current one should not be taken", n)
			}
			w.judge()
		})
	}
}

// newestRules is the rule set of the newest snapshot.
func (w *world) newestRules() string {
	w.t.Helper()
	file, err := w.dir.Open(w.t.Context(), w.files()[0])
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	reader, err := detector.OpenSnapshot(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return reader.Mark().RuleSet
}

// TestASnapshotOfWhoHadLostThePartitionIsNotUsed has a paused replica wake up and
// write a snapshot that lacks what its follower has put into the journal.
func TestASnapshotOfWhoHadLostThePartitionIsNotUsed(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[2])
	zombie := w.start(first, nil)
	w.requests(2)
	zombie.readsAll(2)

	r := w.start(first, nil)
	if err := r.pipeline.Use(second); err != nil {
		t.Fatal(err)
	}
	r.readsAll(1) // and the rules change after the first
	w.happens(time.Second, `"type":"x.a","account":"ben"`)
	if err := zombie.reads(1); err != nil {
		t.Fatalf("a batch without an alert: %v", err)
	}
	zombie.stops() // at 3
	w.happens(time.Second, `"type":"x.a","account":"ben"`)
	r.readsAll(1)
	r.stops() // at 4
	if at := w.files(); len(at) != 1 || at[0].Next != 4 {
		t.Errorf("the one of who had lost the partition is still there: %v", at)
	}
	if w.memory.claim.Snapshot != 4 {
		t.Errorf("the snapshot at %d is current, want 4", w.memory.claim.Snapshot)
	}

	// The same, but the rightful one is damaged before it has cleared up.
	late := zombie.takes(3, 1)
	w.change(w.paths()[0], func([]byte) []byte { return nil })
	again := w.start(second, nil)
	if again.resume.Next != 0 || !strings.Contains(w.logged(), "reason=journal") {
		t.Errorf("it resumes from %d, with %v there", again.resume.Next, late)
	}
	again.readsAll(2)
	again.stops()
	w.judge()
}

// takes writes a snapshot as a replica would that has read n records under the
// first of the lively rules and knows of one entry of the journal.
func (r *replica) takes(n int, generation int64) snapshot.Name {
	r.t.Helper()
	set := ruleSet(r.t, livelyRules[0])
	engine, err := detector.New(detector.Options{Rules: set.Rules})
	if err != nil {
		r.t.Fatal(err)
	}
	cut := engine.Snapshot(detector.Mark{Next: int64(n), Last: int64(n - 1), Journal: 1, RuleSet: set.Hash})
	name := snapshot.Name{Topic: topic, Next: int64(n), Generation: generation}
	if err := r.dir.Write(r.t.Context(), name, cut.Write); err != nil {
		r.t.Fatal(err)
	}
	return name
}

func TestOnlyWhatWasCurrentIsRestored(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	r := w.start(set, nil)
	w.requests(4)
	r.readsAll(4)
	r.snapshots()
	r.crashes()
	r.takes(5, 1)
	again := w.start(set, nil)
	if again.resume.Next != 4 {
		t.Errorf("it resumes from %d, want 4, where the current snapshot ends", again.resume.Next)
	}
	again.crashes()
}

func TestSnapshotsOfALaterOwnerAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	r := w.prepare(ruleSet(t, anyRule), nil)
	later := r.takes(3, 2)
	if err := r.open(stream.Assignment{Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	if files := w.files(); w.memory.claim.Generation != 1 || !slices.Equal(files, []snapshot.Name{later}) {
		t.Errorf("there are %v, want that of generation 2", files)
	}
	r.crashes()
}

// TestRulesAreInForceBehindAGap has the records gone that were written before, so
// that nothing is left to be replayed.
func TestRulesAreInForceBehindAGap(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[2])
	r := w.start(first, nil)
	w.requests(6)
	r.readsAll(6)
	r.crashes()
	w.requests(6)
	again := w.start(second, nil)
	again.next = 8 // the oldest record there is
	again.readsAll(4)
	if j := w.memory.journal; len(j) != 2 || j[1].RuleSet != second.Hash || j[1].After != 7 {
		t.Errorf("the journal is %+v, want the configured rules in force after 7", j)
	}
	again.crashes()
}

func TestAZombieWritesNothing(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	zombie := w.start(set, nil)
	w.requests(2)
	zombie.readsAll(2)
	r := w.start(set, nil)
	w.requests(1)
	if err := zombie.reads(1); !errors.Is(err, stream.ErrTaken) || !errors.Is(err, store.ErrFenced) {
		t.Errorf("an alert of a replica that has lost the partition: %v", err)
	}
	zombie.crashes()
	if len(w.memory.alerts) != 0 {
		t.Errorf("it is in the store: %v", w.memory.alerts)
	}

	// Rules and watermarks are none of its business either.
	r.readsAll(3)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	r.readsAll(3)
	next := w.start(set, nil)
	w.passes(time.Hour)
	if err := r.processor.Idle(r.ctx, r.now()); !errors.Is(err, stream.ErrTaken) {
		t.Errorf("a deadline of a replica that has lost the partition: %v", err)
	}
	if len(w.memory.journal) != 1 {
		t.Errorf("the journal has %d entries, want one", len(w.memory.journal))
	}
	r.crashes()
	next.readsAll(4)
	next.idles()
	next.stops()
	w.judge()
}

// TestAFencedSnapshotEndsTheProcessor has a replica find out by a snapshot that
// it has lost the partition.
func TestAFencedSnapshotEndsTheProcessor(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, anyRule)
	zombie := w.start(set, nil)
	w.happens(time.Second, `"type":"x.quiet","account":"ana"`)
	zombie.readsAll(1)
	r := w.start(set, nil)
	w.passes(interval)
	zombie.idles()
	eventually(t, "the writer to be fenced", func() bool {
		return errors.Is(zombie.processor.Idle(zombie.ctx, zombie.now()), stream.ErrTaken)
	})
	if err := zombie.processor.Process(zombie.ctx, stream.Batch{Records: w.log}); !errors.Is(err, stream.ErrTaken) {
		t.Errorf("a batch after that: %v", err)
	}
	zombie.stops()
	r.stops()
	if w.memory.claim.Snapshot != -1 {
		t.Errorf("the snapshot at %d is current, which a replica wrote that had lost the partition", w.memory.claim.Snapshot)
	}
}

func TestAFullDiskDoesNotStopThePartition(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	blocker := filepath.Join(w.folder, topic)
	if err := os.WriteFile(blocker, nil, 0o600); err != nil { // where the topic's folder should be
		t.Fatal(err)
	}
	for i := range 3 {
		w.requests(3)
		r.readsAll(3)
		w.passes(interval)
		eventually(t, "the failure to be counted", func() bool {
			r.idles() // which the one before may still hold up
			return r.metric("holdfast_snapshot_failures_total") == float64(i+1)
		})
	}
	if n := strings.Count(w.logged(), "could not be kept"); n != 1 {
		t.Errorf("it is said %d times, want once:\n%s", n, w.logged())
	}
	if r.processor.Committable() >= 0 {
		t.Errorf("%d may be committed without a snapshot", r.processor.Committable())
	}
	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	r.snapshots()
	if !strings.Contains(w.logged(), "Snapshots are kept again") {
		t.Error("nothing is said of its end")
	}
	r.stops()
	w.judge()
}

func TestAReplacedLogStartsOver(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[1])
	r := w.start(first, nil)
	w.requests(8)
	r.readsAll(3)
	r.stops()
	before := len(w.memory.alerts)

	w.log = nil
	w.requests(2)
	over := w.prepare(second, nil)
	if err := over.open(stream.Assignment{Partitions: 1, Replaced: true}); err != nil {
		t.Fatal(err)
	}
	if over.resume.Next != stream.FromStart || len(w.files()) != 0 {
		t.Errorf("it resumes from %d, with snapshots %v", over.resume.Next, w.files())
	}
	journal, _ := w.memory.Journal(t.Context(), topic, 0, -1)
	if len(journal) != 1 || journal[0].After != -1 || journal[0].RuleSet != second.Hash {
		t.Errorf("the journal is %+v, want one entry: the configured rules from the start", journal)
	}
	over.readsAll(2)
	over.stops()
	if len(w.memory.alerts) != before || before == 0 {
		t.Errorf("%d alerts of %d are left", len(w.memory.alerts), before)
	}
	next := w.start(second, nil)
	if next.resume.Next != 2 {
		t.Errorf("after that it resumes from %d, want 2", next.resume.Next)
	}
	next.stops()
}

// TestLeftoversOfAReplacedLogAreRemoved has the process die between forgetting a
// log in the store and removing its snapshots.
func TestLeftoversOfAReplacedLogAreRemoved(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	r := w.start(set, nil)
	w.requests(4)
	r.readsAll(4)
	r.stops()
	over := w.prepare(set, &faults{at: 3}) // after Claim and StartOver
	if err := over.open(stream.Assignment{Partitions: 1, Replaced: true}); err == nil {
		t.Fatal("it is opened")
	}
	if len(w.files()) == 0 {
		t.Fatal("the process died too late")
	}
	again := w.start(set, nil)
	if len(w.files()) != 0 || again.resume.Next != stream.FromStart {
		t.Errorf("it resumes from %d, and there are %v", again.resume.Next, w.files())
	}
	again.crashes()
}

func TestADeadlinePassesOnAnIdlePartition(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	r := w.start(set, nil)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	r.readsAll(1)
	const wait = 3 * time.Minute
	for range 3 {
		w.passes(wait / 3)
		r.idles()
	}
	if len(w.memory.alerts) != 0 || len(w.memory.journal) != 1 {
		t.Errorf("before the deadline: alerts %v, journal %v", w.memory.alerts, w.memory.journal)
	}
	w.passes(6 * time.Second) // more than lateness
	r.idles()
	r.idles() // nothing more is to be journaled
	if len(w.memory.alerts) != 1 || len(w.memory.journal) != 2 {
		t.Fatalf("after the deadline: alerts %v, journal %v", w.memory.alerts, w.memory.journal)
	}
	e := w.memory.journal[1]
	if e.Kind != store.IdleWatermark || e.After != 0 || e.Watermark.Std() != w.now().Add(-5*time.Second) {
		t.Errorf("the entry is %+v", e)
	}

	// A replay meets the deadline at the same place, though an answer came later.
	r.crashes()
	w.happens(time.Second, `"type":"x.c","account":"ana"`)
	again := w.start(set, nil)
	again.readsAll(2)
	again.stops()
	w.judge()
}

// TestTheIdleReplayToo has nothing come after what is to be replayed.
func TestTheIdleReplayToo(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	f := &faults{}
	r := w.start(set, f)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	r.readsAll(1)
	r.snapshots()
	w.passes(time.Hour)
	f.at, f.late = f.steps+1, true // once the journal has it
	if err := r.processor.Idle(r.ctx, r.now()); err == nil {
		t.Fatal("it has not died")
	}
	r.crashes()
	again := w.start(set, nil)
	again.idles()
	if len(w.memory.alerts) != 1 || len(w.memory.journal) != 2 {
		t.Errorf("alerts %v, journal %v, want one alert, of the entry that was there", w.memory.alerts, w.memory.journal)
	}
	again.stops()
	w.judge()
}

func TestReloadedRulesWaitForTheReplay(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[2])
	r := w.start(first, nil)
	w.requests(6)
	r.readsAll(3)
	r.crashes() // and 6 is written

	again := w.start(second, nil)
	if err := again.reads(4); err != nil {
		t.Fatal(err)
	}
	w.requests(3)
	again.readsAll(2)
	again.idles()
	journal := w.memory.journal
	if len(journal) != 2 || journal[1].RuleSet != second.Hash || journal[1].After != 5 {
		t.Errorf("the journal is %+v, want the new rules in force after 5, which is the last record that was written", journal)
	}
	again.stops()
	w.judge()
}

// TestSettingsOfTheEngineAreJournaledWithTheRules changes the lateness, by which
// the watermark follows the clock.
func TestSettingsOfTheEngineAreJournaledWithTheRules(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	r.readsAll(1)
	r.stops()
	later := ruleSetWith(t, livelyRules[0], detector.Options{Lateness: time.Minute})
	again := w.start(later, nil)
	w.passes(3*time.Minute + 30*time.Second)
	again.idles() // which puts the settings in force first
	if len(w.memory.alerts) != 0 {
		t.Error("a deadline has passed by the lateness of before")
	}
	w.passes(time.Minute)
	again.idles()
	if len(w.memory.alerts) != 1 {
		t.Error("a deadline has not passed")
	}
	again.stops()
}

func TestARuleSetThatCantBeHadEndsTheReplay(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, livelyRules[0]), nil)
	w.requests(3)
	r.readsAll(3)
	r.crashes()
	clear(w.memory.ruleSets)
	again := w.start(ruleSet(t, livelyRules[1]), nil)
	if err := again.reads(3); err == nil || errors.Is(err, stream.ErrTaken) ||
		!strings.Contains(err.Error(), "replaying the journal of partition 0: the rule set can't be had") ||
		!strings.Contains(err.Error(), "get it back from a backup of the store") {
		t.Errorf("the error is %v", err)
	}
	again.crashes()
}

func TestAVerdictStandsAtItsPlace(t *testing.T) {
	const denied = `- {id: denied, title: T, level: low, group_by: account, match: type == "owner.denied" && device.id == "evil"}`
	w := newWorld(t)
	set := ruleSet(t, denied)
	r := w.start(set, nil)
	w.requests(2)
	r.readsAll(2)
	entry := store.Entry{After: 1, Kind: store.VerdictGiven, Verdict: fmt.Appendf(nil,
		`{"id":"v1","time":%q,"account":"ana","confirmed":false,"device":"evil"}`, w.now().Add(time.Hour).Format(time.RFC3339Nano))}
	if _, err := w.memory.AppendJournal(t.Context(), w.memory.claim, entry); err != nil {
		t.Fatal(err)
	}
	r.crashes()
	w.requests(2)
	for range 2 { // it is in a snapshot after the first time
		again := w.start(set, nil)
		again.readsAll(4)
		again.stops()
	}
	if len(w.memory.alerts) != 1 {
		t.Fatalf("alerts are %v, want one", w.memory.alerts)
	}
	for _, a := range w.memory.alerts {
		if a.Trigger.Offset != 1 || a.Account != "ana" {
			t.Errorf("the alert is %+v", a)
		}
	}
	again := w.start(set, nil)
	if n := again.metric("holdfast_events_late_total"); n != 0 {
		t.Errorf("%v events are late: the verdict has moved the watermark", n)
	}
	again.crashes()
}

func TestWhichRulesAreInForceIsShown(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[1])
	r := w.start(first, nil)
	if err := r.pipeline.Use(second); err != nil {
		t.Fatal(err)
	}
	r.idles()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "holdfast_rule_set_info" {
			continue
		}
		if m := f.GetMetric(); len(m) != 1 || m[0].GetLabel()[1].GetValue() != second.Hash {
			t.Errorf("in force is %v, want %s alone", m, second.Hash)
		}
	}
	r.stops()
}
