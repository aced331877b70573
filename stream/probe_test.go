package stream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/stream"
)

// probe makes processors that remember what they are given.
type probe struct {
	// process, if set, is called for each batch before it is remembered.
	process func(ctx context.Context, batch stream.Batch) error
	// refuse, if set, is what opening ends with.
	refuse error

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	opened  map[int32]int // how many processors a partition has had here
	closed  map[int32]int
	records map[int32][]stream.Record // what the partition's current processor got
	busy    map[int32]bool
	faults  []string // broken promises
}

func newProbe() *probe {
	return &probe{
		changed: make(chan struct{}),
		opened:  map[int32]int{}, closed: map[int32]int{},
		records: map[int32][]stream.Record{}, busy: map[int32]bool{},
	}
}

func (p *probe) open(_ context.Context, a stream.Assignment) (stream.Processor, error) {
	defer p.change()()
	partition := a.Partition
	if p.refuse != nil {
		return nil, p.refuse
	}
	if p.opened[partition] > p.closed[partition] {
		p.faults = append(p.faults, fmt.Sprintf("partition %d was opened while it was open", partition))
	}
	p.opened[partition]++
	p.records[partition] = nil
	return &processor{probe: p, partition: partition}, nil
}

// change takes the lock and returns what gives it back and wakes those who wait.
func (p *probe) change() func() {
	p.mu.Lock()
	return func() {
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// wait waits for a condition, which is looked at under the lock.
func (p *probe) wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		ok, changed := condition(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Fatalf("waited in vain: %s; opened %v, closed %v", what, p.opened, p.closed)
		}
	}
}

// total is how many records the current processors have. Call it under the lock.
func (p *probe) total() int {
	n := 0
	for _, r := range p.records {
		n += len(r)
	}
	return n
}

// check fails the test if a promise of Processor was broken.
func (p *probe) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		t.Error(fault)
	}
	for partition, records := range p.records {
		if !slices.IsSortedFunc(records, func(a, b stream.Record) int { return int(a.Offset - b.Offset) }) {
			t.Errorf("partition %d was not read in offset order", partition)
		}
		if p.opened[partition] != p.closed[partition] {
			t.Errorf("partition %d: %d processors were opened and %d closed", partition, p.opened[partition], p.closed[partition])
		}
	}
}

type processor struct {
	probe     *probe
	partition int32
	closed    bool
}

func (p *processor) Process(ctx context.Context, batch stream.Batch) error {
	p.enter(batch)
	defer p.leave()
	if p.probe.process != nil {
		if err := p.probe.process(ctx, batch); err != nil {
			return err
		}
	}
	defer p.probe.change()()
	for _, r := range batch.Records {
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		p.probe.records[p.partition] = append(p.probe.records[p.partition], r)
	}
	return nil
}

func (p *processor) enter(batch stream.Batch) {
	defer p.probe.change()()
	if p.closed || p.probe.busy[p.partition] || batch.Partition != p.partition || len(batch.Records) == 0 {
		p.probe.faults = append(p.probe.faults, fmt.Sprintf("partition %d: called with %d records of partition %d; closed %v, busy %v",
			p.partition, len(batch.Records), batch.Partition, p.closed, p.probe.busy[p.partition]))
	}
	p.probe.busy[p.partition] = true
}

func (p *processor) leave() {
	defer p.probe.change()()
	p.probe.busy[p.partition] = false
}

func (p *processor) Close() {
	defer p.probe.change()()
	if p.closed || p.probe.busy[p.partition] {
		p.probe.faults = append(p.probe.faults, fmt.Sprintf("partition %d was closed twice or at work", p.partition))
	}
	p.closed = true
	p.probe.closed[p.partition]++
}

// values are what partition 0's current processor got. Call it under the lock.
func (p *probe) values() []string {
	var values []string
	for _, r := range p.records[0] {
		values = append(values, string(r.Value))
	}
	return values
}

// holds is what a partition's open processor got. Call it under the lock.
func (p *probe) holds(partition int32) ([]stream.Record, bool) {
	return p.records[partition], p.opened[partition] > p.closed[partition]
}

// reached is how many partitions are open and got n records. Call it under the
// lock.
func (p *probe) reached(n int) int {
	count := 0
	for partition := range p.opened {
		if records, open := p.holds(partition); open && len(records) == n {
			count++
		}
	}
	return count
}
