package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
)

// livelyRules are rule sets between which a life changes. They share rules, and
// some of what one has another has otherwise or not at all.
var livelyRules = []string{
	`
- {id: burst, title: T, level: high, group_by: account, match: type == "x.a", count: 3, timespan: 10m, suppress: 5m}
- {id: unanswered, title: T, level: low, group_by: account, match: type == "x.b", without: {match: type == "x.c", for: 3m}}
- {id: chained, title: T, level: low, group_by: account, match: 'type == "alert" && rule in ["burst", "unanswered"]', count: 2, timespan: 1h}`, `
- {id: burst, title: Another title, level: critical, group_by: account, match: type == "x.a", count: 3, timespan: 10m, suppress: 5m}
- {id: steps, title: T, level: low, group_by: account, timespan: 20m, sequence: [{match: type == "x.a"}, {match: type == "x.b"}]}`, `
- {id: unanswered, title: T, level: low, group_by: account, match: type == "x.b", without: {match: type == "x.c", for: 3m}}
- {id: chained, title: T, level: low, group_by: account, match: 'type == "alert" && rule == "unanswered"', count: 2, timespan: 1h}
- {id: points, title: T, level: low, group_by: account, score: {threshold: 20, half_life: 10m, points: [{match: type == "x.a", add: 7}]}}`,
}

func seeds(fallback int) int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SEEDS")); err == nil {
		return n
	}
	return fallback
}

// TestWhateverHappensTheAlertsAreThoseOfAReplay leads replicas through random
// lives: each dies at any step of the protocol, stops well, or is paused and goes
// on after another has taken its partition; rules are reloaded; nothing happens
// for a while; snapshots are damaged. In the end the store has to hold what one
// undisturbed replay of log and journal gives.
func TestWhateverHappensTheAlertsAreThoseOfAReplay(t *testing.T) {
	met := map[string]int{}
	for seed := range uint64(seeds(40)) {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { live(t, newWorld(t), seed, met) }) {
			break
		}
	}
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("SQLite, seed ", seed), func(t *testing.T) {
			w := newWorld(t)
			kept, err := store.Open(t.Context(), store.Options{URL: "sqlite://" + w.folder + "/holdfast.db"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := kept.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			w.store, w.memory = kept, nil
			live(t, w, seed, met)
		})
	}
	for _, what := range []string{
		"snapshot", "crash", "stop", "zombie", "reload", "idle", "damage", "entry " + string(store.IdleWatermark),
		"entry " + string(store.RuleSetActivated), "fenced", "restored", "alert", "torn",
	} {
		if met[what] == 0 {
			t.Errorf("no life had a %s: the test can't fail by it", what)
		}
	}
	t.Log(met)
}

func live(t *testing.T, w *world, seed uint64, met map[string]int) {
	random := rand.New(rand.NewPCG(seed, 1))
	var sets []*pipeline.RuleSet
	for _, text := range livelyRules {
		sets = append(sets, ruleSet(t, text))
	}
	either := func() *pipeline.RuleSet { return sets[random.IntN(len(sets))] }
	const events = 300
	var zombies []*replica
	var f *faults // of the replica that has the partition
	if w.memory != nil {
		w.memory.rows = 2
		w.memory.plan = func(holdfast.Alert) {
			if random.IntN(40) == 0 {
				f.kill()
			}
		}
	}
	harmless := seed%2 == 0 // no snapshot becomes unusable: no damage, and nobody writes one who has lost the partition
	for len(w.log) < events {
		f = &faults{late: random.IntN(2) == 0}
		if random.IntN(3) > 0 {
			f.at = 1 + random.IntN(60)
		}
		r := w.start(either(), f)
		if r.processor == nil {
			r.die()
			met["crash"]++
			continue
		}
		if r.resume.Next > 0 {
			met["restored"]++
		}
		end := random.IntN(60)
		for range end {
			if err := r.lives(random, either, met); err != nil {
				if !f.isDead() {
					t.Fatal(err)
				}
				break
			}
			if len(zombies) > 0 && random.IntN(8) == 0 {
				zombies[0].wakes(random, met)
				zombies = zombies[1:]
			}
		}
		if harmless && r.metric("holdfast_snapshots_unusable_total") > 0 {
			t.Errorf("snapshots are not used that nothing has happened to:\n%s", w.logged())
		}
		met["snapshot"] += int(r.metric("holdfast_snapshot_duration_seconds"))
		switch {
		case f.isDead() || random.IntN(3) == 0:
			met["crash"]++
			r.crashes()
		case !harmless && random.IntN(2) == 0:
			met["zombie"]++
			zombies = append(zombies, r)
		default:
			met["stop"]++
			r.stops()
		}
		if paths := w.paths(); len(paths) > 0 && !harmless && random.IntN(4) == 0 {
			met["damage"]++
			w.change(paths[0], func(b []byte) []byte {
				if random.IntN(2) == 0 {
					return b[:random.IntN(len(b))]
				}
				b[random.IntN(len(b))] ^= 1 << random.IntN(8)
				return b
			})
		}
	}
	for _, z := range zombies {
		z.wakes(random, met)
	}
	if w.memory != nil {
		met["torn"] += w.memory.torn
		w.memory.plan = nil
	}
	r := w.start(either(), nil)
	r.readsAll(50)
	w.passes(time.Hour)
	r.idles()
	r.stops()
	journal, err := w.store.Journal(t.Context(), topic, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range journal {
		met["entry "+string(e.Kind)]++
	}
	alerts, _ := w.stored()
	met["alert"] += len(alerts)
	w.judge()

	again := w.start(either(), nil)
	if again.resume.Next != int64(len(w.log)) {
		t.Errorf("after a clean stop at %d it resumes from %d", len(w.log), again.resume.Next)
	}
	again.stops()
}

// lives does one thing.
func (r *replica) lives(random *rand.Rand, set func() *pipeline.RuleSet, met map[string]int) error {
	switch random.IntN(12) {
	case 0:
		met["reload"]++
		return r.pipeline.Use(set())
	case 1:
		met["idle"]++
		r.passes(time.Duration(random.IntN(300)) * time.Second)
		return r.processor.Idle(r.ctx, r.now())
	case 2:
		r.passes(interval)
	case 3:
		r.settles()
	}
	for range random.IntN(8) {
		account := []string{"ana", "ben", "cem"}[random.IntN(3)]
		if random.IntN(15) == 0 {
			r.mu.Lock()
			r.record(`{"not":"an event"}`)
			r.mu.Unlock()
			continue
		}
		r.happens(time.Duration(random.IntN(40_000))*time.Millisecond,
			fmt.Sprintf(`"type":"x.%c","account":%q`, "aabbc"[random.IntN(5)], account))
	}
	return r.reads(1 + random.IntN(30))
}

// settles waits until no snapshot is being written any more.
func (r *replica) settles() {
	r.t.Helper()
	eventually(r.t, "a snapshot", func() bool {
		return r.faults.isDead() || r.metric("holdfast_snapshot_stop_seconds") ==
			r.metric("holdfast_snapshot_duration_seconds")+r.metric("holdfast_snapshot_failures_total")
	})
}

// wakes lets a replica go on that another has followed.
func (r *replica) wakes(random *rand.Rand, met map[string]int) {
	for range 4 {
		err := r.reads(1 + random.IntN(30))
		if random.IntN(3) == 0 && err == nil {
			r.passes(interval)
			err = r.processor.Idle(r.ctx, r.now())
		}
		switch {
		case errors.Is(err, stream.ErrTaken):
			met["fenced"]++
			r.crashes()
			return
		case err != nil && !r.faults.isDead():
			r.t.Fatal(err)
		case err != nil:
			r.crashes()
			return
		}
	}
	r.stops() // with a last snapshot, which must not count
}
