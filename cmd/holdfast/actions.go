package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/internal/webhook"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/respond"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
)

// planner says what follows from alerts, within what the configuration allows.
type planner struct{ endsSessions bool }

// plan says what follows from an alert: ending sessions comes first, the
// messages that tell of it second.
func (p planner) plan(a holdfast.Alert) []holdfast.Action {
	var ending []holdfast.Action
	if p.endsSessions {
		ending = respond.Plan(a)
	}
	return append(ending, notify.Plan(a, len(ending) > 0)...)
}

// shortcomings says which of a rule's responses lead to less than it asks for.
func shortcomings(r *rules.Rule, cfg *config.Config) []string {
	sentences := respond.Unsupported(r.Respond)
	for _, response := range r.Respond {
		switch {
		case response.Kind == holdfast.TerminateSessions && cfg.Respond.Sessions == nil:
			sentences = append(sentences, "terminate_sessions ends no session: respond.sessions is not configured")
		case response.Kind == holdfast.NotifyOwner && r.Level >= holdfast.High && cfg.Notify.SMS == nil:
			sentences = append(sentences, "notify_owner sends no SMS: notify.sms is not configured")
		}
	}
	return sentences
}

// worker carries out what was planned, by kind.
type worker struct {
	notifier   *notify.Notifier
	terminator *respond.Terminator
}

func (w worker) work(ctx context.Context, job holdfast.Job) (holdfast.Outcome, error) {
	switch job.Action.Kind {
	case holdfast.NotifyOwner:
		return w.notifier.Work(ctx, job)
	case holdfast.TerminateSessions:
		return w.terminator.Work(ctx, job)
	}
	return holdfast.Outcome{State: holdfast.Skipped, Reason: "not_carried_out"}, nil
}

// newWorker wires the channels and adapters that the configuration asks for.
// kept is the store, which holds the inbox and the history of messages.
func newWorker(cfg *config.Config, directory notify.Directory, kept keeper, logger *slog.Logger, reg prometheus.Registerer) (worker, error) {
	templates, err := notify.NewTemplates(notify.TemplateOptions{Service: cfg.ServiceName})
	if err != nil {
		return worker{}, err
	}
	inApp := notify.InApp{Inbox: kept}
	if hook := cfg.Notify.InApp; hook != nil {
		if inApp.Webhook, err = webhook.New(webhook.Options{URL: hook.URL, Secret: hook.Secret.Reveal()}); err != nil {
			return worker{}, fmt.Errorf("notify.in_app: %w", err)
		}
	}
	sms, err := newSMS(cfg.Notify.SMS, kept, logger)
	if err != nil {
		return worker{}, fmt.Errorf("notify.sms: %w", err)
	}
	notifier, err := notify.New(notify.Options{
		Directory: directory, Templates: templates, InApp: inApp, SMS: sms,
		History: kept, MaxPerDay: cfg.Notify.MaxPerDay,
		Logger: logger.With("component", "notify"), Registerer: reg,
	})
	if err != nil {
		return worker{}, err
	}
	var adapter respond.Adapter
	if hook := cfg.Respond.Sessions; hook != nil {
		sender, err := webhook.New(webhook.Options{URL: hook.URL, Secret: hook.Secret.Reveal()})
		if err != nil {
			return worker{}, fmt.Errorf("respond.sessions: %w", err)
		}
		adapter = respond.Webhook{Sender: sender}
	}
	terminator := respond.New(respond.Options{Adapter: adapter, Logger: logger.With("component", "respond"), Registerer: reg})
	return worker{notifier, terminator}, nil
}

func newSMS(cfg *config.SMS, inbox notify.Inbox, logger *slog.Logger) (notify.Channel, error) {
	switch {
	case cfg == nil:
		return nil, nil
	case cfg.Provider == config.Development:
		return notify.DevelopmentSMS{Inbox: inbox}, nil
	}
	opts := notify.TwilioOptions{
		AccountSID: cfg.AccountSID, Secret: cfg.AuthToken.Reveal(),
		MessagingServiceSID: cfg.MessagingServiceSID, From: cfg.From, BaseURL: cfg.BaseURL,
		Logger: logger.With("component", "twilio"),
	}
	if cfg.APIKeySID != "" {
		opts.KeySID, opts.Secret = cfg.APIKeySID, cfg.APIKeySecret.Reveal()
	}
	return notify.NewTwilio(opts)
}

// keeper is the store as the notifier sees it.
type keeper struct{ *store.Store }

// Delivered counts the messages that went out.
func (k keeper) Delivered(ctx context.Context, account string, channel holdfast.Channel, level holdfast.Level, since time.Time) (int, error) {
	return k.CountDelivered(ctx, account, channel, level, since)
}
