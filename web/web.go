// Package web serves what people and probes look at, on one port: the owner's
// inbox, the security team's alerts, both as JSON, the metrics and the health.
//
// It only shows what the store holds: apart from "seen" it must never change
// anything, and it must never trust a text it shows. It authenticates nobody
// but the backend that reports what was seen; TLS and basic auth come from
// [Serve]'s configuration file, and anything finer from a proxy in front.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Options says what a handler serves.
type Options struct {
	// Store is where alerts and messages are read. Required with Console or
	// Token.
	Store Store

	// Console serves the inbox and alerts pages and their API. They show every
	// account to whoever can reach the port, so in production they belong
	// behind authentication. Defaults to false: only metrics, health and
	// reload.
	Console bool

	// Token is the secret by which the service's own backend reports, as a
	// bearer token, that an owner has seen a message. With it that address is
	// served without the console too, and nobody else may report: the inbox
	// page, which then is for reading alone, no longer does. Defaults to "":
	// no such address without the console, and one open to all with it.
	Token string

	// DemoAccount is the account whose inbox is shown first, as the demo wants
	// it. Defaults to none: the alerts come first, and the inbox asks for an
	// account.
	DemoAccount string

	// Gatherer is what /metrics shows. Defaults to no metrics.
	Gatherer prometheus.Gatherer

	// Ready returns why the process is not ready, one reason a line, or nil.
	// It is called from several goroutines at once, with a deadline of 4 s.
	// Defaults to always ready.
	Ready func(context.Context) error

	// Reload reads the configuration and rules again. Its error is shown to
	// the caller as it is; one that holds a diag.List blames the files. It is
	// called from several goroutines at once. Defaults to none: the address
	// does not exist.
	Reload func(context.Context) error

	// Version is shown at the foot of the pages. Defaults to "".
	Version string

	// Logger receives what went wrong while answering. Defaults to silence.
	Logger *slog.Logger
}

// site is the handler behind all addresses.
type site struct {
	store   Store
	console bool
	token   string // "" for none
	demo    string // account, "" outside the demo
	ready   func(context.Context) error
	reload  func(context.Context) error
	version string
	log     *slog.Logger

	assets    assets
	templates templates
	streams   chan struct{} // holds a token for each open stream

	complained atomic.Int64 // when the store's failure was last logged, in ns since the epoch
}

// New returns the handler of everything the process serves.
func New(o Options) (http.Handler, error) {
	if o.Gatherer == nil {
		o.Gatherer = prometheus.NewRegistry()
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if (o.Console || o.Token != "") && o.Store == nil {
		return nil, errors.New("the web console and its API need a store")
	}

	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	pages, err := parseTemplates(files)
	if err != nil {
		return nil, err
	}
	s := &site{
		store:     o.Store,
		console:   o.Console,
		token:     o.Token,
		demo:      o.DemoAccount,
		ready:     o.Ready,
		reload:    o.Reload,
		version:   o.Version,
		log:       o.Logger,
		assets:    files,
		templates: pages,
		streams:   make(chan struct{}, maxStreams),
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(o.Gatherer, o.Logger))
	mux.HandleFunc("GET /-/healthy", s.serveHealthy)
	mux.HandleFunc("GET /-/ready", s.serveReady)
	if o.Reload != nil {
		mux.HandleFunc("POST /-/reload", s.serveReload)
	}
	mux.HandleFunc("GET /static/{name}", s.serveAsset)
	if o.Console {
		s.addConsole(mux)
	} else {
		mux.Handle("GET /{$}", s.page(view{template: "closed", load: nothing}))
	}
	if o.Console || o.Token != "" {
		mux.HandleFunc("POST /api/v1/alerts/{id}/seen", s.authorized(s.serveSeen))
	}
	return s.guard(mux), nil
}

func (s *site) addConsole(mux *http.ServeMux) {
	first := "/alerts"
	if s.demo != "" {
		first = "/inbox"
	}
	mux.Handle("GET /{$}", http.RedirectHandler(first, http.StatusFound))

	inbox := view{template: "inbox", section: "inbox", load: s.loadInbox}
	mux.Handle("GET /inbox", s.page(inbox))
	mux.Handle("GET /inbox/events", s.stream(inbox))

	alerts := view{template: "alerts", section: "alerts", load: s.loadAlerts}
	mux.Handle("GET /alerts", s.page(alerts))
	mux.Handle("GET /alerts/events", s.stream(alerts))

	alert := view{template: "alert", section: "alerts", load: s.loadAlert}
	mux.Handle("GET /alerts/{id}", s.page(alert))
	mux.Handle("GET /alerts/{id}/events", s.stream(alert))

	mux.HandleFunc("GET /api/v1/alerts", s.serveAlertsJSON)
	mux.HandleFunc("GET /api/v1/alerts/{id}", s.serveAlertJSON)
	mux.HandleFunc("GET /api/v1/messages", s.serveMessagesJSON)
}
