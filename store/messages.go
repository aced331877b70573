package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfastd/holdfast"
)

// PutMessage keeps a message to an owner. A second one of the same alert and
// channel changes nothing.
func (s *Store) PutMessage(ctx context.Context, m holdfast.Message) error {
	if m.Created.IsZero() {
		m.Created = s.now()
	}
	seen := m.Seen
	m.Seen = time.Time{} // it has its own column
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	err = s.write(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.exec(ctx, `
			INSERT INTO holdfast_messages (alert, channel, account, created, seen, body)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			m.Alert, string(m.Channel), accountKey(m.Account), nanos(m.Created), nanos(seen), string(body))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	return nil
}

// Messages returns the messages to an account's owner, newest first: at most
// limit, which defaults to 50 and is at most 500. The account "" has none.
func (s *Store) Messages(ctx context.Context, account string, limit int) ([]holdfast.Message, error) {
	messages := []holdfast.Message{}
	err := s.read(ctx, func(scan scan) error {
		var (
			m    holdfast.Message
			body string
			seen int64
		)
		if err := scan(&body, &seen); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &m); err != nil {
			return err
		}
		m.Seen = fromNanos(seen)
		messages = append(messages, m)
		return nil
	}, `
		SELECT body, seen FROM holdfast_messages
		WHERE account = $1 ORDER BY created DESC, alert DESC, channel DESC LIMIT $2`,
		accountKey(account), pageSize(limit))
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return messages, nil
}

// MarkSeen notes that the owner has seen an alert's messages; only the first
// time counts. It returns ErrNotFound if the alert has none.
func (s *Store) MarkSeen(ctx context.Context, alertID string) error {
	err := s.write(ctx, func(ctx context.Context, t transaction) error {
		n, err := t.exec(ctx,
			"UPDATE holdfast_messages SET seen = CASE WHEN seen = 0 THEN $2 ELSE seen END WHERE alert = $1",
			clean(alertID), nanos(s.now()))
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mark message as seen: %w", err)
	}
	return nil
}

// Seen says whether the owner has seen a message of an alert.
func (s *Store) Seen(ctx context.Context, alertID string) (bool, error) {
	seen := false
	err := s.read(ctx, func(scan scan) error { return scan(&seen) },
		"SELECT EXISTS (SELECT 1 FROM holdfast_messages WHERE alert = $1 AND seen > 0)", clean(alertID))
	if err != nil {
		return false, fmt.Errorf("read whether a message was seen: %w", err)
	}
	return seen, nil
}
