package chaos

import (
	"fmt"
	"testing"
)

// happened is what a run made the daemon do. That nothing is lost proves something
// only if there was something to lose.
type happened struct {
	deleted  bool           // records of each partition, below its older snapshot
	damaged  []place        // the current snapshots that were damaged while no replica ran
	unusable map[place]bool // the snapshots that a replica could not use

	restored  int // partitions, from snapshots
	fenced    int // writes of a replica that had lost the partition
	activated int // rule sets, in the journal
	idle      int // watermarks of quiet partitions, in the journal
}

// lacks lists what should have happened, as often as each kind of fault has struck,
// and did not.
func (h happened) lacks(struck map[kind]int) []string {
	var lines []string
	demand := func(met bool, line string, args ...any) {
		if !met {
			lines = append(lines, fmt.Sprintf(line, args...))
		}
	}
	demand(h.deleted, "no records of some partition were deleted: replaying it looks like restoring it")
	demand(h.idle > 0, "no quiet partition's watermark was moved by the clock")
	demand(h.activated >= partitions, "%d rule sets were put in force in %d partitions", h.activated, partitions)
	if struck[reloaded] > 0 {
		demand(h.activated > partitions, "the rules were changed %d times, and no change came into force", struck[reloaded])
	}
	if struck[allKilled]+struck[snapshotsTorn]+struck[snapshotsFlipped] > 0 {
		demand(h.restored >= partitions, "all replicas were killed, and %d partitions restored", h.restored)
	}
	if struck[overtaken] > 0 {
		demand(h.fenced >= struck[overtaken], "%d replicas were overtaken in a write, and %d writes fenced off", struck[overtaken], h.fenced)
	}
	if struck[snapshotsTorn]+struck[snapshotsFlipped] > 0 {
		demand(len(h.damaged) > 0, "no snapshot was damaged")
	}
	for _, at := range h.damaged {
		demand(h.unusable[at], "the damaged snapshot of partition %d at offset %d was not found out", at.partition, at.offset)
	}
	return lines
}

// tally counts the faults by their kind.
func tally(faults []kind) map[kind]int {
	struck := map[kind]int{}
	for _, k := range faults {
		struck[k]++
	}
	return struck
}

func TestARunThatProvesNothingIsFoundOut(t *testing.T) {
	whole := func() happened {
		return happened{
			deleted: true, restored: partitions, fenced: 1, activated: partitions + 1, idle: 1,
			damaged: []place{{1, 7}, {2, 8}}, unusable: map[place]bool{{1, 7}: true, {2, 8}: true, {2, 9}: true},
		}
	}
	if lines := whole().lacks(tally(kinds)); len(lines) > 0 {
		t.Errorf("a run in which all happened lacks %q", lines)
	}
	quiet := happened{deleted: true, activated: partitions, idle: 1}
	if lines := quiet.lacks(tally([]kind{killed, brokerKilled, diskFull})); len(lines) > 0 {
		t.Errorf("a run of few faults lacks %q, which they don't cause", lines)
	}
	for title, spoil := range map[string]func(*happened){
		"every record is there": func(h *happened) { h.deleted = false },
		"no quiet":              func(h *happened) { h.idle = 0 },
		"too few rule sets":     func(h *happened) { h.activated = partitions },
		"too few restored":      func(h *happened) { h.restored = partitions - 1 },
		"nothing fenced off":    func(h *happened) { h.fenced = 0 },
		"nothing damaged":       func(h *happened) { h.damaged = nil },
		"a damage overlooked":   func(h *happened) { delete(h.unusable, place{2, 8}) },
	} {
		h := whole()
		spoil(&h)
		if lines := h.lacks(tally(kinds)); len(lines) != 1 {
			t.Errorf("%s: lacking %q, want one line", title, lines)
		}
	}
}
