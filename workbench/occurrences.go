package workbench

import (
	"hash/maphash"
	"strings"

	"github.com/holdfastd/holdfast"
)

// occurrences add up, by rule, how often suppressed alerts were fed. An engine
// gives the whole count of an alert each time, so what was counted of it is kept:
// some 20 bytes for each alert that was fed, or that is left out.
type occurrences struct {
	seed   maphash.Seed
	counts map[uint64]int64 // by the hash of an alert's id; leftOut if it does not count
	byRule map[string]int64
}

// leftOut stands for the count of an alert that is not reported.
const leftOut = -1

func newOccurrences(seed maphash.Seed) occurrences {
	return occurrences{seed: seed, counts: make(map[uint64]int64), byRule: make(map[string]int64)}
}

// leaveOut says that an alert is not reported, and what falls into it does not
// count.
func (o *occurrences) leaveOut(alert string) {
	o.counts[maphash.String(o.seed, alert)] = leftOut
}

func (o *occurrences) add(fed holdfast.Occurrences) {
	i := strings.LastIndexByte(fed.Alert, '-') // a rule's id, and a hash
	if i < 0 {
		return
	}
	key := maphash.String(o.seed, fed.Alert)
	counted := o.counts[key]
	if counted == leftOut {
		return
	}
	o.counts[key] = fed.Count
	o.byRule[fed.Alert[:i]] += fed.Count - counted
}
