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
	// resume is where processors say they resume. Defaults to FromStart.
	resume *stream.Resume
	// committable, if set, turns the offset after the last record that was
	// processed, -1 before the first, into what may be committed.
	committable func(next int64) int64
	// idle and close, if set, are called by the processors' methods.
	idle  func(ctx context.Context, asOf time.Time) error
	close func(ctx context.Context, partition int32)

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	opened  map[int32]int // how many processors a partition has had here
	closed  map[int32]int
	records map[int32][]stream.Record // what the partition's current processor got
	busy    map[int32]bool
	idled   int      // how often a processor was told that its partition is idle
	faults  []string // broken promises
}

func newProbe() *probe {
	return &probe{
		changed: make(chan struct{}),
		opened:  map[int32]int{}, closed: map[int32]int{},
		records: map[int32][]stream.Record{}, busy: map[int32]bool{},
	}
}

func (p *probe) open(_ context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
	defer p.change()()
	partition := a.Partition
	if p.refuse != nil {
		return nil, stream.Resume{}, p.refuse
	}
	if p.opened[partition] > p.closed[partition] {
		p.faults = append(p.faults, fmt.Sprintf("partition %d was opened while it was open", partition))
	}
	p.opened[partition]++
	p.records[partition] = nil
	resume := stream.Resume{Next: stream.FromStart}
	if p.resume != nil && !a.Replaced {
		resume = *p.resume
	}
	return &processor{probe: p, partition: partition, next: -1}, resume, nil
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
	next      int64 // offset after the last record that was processed
	closed    bool
}

func (p *processor) Process(ctx context.Context, batch stream.Batch) error {
	p.enter()
	defer p.leave()
	if batch.Partition != p.partition || len(batch.Records) == 0 {
		p.fault("given %d records of partition %d", len(batch.Records), batch.Partition)
	}
	if p.probe.process != nil {
		if err := p.probe.process(ctx, batch); err != nil {
			return err
		}
	}
	defer p.probe.change()()
	for _, r := range batch.Records {
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		p.probe.records[p.partition] = append(p.probe.records[p.partition], r)
		p.next = r.Offset + 1
	}
	return nil
}

func (p *processor) Idle(ctx context.Context, asOf time.Time) error {
	p.enter()
	defer p.leave()
	if p.probe.idle != nil {
		if err := p.probe.idle(ctx, asOf); err != nil {
			return err
		}
	}
	defer p.probe.change()()
	p.probe.idled++
	return nil
}

func (p *processor) Committable() int64 {
	p.probe.mu.Lock()
	defer p.probe.mu.Unlock()
	if p.probe.committable != nil {
		return p.probe.committable(p.next)
	}
	return p.next
}

func (p *processor) enter() {
	p.probe.mu.Lock()
	closed, busy := p.closed, p.probe.busy[p.partition]
	p.probe.busy[p.partition] = true
	p.probe.mu.Unlock()
	if closed || busy {
		p.fault("called; closed %v, busy %v", closed, busy)
	}
}

func (p *processor) leave() {
	defer p.probe.change()()
	p.probe.busy[p.partition] = false
}

func (p *processor) fault(what string, args ...any) {
	defer p.probe.change()()
	p.probe.faults = append(p.probe.faults, fmt.Sprintf("partition %d was ", p.partition)+fmt.Sprintf(what, args...))
}

func (p *processor) Close(ctx context.Context) {
	p.enter()
	defer p.leave()
	if p.probe.close != nil {
		p.probe.close(ctx, p.partition)
	}
	defer p.probe.change()()
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
