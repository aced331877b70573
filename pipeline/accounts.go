package pipeline

import (
	"fmt"
	"hash/maphash"
	"sync/atomic"
)

// SplitPolicy is what becomes of events whose account has had others in another
// partition: its windows are torn apart, and no partition sees an attack whole.
type SplitPolicy int

const (
	// StopIfSplit ends the processing with an error that says what was found.
	StopIfSplit SplitPolicy = iota
	// AcceptSplit goes on, each partition with the events that it has, and says so
	// in the log and in a metric.
	AcceptSplit
)

// acceptSplitFlag is the flag of `holdfast run` that chooses [AcceptSplit], for
// the error to name.
const acceptSplitFlag = "--split-accounts=accept"

// accounts notices accounts whose events come in more than one of the partitions
// that this process has. It watches a sample of the accounts, drawn with a random
// key: where a producer does not key its records by account, nearly all are split,
// and one of the sample soon shows it. It is safe for concurrent use.
type accounts struct {
	seed  maphash.Seed
	slots []atomic.Uint64 // by the low bits of an account's hash: the others, and 1 + the partition
}

const (
	// sampleBits of an account's hash decide whether it is watched: one in 16 is.
	sampleBits = 4
	// watched is how many accounts are watched at most, a power of two: half a
	// megabyte. One that needs the place of another takes it.
	watched = 1 << 16

	partitionBits  = 16 // of a slot; partitions beyond are not watched
	maxOfPartition = 1<<partitionBits - 1
)

func newAccounts() *accounts {
	return &accounts{seed: maphash.MakeSeed(), slots: make([]atomic.Uint64, watched)}
}

// split notes that a partition has an event of an account, and returns the other
// partition that had one before, if there is one.
func (a *accounts) split(account string, partition int32) (other int32, found bool) {
	hash := maphash.String(a.seed, account)
	if hash>>(64-sampleBits) != 0 || partition < 0 || partition >= maxOfPartition {
		return 0, false
	}
	slot := &a.slots[hash%watched]
	name := hash &^ maxOfPartition // of the account, together with its place
	was, is := slot.Load(), name|uint64(partition+1)
	if was == is {
		return 0, false
	}
	slot.Store(is)
	if was&^maxOfPartition != name || was&maxOfPartition == 0 {
		return 0, false
	}
	return int32(was&maxOfPartition) - 1, true
}

// whole looks after the account of an event of the partition: what becomes of one
// that has had events in another partition, the options say.
func (p *processor) whole(account string, offset int64) error {
	other, found := p.accounts.split(account, p.partition)
	if !found {
		return nil
	}
	p.metrics.splits.Inc()
	if p.opts.Split == StopIfSplit {
		return fmt.Errorf("an account of topic %q has events in partition %d and, at offset %d, in partition %d, so that neither sees all that happens to it: "+
			"have every producer key its records by account; %s goes on with what each partition has, as after the topic was given more partitions", p.opts.Topic, other, offset, p.partition, acceptSplitFlag)
	}
	p.splits++
	if now := p.opts.Now(); now.Sub(p.splitsSaid) >= logPause {
		p.opts.Logger.Warn("Accounts have events in several partitions, and none sees all that happens to them: have every producer key its records by account",
			"events", p.splits, "partition", p.partition, "other", other, "offset", offset)
		p.splits, p.splitsSaid = 0, now
	}
	return nil
}
