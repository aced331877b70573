package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/web"
)

// webStore shows the store to the web server, which runs before the store is
// open.
type webStore struct{ open *atomic.Pointer[store.Store] }

var errNotOpen = errors.New("the store is not open yet")

func (w webStore) Alerts(ctx context.Context, q web.Query) ([]web.Alert, error) {
	kept := w.open.Load()
	if kept == nil {
		return nil, errNotOpen
	}
	stored, err := kept.Alerts(ctx, store.Query{Account: q.Account, Rule: q.Rule, Level: q.Level, Before: q.Before, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	alerts := make([]web.Alert, len(stored))
	for i, a := range stored {
		alerts[i] = webAlert(a)
	}
	return alerts, nil
}

func (w webStore) Alert(ctx context.Context, id string) (web.Alert, error) {
	kept := w.open.Load()
	if kept == nil {
		return web.Alert{}, errNotOpen
	}
	a, err := kept.Alert(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = web.ErrNotFound
	}
	if err != nil {
		return web.Alert{}, err
	}
	return webAlert(a), nil
}

func (w webStore) Messages(ctx context.Context, account string, limit int) ([]holdfast.Message, error) {
	kept := w.open.Load()
	if kept == nil {
		return nil, errNotOpen
	}
	return kept.Messages(ctx, account, limit)
}

func (w webStore) MarkSeen(ctx context.Context, alertID string) error {
	kept := w.open.Load()
	if kept == nil {
		return errNotOpen
	}
	err := kept.MarkSeen(ctx, alertID)
	if errors.Is(err, store.ErrNotFound) {
		return web.ErrNotFound
	}
	return err
}

func (w webStore) Watch(ctx context.Context) <-chan struct{} {
	if kept := w.open.Load(); kept != nil {
		return kept.Watch(ctx)
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

func webAlert(a store.StoredAlert) web.Alert {
	out := web.Alert{Alert: a.Alert, Occurrences: a.Occurrences, Stored: a.Stored}
	for _, x := range a.Actions {
		action := web.Action{Kind: x.Kind, Channel: x.Channel, State: x.State, Reason: x.Reason}
		if x.State == store.Pending {
			action.State = ""
		}
		out.Actions = append(out.Actions, action)
	}
	return out
}
