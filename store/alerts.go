package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

// The states of an action that hasn't ended; those in which it ends are
// [holdfast.State]'s own.
const (
	Pending holdfast.State = "pending" // waits to be due, or for its next try
	Started holdfast.State = "started" // a try is under way, or its process died
)

// StoredAlert is an alert with what became of it.
type StoredAlert struct {
	holdfast.Alert
	Occurrences holdfast.Occurrences `json:"occurrences"` // Count is 0 where there were none
	Stored      time.Time            `json:"stored"`
	Actions     []StoredAction       `json:"actions"` // by ordinal
}

// StoredAction is an action with how far it has come.
type StoredAction struct {
	holdfast.Action
	Ordinal   int            `json:"ordinal"`
	State     holdfast.State `json:"state"`
	Due       time.Time      `json:"due"`
	Attempt   int            `json:"attempt"` // how many tries have begun
	Started   time.Time      `json:"started,omitzero"`
	Finished  time.Time      `json:"finished,omitzero"`
	Reason    string         `json:"reason,omitempty"`
	Reference string         `json:"reference,omitempty"`
}

// Query selects alerts. Its zero value selects the newest of all.
type Query struct {
	Account string         // of this account; "" is any
	Rule    string         // of this rule; "" is any
	Level   holdfast.Level // of this level or a graver one; 0 is any
	Before  string         // what follows the alert of this id, the last one of the page before; an id that isn't stored is followed by nothing
	Limit   int            // at most so many; Defaults to 50, at most 500
}

// Alerts returns the selected alerts, by their time, newest first.
func (s *Store) Alerts(ctx context.Context, q Query) ([]StoredAlert, error) {
	var (
		where []string
		args  []any
	)
	condition := func(text string, arg any) {
		args = append(args, arg)
		where = append(where, text+"$"+strconv.Itoa(len(args)))
	}
	if q.Account != "" {
		condition("account = ", accountKey(q.Account))
	}
	if q.Rule != "" {
		condition("rule = ", clean(q.Rule))
	}
	if q.Level > 0 {
		condition("level >= ", int64(q.Level))
	}
	if q.Before != "" {
		condition("(time, id) < (SELECT time, id FROM holdfast_alerts WHERE id = ", clean(q.Before))
		where[len(where)-1] += ")"
	}
	query := ""
	if len(where) > 0 {
		query = " WHERE " + strings.Join(where, " AND ")
	}
	alerts, err := s.alerts(ctx, query+" ORDER BY time DESC, id DESC LIMIT "+strconv.Itoa(pageSize(q.Limit)), args...)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return alerts, nil
}

// Alert returns one alert, or ErrNotFound.
func (s *Store) Alert(ctx context.Context, id string) (StoredAlert, error) {
	alerts, err := s.alerts(ctx, " WHERE id = $1", clean(id))
	if err == nil && len(alerts) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return StoredAlert{}, fmt.Errorf("read alert: %w", err)
	}
	return alerts[0], nil
}

// pageSize is how many rows a caller gets who asked for limit.
func pageSize(limit int) int {
	const usual, most = 50, 500
	if limit <= 0 {
		return usual
	}
	return min(limit, most)
}

func (s *Store) alerts(ctx context.Context, where string, args ...any) ([]StoredAlert, error) {
	alerts := []StoredAlert{}
	err := s.read(ctx, func(scan scan) error {
		var (
			a                               StoredAlert
			body                            string
			stored, lastPartition, lastTime int64
		)
		if err := scan(&body, &stored, &a.Occurrences.Count, &lastPartition, &a.Occurrences.Last.Offset, &lastTime); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &a.Alert); err != nil {
			return err
		}
		a.Stored = fromNanos(stored)
		a.Occurrences.Alert = a.ID
		a.Occurrences.Last.Partition = int32(lastPartition)
		a.Occurrences.Last.Time = holdfast.Instant(lastTime)
		a.Actions = []StoredAction{}
		alerts = append(alerts, a)
		return nil
	}, "SELECT body, stored, occurrences, last_partition, last_offset, last_time FROM holdfast_alerts"+where, args...)
	if err != nil || len(alerts) == 0 {
		return alerts, err
	}
	return alerts, s.addActions(ctx, alerts)
}

// addActions fills in the actions of alerts.
func (s *Store) addActions(ctx context.Context, alerts []StoredAlert) error {
	byID := make(map[string]*StoredAlert, len(alerts))
	ids := make([]any, len(alerts))
	placeholders := make([]string, len(alerts))
	for i := range alerts {
		byID[alerts[i].ID] = &alerts[i]
		ids[i] = alerts[i].ID
		placeholders[i] = "$" + strconv.Itoa(i+1)
	}
	return s.read(ctx, func(scan scan) error {
		var (
			a                      StoredAction
			alert, body            string
			due, started, finished int64
		)
		err := scan(&alert, &a.Ordinal, &body, &a.State, &due, &a.Attempt, &started, &finished, &a.Reason, &a.Reference)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &a.Action); err != nil {
			return err
		}
		a.Due, a.Started, a.Finished = fromNanos(due), fromNanos(started), fromNanos(finished)
		of, ok := byID[alert]
		if !ok {
			return errors.New("an action without its alert")
		}
		of.Actions = append(of.Actions, a)
		return nil
	}, `
		SELECT alert, ordinal, body, state, due, attempt, started, finished, reason, reference
		FROM holdfast_actions WHERE alert IN (`+strings.Join(placeholders, ", ")+`) ORDER BY alert, ordinal`, ids...)
}

// CountDelivered returns how many notices to an account's owner went out on a
// channel since a time, about alerts of a level or a graver one. Those under way
// are not among them, so a cap that relies on it can be overshot by what is sent
// at the same moment.
func (s *Store) CountDelivered(ctx context.Context, account string, channel holdfast.Channel, level holdfast.Level, since time.Time) (int, error) {
	n := 0
	err := s.read(ctx, func(scan scan) error { return scan(&n) }, `
		SELECT COUNT(*) FROM holdfast_actions x JOIN holdfast_alerts a ON a.id = x.alert
		WHERE x.account = $1 AND x.channel = $2 AND x.finished >= $3 AND x.kind = 'notify_owner' AND x.state = 'done'
		AND a.level >= $4`,
		accountKey(account), string(channel), nanos(since), int64(level))
	if err != nil {
		return 0, fmt.Errorf("count notices: %w", err)
	}
	return n, nil
}
