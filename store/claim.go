package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrFenced says that another process has claimed the partition since: this one
// was paused, or cut off, and what it was to write is the other's to write. To
// try again does not help; who is given the partition once more claims it anew.
var ErrFenced = errors.New("another process has claimed the partition since")

// Claim is the right to write what follows from a partition's records. It holds
// until the next claim of the partition.
type Claim struct {
	Topic      string
	Partition  int32
	Generation int64 // higher than those of all earlier claims

	// Snapshot is the offset of the first record that is not in the partition's
	// current snapshot; -1 if there is none. It is as of the claim.
	Snapshot int64
	// Written is the offset from which nothing was written that follows from the
	// partition's records; -1 if nothing was at all. What follows from those before
	// was written, but for the rest of the last batch if its writer died in the
	// middle of it: whoever replays the records writes that. It is as of the claim:
	// a caller may raise it to what it has written since.
	Written int64
}

// Claim takes a partition over. Once it returns, no earlier claim of the
// partition can change anything: what an earlier owner was writing meanwhile is
// stored before, or fails with [ErrFenced]. A Claim that fails may have fenced
// the earlier owner nonetheless.
//
// It waits for what an earlier owner has in flight. Where that owner was stopped
// in the middle, PostgreSQL ends its transaction after 10 seconds, or after the
// operator's own idle_in_transaction_session_timeout.
func (s *Store) Claim(ctx context.Context, topic string, partition int32) (Claim, error) {
	c := Claim{Topic: topic, Partition: partition}
	const longest = 249 // bytes, of a name in Kafka
	if topic == "" || len(topic) > longest || !storable(topic) || partition < 0 {
		return Claim{}, fmt.Errorf("claim partition: %w", refuse("it takes a topic's name and a number from 0"))
	}
	err := s.transact(ctx, func(ctx context.Context, t transaction) error {
		return t.query(ctx, func(scan scan) error { return scan(&c.Generation, &c.Snapshot, &c.Written) }, `
			INSERT INTO holdfast_partition_owner (topic, partition, generation, claimed, snapshot, written)
			VALUES ($1, $2, 1, $3, -1, -1)
			ON CONFLICT (topic, partition) DO UPDATE
			SET generation = holdfast_partition_owner.generation + 1, claimed = $3
			RETURNING generation, snapshot, written`, topic, partition, nanos(s.now()))
	})
	if err != nil {
		return Claim{}, fmt.Errorf("claim %s: %w", c.name(), err)
	}
	return c, nil
}

// name is the partition's, in errors.
func (c Claim) name() string { return partitionName(c.Topic, c.Partition) }

func partitionName(topic string, partition int32) string {
	return fmt.Sprintf("partition %d of %s", partition, topic)
}

// hold begins a transaction of the partition's owner: it fails unless the claim
// holds, and locks the owner's row, so that it holds to the transaction's end.
// It is the first statement of each, so no two of them wait for each other. It
// moves Written up to next, never back, and returns the claim as it stands then.
func (c Claim) hold(ctx context.Context, t transaction, next int64) (Claim, error) {
	held := false
	err := t.query(ctx, func(scan scan) error {
		held = true
		return scan(&c.Snapshot, &c.Written)
	}, `
		UPDATE holdfast_partition_owner SET written = CASE WHEN written < $4 THEN $4 ELSE written END
		WHERE topic = $1 AND partition = $2 AND generation = $3
		RETURNING snapshot, written`, c.Topic, c.Partition, c.Generation, next)
	if err == nil && !held {
		err = fmt.Errorf("%s, generation %d: %w", c.name(), c.Generation, ErrFenced)
	}
	return c, err
}

// MakeCurrent makes the snapshot current whose first missing record is at next:
// it is the one to begin from. It says as well that everything that follows
// from the records before next was written, and moves Written up to there. The
// current snapshot never goes back: an earlier next than its own is an
// [ErrRefused].
func (s *Store) MakeCurrent(ctx context.Context, c Claim, next int64) error {
	err := s.transact(ctx, func(ctx context.Context, t transaction) error {
		held, err := c.hold(ctx, t, next)
		if err != nil {
			return err
		}
		if next < held.Snapshot || next < 0 {
			return refuse("the current one is at %d, and it never goes back", held.Snapshot)
		}
		_, err = t.exec(ctx, "UPDATE holdfast_partition_owner SET snapshot = $3 WHERE topic = $1 AND partition = $2",
			c.Topic, c.Partition, next)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the snapshot at %d of %s current: %w", next, c.name(), err)
	}
	return nil
}

// StartOver forgets the partition's journal, its current snapshot and how far it
// was written, because they belong to a log that is not there any more. Its
// alerts stay. It returns a claim of a new generation that takes c's place; after
// an error it isn't known which of the two holds, and the partition is to be
// claimed anew.
func (s *Store) StartOver(ctx context.Context, c Claim) (Claim, error) {
	over := Claim{Topic: c.Topic, Partition: c.Partition, Generation: c.Generation + 1, Snapshot: -1, Written: -1}
	err := s.transact(ctx, func(ctx context.Context, t transaction) error {
		if _, err := c.hold(ctx, t, -1); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "DELETE FROM holdfast_journal WHERE topic = $1 AND partition = $2", c.Topic, c.Partition); err != nil {
			return err
		}
		_, err := t.exec(ctx, `
			UPDATE holdfast_partition_owner SET generation = $3, claimed = $4, snapshot = $5, written = $6
			WHERE topic = $1 AND partition = $2`,
			c.Topic, c.Partition, over.Generation, nanos(s.now()), over.Snapshot, over.Written)
		return err
	})
	if err != nil {
		return Claim{}, fmt.Errorf("start over with %s: %w", c.name(), err)
	}
	return over, nil
}
