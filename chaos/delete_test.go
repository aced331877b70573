//go:build integration

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/holdfastd/holdfast/snapshot"
)

// retain deletes records that nobody needs until ctx ends.
func (r *run) retain(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// A replica that wakes up goes on where it stood, before it knows that
			// others have gone on without it.
			if !slices.ContainsFunc(r.replicas, (*replica).isPaused) {
				// What fails is what servers are down for. That none succeeds shows.
				_ = r.deleteRecords(ctx)
			}
		}
	}
}

func (r *run) deleteRecords(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	files := map[int32][]snapshot.Name{}
	for p := range int32(partitions) {
		var err error
		if files[p], err = r.snapshots.List(ctx, topic, p); err != nil {
			return err
		}
	}
	owners, err := r.owners(ctx)
	if err != nil {
		return err
	}
	of := kmsg.NewDeleteRecordsRequestTopic()
	of.Topic = topic
	for p, owner := range owners {
		to := min(r.retention.expendable(p, files[p], owner.snapshot), r.recorder.next(p))
		if to > 0 {
			of.Partitions = append(of.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: p, Offset: to})
		}
	}
	if len(of.Partitions) == 0 {
		return nil
	}
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, r.client)
	if err != nil {
		return fmt.Errorf("deleting records: %w", err)
	}
	var errs []error
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				errs = append(errs, fmt.Errorf("deleting records of partition %d: %w", p.Partition, err))
				continue
			}
			r.retention.note(p.Partition, p.LowWatermark)
		}
	}
	return errors.Join(errs...)
}

// owner is what the store says of a partition.
type owner struct {
	generation int64
	snapshot   int64 // the current one's offset, -1 for none
}

// owners asks the store for the owner of each partition that has had one.
func (r *run) owners(ctx context.Context) (map[int32]owner, error) {
	all := map[int32]owner{}
	err := r.inDatabase(ctx, func(db *pgx.Conn) error {
		rows, err := db.Query(ctx, "SELECT partition, generation, snapshot FROM holdfast_partition_owner")
		if err != nil {
			return err
		}
		var (
			p int32
			o owner
		)
		_, err = pgx.ForEachRow(rows, []any{&p, &o.generation, &o.snapshot}, func() error {
			all[p] = o
			return nil
		})
		return err
	})
	return all, err
}
