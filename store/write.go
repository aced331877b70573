package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/holdfastd/holdfast"
)

// Batch is what is to be made durable together, of one partition.
type Batch struct {
	// Claim is the writer's right to the partition.
	Claim Claim
	// Next is the offset of the first record of which not everything that follows
	// is in this batch or an earlier one. With the first row that is written,
	// Written moves up to it, never back.
	Next int64

	Alerts      []holdfast.Alert
	Occurrences []holdfast.Occurrences // of alerts in this batch or an earlier one
}

// rowsPerTransaction bounds what one transaction writes, in alerts and
// occurrences: one that a slow database can't end in statementTimeout could
// never be written, however often it is tried.
const rowsPerTransaction = 1000

// cut takes up to n rows from the front of a batch, its alerts first. Each part
// has the batch's Next, the first one too: once something of the batch is there,
// nothing may be journaled that would make something else follow from its records.
func (b *Batch) cut(n int) Batch {
	alerts := min(n, len(b.Alerts))
	occurrences := min(n-alerts, len(b.Occurrences))
	front := *b
	front.Alerts, b.Alerts = b.Alerts[:alerts], b.Alerts[alerts:]
	front.Occurrences, b.Occurrences = b.Occurrences[:occurrences], b.Occurrences[occurrences:]
	return front
}

func (b *Batch) rows() int { return len(b.Alerts) + len(b.Occurrences) }

// Written says what a Write changed.
type Written struct {
	New []holdfast.Alert // those not stored before, in the batch's order

	// TooOld is how many of the new alerts were recorded only because they were
	// older than Options.MaxActionAge: stable ones that have planned actions.
	TooOld int
}

// Write makes a batch durable, in one transaction unless it is large: then each
// 1000 rows have their own, in the batch's order. An alert that is stored
// already is left alone; a new one of status stable that is not older than
// Options.MaxActionAge is stored together with its planned actions and their
// jobs. Occurrences only ever move forward. A batch without either is written
// only if its Next is past its claim's Written.
//
// Each transaction checks the claim first. The error is an [ErrFenced] if it
// holds no longer: what is left of the batch is the new owner's to write.
//
// Any other error means that the batch was not written to its end, or that it
// isn't known whether it was: the same batch is to be written again, which does
// no harm. What Written says beside an error is durable, and not new any more
// to the next Write.
func (s *Store) Write(ctx context.Context, b Batch) (Written, error) {
	if b.rows() == 0 && b.Next <= b.Claim.Written {
		return Written{}, nil
	}
	begun := time.Now()
	defer func() { s.metrics.write.Observe(time.Since(begun).Seconds()) }()

	var all Written
	for more := true; more; more = b.rows() > 0 {
		w, err := s.writePart(ctx, b.cut(rowsPerTransaction))
		if err != nil {
			return all, fmt.Errorf("write alerts: %w", err)
		}
		all.New = append(all.New, w.New...)
		all.TooOld += w.TooOld
	}
	return all, nil
}

// writePart writes what is to be one transaction.
func (s *Store) writePart(ctx context.Context, b Batch) (Written, error) {
	rows, err := s.alertRows(b.Alerts)
	if err != nil {
		return Written{}, err
	}
	transact := s.write
	if b.rows() == 0 {
		transact = s.transact // nothing that is watched changes
	}
	var isNew []bool
	err = transact(ctx, func(ctx context.Context, t transaction) error {
		if _, err := b.Claim.hold(ctx, t, b.Next); err != nil {
			return err
		}
		if isNew, err = insertAlerts(ctx, t, rows); err != nil {
			return err
		}
		var actions []actionRow
		for i, row := range rows {
			if isNew[i] {
				actions = append(actions, row.actions...)
			}
		}
		if err := insertActions(ctx, t, actions); err != nil {
			return err
		}
		return advanceOccurrences(ctx, t, b.Occurrences)
	})
	if err != nil {
		return Written{}, err
	}

	var w Written
	fresh := make(map[string]bool, len(rows))
	for i, row := range rows {
		if isNew[i] {
			fresh[row.id] = true
			if row.tooOld {
				w.TooOld++
			}
		}
	}
	for _, a := range b.Alerts {
		if fresh[a.ID] {
			w.New = append(w.New, a)
			delete(fresh, a.ID)
		}
	}
	return w, nil
}

// alertRow is an alert on its way into the store, with what follows if it
// turns out to be new.
type alertRow struct {
	id      string
	columns []any
	actions []actionRow
	tooOld  bool // for actions, of which it would have some
}

// alertRows are the rows of alerts, by id: two writers of the same alerts then
// wait for each other, where otherwise each could hold what the other needs.
func (s *Store) alertRows(alerts []holdfast.Alert) ([]alertRow, error) {
	now := s.now()
	rows := make([]alertRow, len(alerts))
	for i, a := range alerts {
		body, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		key := accountKey(a.Account)
		row := alertRow{id: a.ID}
		if a.Status == holdfast.Stable {
			plan := s.opts.Plan(a)
			if now.Sub(a.Time.Std()) > s.opts.MaxActionAge {
				row.tooOld, plan = len(plan) > 0, nil
			}
			if row.actions, err = actionRows(a.ID, key, 0, plan, now); err != nil {
				return nil, err
			}
		}
		row.columns = []any{a.ID, key, a.Rule, int64(a.Level), int64(a.Time), nanos(now), len(row.actions), string(body)}
		rows[i] = row
	}
	slices.SortStableFunc(rows, func(a, b alertRow) int { return strings.Compare(a.id, b.id) })
	return rows, nil
}

func insertAlerts(ctx context.Context, t transaction, rows []alertRow) (isNew []bool, err error) {
	isNew = make([]bool, len(rows))
	columns := make([][]any, len(rows))
	for i, row := range rows {
		columns[i] = row.columns
	}
	err = t.execMany(ctx, `
		INSERT INTO holdfast_alerts (id, account, rule, level, time, stored, actions, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING RETURNING id`, columns,
		func(i int, scan scan) error {
			isNew[i] = true
			var id string
			return scan(&id)
		})
	return isNew, err
}

func advanceOccurrences(ctx context.Context, t transaction, all []holdfast.Occurrences) error {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b holdfast.Occurrences) int { return strings.Compare(a.Alert, b.Alert) })
	rows := make([][]any, len(all))
	for i, o := range all {
		rows[i] = []any{o.Alert, o.Count, int64(o.Last.Partition), o.Last.Offset, int64(o.Last.Time)}
	}
	return t.execMany(ctx, `
		UPDATE holdfast_alerts
		SET occurrences = $2, last_partition = $3, last_offset = $4, last_time = $5
		WHERE id = $1 AND occurrences < $2`, rows, nil)
}

// actionRow is an action on its way into the store.
type actionRow struct {
	columns []any
	job     river.InsertManyParams
}

// actionRows are the rows of an alert's actions, numbered from first.
func actionRows(alert, account string, first int, actions []holdfast.Action, now time.Time) ([]actionRow, error) {
	rows := make([]actionRow, len(actions))
	for i, a := range actions {
		body, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		due, ordinal := now.Add(a.Delay), first+i
		rows[i] = actionRow{
			columns: []any{alert, ordinal, account, string(a.Kind), string(a.Channel), nanos(due), string(Pending), string(body)},
			job:     river.InsertManyParams{Args: jobArgs{Alert: alert, Ordinal: ordinal}, InsertOpts: &river.InsertOpts{Queue: queue}},
		}
		if a.Delay > 0 {
			rows[i].job.InsertOpts.ScheduledAt = due
		}
	}
	return rows, nil
}

// insertActions stores actions and puts their jobs into the queue.
func insertActions(ctx context.Context, t transaction, actions []actionRow) error {
	if len(actions) == 0 {
		return nil
	}
	columns := make([][]any, len(actions))
	jobs := make([]river.InsertManyParams, len(actions))
	for i, a := range actions {
		columns[i], jobs[i] = a.columns, a.job
	}
	err := t.execMany(ctx, `
		INSERT INTO holdfast_actions (alert, ordinal, account, kind, channel, due, state, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, columns, nil)
	if err != nil {
		return err
	}
	return t.enqueue(ctx, jobs)
}
