package chaos

import (
	"slices"
	"sync"
	"testing"

	"github.com/holdfastd/holdfast/snapshot"
)

// retention is how far the records of the topic are deleted while the run goes
// on: as far as two snapshots allow. A daemon that replays a partition instead of
// restoring it then lacks most of what the judge has.
type retention struct {
	mu sync.Mutex
	// counted are, by partition, the offsets at which a snapshot was seen to be
	// the current one.
	counted map[int32]map[int64]bool
	deleted map[int32]int64 // the first offset that is left, by partition
}

func newRetention() *retention {
	return &retention{counted: map[int32]map[int64]bool{}, deleted: map[int32]int64{}}
}

// expendable is the offset below which nobody may need a partition's records any
// more, 0 if all may be needed: that of the oldest of its files (names, the newest
// first), if there is a newer one up to the current snapshot, which is at the
// offset current, and if the oldest was itself the current one.
func (r *retention) expendable(partition int32, names []snapshot.Name, current int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted[partition] == nil {
		r.counted[partition] = map[int64]bool{}
	}
	r.counted[partition][current] = true
	// A file behind the current one is of an owner that ended before it counted.
	names = slices.DeleteFunc(slices.Clone(names), func(n snapshot.Name) bool { return n.Next > current })
	if len(names) == 0 {
		return 0
	}
	oldest := names[len(names)-1].Next
	if names[0].Next == oldest || !r.counted[partition][oldest] {
		return 0
	}
	return oldest
}

// note takes down that the records of a partition before an offset are deleted.
func (r *retention) note(partition int32, first int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deleted[partition] = max(r.deleted[partition], first)
}

// everywhere says whether every partition has lost records.
func (r *retention) everywhere() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.deleted) == partitions
}

// records is how many are deleted.
func (r *retention) records() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := int64(0)
	for _, first := range r.deleted {
		sum += first
	}
	return sum
}

func TestRecordsAreDeletedBelowTheOlderSnapshot(t *testing.T) {
	at := func(offsets ...int64) (names []snapshot.Name) {
		for _, next := range offsets {
			names = append(names, snapshot.Name{Topic: topic, Next: next})
		}
		return names
	}
	for title, c := range map[string]struct {
		counted []int64 // the current one last
		files   []snapshot.Name
		want    int64
	}{
		"two":                                {[]int64{10, 20}, at(20, 10), 10},
		"a third that is not removed yet":    {[]int64{10, 20, 30}, at(30, 20, 10), 10},
		"a newer one that doesn't count yet": {[]int64{10, 20}, at(30, 20, 10), 10},
		"none":                               {[]int64{-1}, nil, 0},
		"one":                                {[]int64{10}, at(10), 0},
		"one, and one that doesn't count":    {[]int64{10}, at(20, 10), 0},
		"an older one that never counted":    {[]int64{20}, at(20, 10), 0},
		"two of one place":                   {[]int64{10}, at(10, 10), 0},
		"the listing is older":               {[]int64{10, 20, 30}, at(20, 10), 10},
		"the listing is newer":               {[]int64{10}, at(30, 20), 0},
	} {
		r, got := newRetention(), int64(0)
		for _, current := range c.counted {
			got = r.expendable(0, c.files, current)
		}
		if got != c.want {
			t.Errorf("%s: records below %d are deleted, want %d", title, got, c.want)
		}
	}
}
