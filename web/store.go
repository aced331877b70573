package web

import (
	"context"
	"errors"
	"time"

	"github.com/holdfastd/holdfast"
)

// ErrNotFound says that the store has no such alert.
var ErrNotFound = errors.New("no such alert")

// Store is what web reads. Every method may be called from many goroutines at
// once.
type Store interface {
	// Alerts returns at most q.Limit alerts, newest first: by their time, then
	// by id, both descending. Nothing comes after an alert that is unknown.
	Alerts(ctx context.Context, q Query) ([]Alert, error)

	// Alert returns one alert, or ErrNotFound.
	Alert(ctx context.Context, id string) (Alert, error)

	// Messages returns at most limit messages to the account's owner, newest
	// first. An account that has none, or is unknown, has no messages.
	Messages(ctx context.Context, account string, limit int) ([]holdfast.Message, error)

	// MarkSeen notes that the owner has seen the alert's messages; the first
	// time counts. It returns ErrNotFound for an alert that has no message.
	MarkSeen(ctx context.Context, alertID string) error

	// Watch returns a channel that receives after alerts, occurrences, actions
	// or messages have changed, until ctx ends. Several changes may come as
	// one; none that this process made may be lost. What other replicas change
	// need not be announced: streams look for it by themselves.
	Watch(ctx context.Context) <-chan struct{}
}

// Alert is an alert with what became of it.
type Alert struct {
	holdfast.Alert
	// Occurrences is zero if the condition was not fed again.
	Occurrences holdfast.Occurrences `json:"occurrences,omitzero"`
	Stored      time.Time            `json:"stored"`
	Actions     []Action             `json:"actions,omitempty"` // in the order of planning
}

// Action is one thing that was done about an alert, or is about to be.
type Action struct {
	Kind    holdfast.Kind    `json:"kind"`
	Channel holdfast.Channel `json:"channel,omitempty"`
	State   holdfast.State   `json:"state,omitempty"`  // "" while it waits
	Reason  string           `json:"reason,omitempty"` // from a bounded set of machine words
}

// Query chooses alerts.
type Query struct {
	Account string         // "" for all
	Rule    string         // rule id, "" for all
	Level   holdfast.Level // this one and the graver ones; zero for all
	Before  string         // what comes after this alert in the list; "" starts at the newest
	Limit   int            // from 1 to 201
}
