package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/stream"
)

// badRecords appends n records to the log that are no events.
func (w *world) badRecords(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		w.record("no event")
	}
}

// TestRejectedEventsAreLoggedOnceAMinute has them come one by one.
func TestRejectedEventsAreLoggedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	r := w.start(ruleSet(t, anyRule), nil)
	lines := func() (all []string) {
		for line := range strings.Lines(w.logged()) {
			if strings.Contains(line, "Rejected events") {
				all = append(all, line)
			}
		}
		return all
	}
	w.badRecords(100)
	r.readsAll(1)
	if l := lines(); len(l) != 1 || !strings.Contains(l[0], "count=1 ") {
		t.Errorf("in the first minute it says %q, want the first alone", l)
	}
	w.passes(time.Minute)
	r.idles()
	if l := lines(); len(l) != 2 || !strings.Contains(l[1], "count=99 ") || !strings.Contains(l[1], `offsets="[1 2 3 4 5 6 7 8 9 10]"`) {
		t.Errorf("after a minute it says %q, want the other 99 in one line", l)
	}
	w.badRecords(3)
	r.readsAll(1)
	w.mu.Lock()
	w.record(`{"type":"x.a"}`)
	w.mu.Unlock()
	r.readsAll(1)
	if l := lines(); len(l) != 3 || !strings.Contains(l[2], "reason=missing_field") {
		t.Errorf("another reason does not get its own line: %q", l)
	}
	r.stops()
	if l := lines(); len(l) != 4 || !strings.Contains(l[3], "count=3 ") {
		t.Errorf("at the end it says %q, want the 3 that it has not named", l)
	}
}

func TestDeadLettersAreNotDoubledByACrash(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, anyRule)
	r := w.start(set, nil)
	w.badRecords(3)
	r.readsAll(1)
	r.crashes()
	w.badRecords(1)
	again := w.start(set, nil)
	again.readsAll(2)
	again.stops()
	for offset, times := range w.letters {
		if times != 1 {
			t.Errorf("the record at %d is in the dead-letter topic %d times", offset, times)
		}
	}
	w.judge()
}

// TestRejectedEventsOfANewLogAreDeadLetters has the group's offset belong to the
// log of before: the process died after it had started over.
func TestRejectedEventsOfANewLogAreDeadLetters(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, anyRule)
	r := w.prepare(set, nil)
	if err := r.open(stream.Assignment{Partitions: 1, Committed: 4, Replaced: true}); err != nil {
		t.Fatal(err)
	}
	r.crashes()
	w.badRecords(5)
	again := w.prepare(set, nil)
	if err := again.open(stream.Assignment{Partitions: 1, Committed: 4}); err != nil {
		t.Fatal(err)
	}
	again.readsAll(5)
	if n := again.metric("holdfast_events_rejected_total"); n != 5 {
		t.Errorf("%v rejected events are counted, want 5", n)
	}
	again.stops()
	w.judge()
}
