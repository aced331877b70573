package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// FromStart as [Resume.Next] is the partition's oldest record, whatever its
// offset.
const FromStart int64 = -2

// Resume says where a partition is to be read from: where the state of its
// processor ends.
type Resume struct {
	// Next is FromStart, or the offset of the first record to process.
	Next int64
	// Last and Fingerprint are the offset and the [Fingerprint] of the record
	// that was processed last before Next. Offsets have gaps, so Last need not be
	// Next-1. By that record the log is known again: a topic that was deleted and
	// created anew has another one there. A Fingerprint of 0 is unknown, and then
	// Last counts for nothing.
	Last        int64
	Fingerprint uint64
}

// check refuses what no processor can mean.
func (r Resume) check() error {
	switch {
	case r.Next < 0 && r.Next != FromStart:
		return fmt.Errorf("offset %d to resume from is out of bounds", r.Next)
	case r.Fingerprint != 0 && (r.Last < 0 || r.Last >= r.Next):
		return fmt.Errorf("offset %d of the last record is not below %d, the next", r.Last, r.Next)
	}
	return nil
}

// mark is the record before the next one, by which a log is known again.
type mark struct {
	offset      int64
	fingerprint uint64 // 0 if it is unknown, and so is the offset
}

func markOf(r *Record) mark { return mark{offset: r.Offset, fingerprint: Fingerprint(r)} }

// Fingerprint tells records apart: two that differ in offset, time (to the
// millisecond), key or value have different fingerprints, but for one chance in
// 2^64. It is the same in every process and stays the same in later versions, so
// it can be kept, and is never 0. It can serve to guess the record, so it is
// treated as one: not for logs, metrics or errors.
func Fingerprint(r *Record) uint64 {
	const none = -1 // for what a record does not have
	at, key, value := int64(none), int64(none), int64(none)
	if !r.Time.IsZero() {
		at = r.Time.UnixMilli()
	}
	if r.Key != nil {
		key = int64(len(r.Key))
	}
	if r.Value != nil {
		value = int64(len(r.Value))
	}
	head := make([]byte, 0, 4*8)
	for _, n := range []int64{r.Offset, at, key, value} {
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	h := sha256.New()
	for _, part := range [][]byte{head, r.Key, r.Value} {
		_, _ = h.Write(part) // never fails
	}
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

// MissingPolicy is what becomes of a partition whose next record is gone:
// retention has deleted it, or a person has.
type MissingPolicy int

const (
	// StopIfMissing ends Run. The error says how much is gone.
	StopIfMissing MissingPolicy = iota
	// SkipMissing goes on with the oldest record there is, and logs how much is
	// gone.
	SkipMissing
)

// ReplacedPolicy is what becomes of a partition whose log is not the one that was
// read before: its topic was deleted and created anew, or the brokers have lost
// records of it.
type ReplacedPolicy int

const (
	// StopIfReplaced ends Run. The error says what was found.
	StopIfReplaced ReplacedPolicy = iota
	// StartOverIfReplaced opens the partition anew with Assignment.Replaced, and
	// lets the group's offset for it go back to the new log's start.
	StartOverIfReplaced
)

// The flags of `holdfast run` that choose these policies, for errors to name.
const (
	skipMissingFlag = "--missing-records=skip"
	startOverFlag   = "--replaced-topic=start-over"
)
