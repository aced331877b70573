package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const topic = "events"

// replicas is how many daemons share the partitions.
const replicas = 2

// kind is a kind of fault.
type kind string

const (
	killed           kind = "replica killed"
	allKilled        kind = "all replicas killed"
	paused           kind = "replica paused for longer than its session lives"
	overtaken        kind = "replica paused in a write until another has its partitions"
	restarted        kind = "replica stopped and started"
	reloaded         kind = "rules changed under load"
	brokerRestarted  kind = "Kafka stopped and started"
	brokerKilled     kind = "Kafka killed"
	databaseStopped  kind = "PostgreSQL stopped and started"
	databaseCrashed  kind = "PostgreSQL crashed"
	diskFull         kind = "no room for snapshots"
	snapshotsTorn    kind = "newest snapshots torn, all replicas killed"
	snapshotsFlipped kind = "a bit flipped in the newest snapshots, all replicas killed"
)

// kinds are all kinds of fault, as a report lists them.
var kinds = []kind{
	killed, allKilled, paused, overtaken, restarted, reloaded, brokerRestarted, brokerKilled,
	databaseStopped, databaseCrashed, diskFull, snapshotsTorn, snapshotsFlipped,
}

// kindsOf are the kinds of fault that contain a text.
func kindsOf(text string) []kind {
	var chosen []kind
	for _, k := range kinds {
		if strings.Contains(string(k), text) {
			chosen = append(chosen, k)
		}
	}
	return chosen
}

// fault is one line of a schedule.
type fault struct {
	kind kind
	// after is how long after the fault before has struck, and is over as far as
	// the schedule waits for it, this one strikes.
	after time.Duration
	// replica is the one that is struck, where it is one.
	replica int
	// lasts is how long a process stays down or paused, and a disk full.
	lasts time.Duration
	// seed decides what else there is to decide, such as which bit flips.
	seed uint64
}

// schedule makes up n faults out of the kinds: every kind as often as any other,
// in random order and at random moments.
func schedule(seed uint64, n int, of []kind) []fault {
	random := rand.New(rand.NewPCG(seed, 1))
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(random.Int64N(int64(most-least)))
	}
	var faults []fault
	for len(faults) < n {
		round := slices.Clone(of)
		random.Shuffle(len(round), func(i, k int) { round[i], round[k] = round[k], round[i] })
		for _, k := range round[:min(len(round), n-len(faults))] {
			f := fault{
				kind: k, after: between(500*time.Millisecond, 7*time.Second),
				replica: random.IntN(replicas), lasts: between(0, 3*time.Second), seed: random.Uint64(),
			}
			switch k {
			case paused: // Kafka takes a member for dead after 10 s
				f.lasts = between(11*time.Second, 16*time.Second)
			case diskFull: // a snapshot is due every few seconds
				f.lasts = between(6*time.Second, 14*time.Second)
			}
			faults = append(faults, f)
		}
	}
	return faults
}

// faultCount reads how many faults are asked for.
func faultCount(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("HOLDFAST_CHAOS_FAULTS: %q is no number of faults from 1", text)
	}
	return n, nil
}

func TestFaultsAreCounted(t *testing.T) {
	for text, want := range map[string]int{"": 5, "1": 1, "120": 120, "0": 0, "-1": 0, "all": 0} {
		if n, err := faultCount(text, 5); n != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d faults, error %v; want %d", text, n, err, want)
		}
	}
}

func TestEveryKindIsChosenUnlessOneIsAskedFor(t *testing.T) {
	if got := kindsOf(""); !slices.Equal(got, kinds) {
		t.Errorf("chosen are %q", got)
	}
	if got := kindsOf("PostgreSQL"); !slices.Equal(got, []kind{databaseStopped, databaseCrashed}) {
		t.Errorf("chosen of PostgreSQL are %q", got)
	}
	if got := kindsOf("nothing of the sort"); len(got) > 0 {
		t.Errorf("chosen are %q", got)
	}
}

func TestAScheduleFollowsItsSeed(t *testing.T) {
	first, again, other := schedule(1, 100, kinds), schedule(1, 100, kinds), schedule(2, 100, kinds)
	if !slices.Equal(first, again) {
		t.Error("one seed gives two schedules")
	}
	if slices.Equal(first, other) {
		t.Error("two seeds give one schedule")
	}
	count := map[kind]int{}
	for _, f := range first {
		count[f.kind]++
	}
	for _, k := range kinds {
		if n := count[k]; n < 100/len(kinds) {
			t.Errorf("%d of 100 faults are %q, want a fair share", n, k)
		}
	}
}
