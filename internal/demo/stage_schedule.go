package demo

import (
	"container/heap"
	"time"

	"github.com/holdfastd/holdfast"
)

// script is a course of events, each with its time after the script's start.
type script []beat

// beat is one event of a script.
type beat struct {
	after time.Duration
	event holdfast.Event
	scene string // what to say of it; may be empty
}

// schedule is what is due on the stage, and when: in the stage's own time, which
// begins at 0 and passes at its pace.
type schedule struct {
	cues  cues
	added uint64
}

// cue is one thing that is due.
type cue struct {
	due   time.Duration
	order uint64 // among those due at the same time
	play  func()
}

func (s *schedule) add(due time.Duration, play func()) {
	s.added++
	heap.Push(&s.cues, cue{due: due, order: s.added, play: play})
}

// next is when the next thing is due. Something always is: whoever leaves the
// stage has the next entrance scheduled.
func (s *schedule) next() time.Duration { return s.cues[0].due }

func (s *schedule) pop() cue { return heap.Pop(&s.cues).(cue) }

// cues is a heap of what is due first.
type cues []cue

func (c cues) Len() int      { return len(c) }
func (c cues) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c cues) Less(i, j int) bool {
	if c[i].due != c[j].due {
		return c[i].due < c[j].due
	}
	return c[i].order < c[j].order
}
func (c *cues) Push(x any) { *c = append(*c, x.(cue)) }
func (c *cues) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	(*c)[last] = cue{}
	*c = (*c)[:last]
	return x
}
