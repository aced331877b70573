package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"golang.org/x/sync/errgroup"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
	"github.com/holdfastd/holdfast/stream"
	"github.com/holdfastd/holdfast/web"
)

// daemonOptions are what a daemon is made of. `run` reads them from a file, the
// demo makes them up; from here on both are the same.
type daemonOptions struct {
	config *config.Config
	// load reads configuration and rules again, for a reload; nil if there is
	// nothing to read.
	load func() (*config.Config, *rules.Set, error)
	set  *rules.Set
	// missing and replaced say how to go on where records are gone, or the topic
	// is another one.
	missing  stream.MissingPolicy
	replaced stream.ReplacedPolicy
	// split says how to go on where an account has events in two partitions.
	split pipeline.SplitPolicy
	// directory stands in for the configured one, if it is set.
	directory notify.Directory
	// listener is where the web server listens. Defaults to config.Web.Listen.
	listener net.Listener
	// demoAccount is whose inbox the web server shows first.
	demoAccount string
	logger      *slog.Logger
	// onAlert is told of alerts, if it is set; see pipeline.Options.
	onAlert func(a *holdfast.Alert, latency time.Duration)
	// diagnostics is where findings of a reload are drawn.
	diagnostics io.Writer
}

// daemon is the running whole.
type daemon struct {
	daemonOptions
	registry *prometheus.Registry
	pipeline *pipeline.Pipeline
	consumer *stream.Consumer
	reloads  *reloadMetrics
	reloadMu chan struct{} // held while a reload is under way
	contacts *contacts
	store    atomic.Pointer[store.Store] // nil until it is open
}

// runDaemon wires the daemon and runs it until ctx ends or something fails that
// it can't ride out. What it started it stops, last in, first out.
func runDaemon(ctx context.Context, opts daemonOptions) (err error) {
	cfg, logger := opts.config, opts.logger
	d := &daemon{daemonOptions: opts, registry: prometheus.NewRegistry(), reloadMu: make(chan struct{}, 1)}
	d.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("holdfast"),
	)
	d.reloads = newReloadMetrics(d.registry)
	d.reloads.done(nil, time.Now())
	ruleSet, err := newRuleSet(opts.set, engineOptions(cfg.Engine))
	if err != nil {
		return usageError(err)
	}
	logger.Info("Starting", "version", version.Version, "rules", len(opts.set.Rules), "rule_set", ruleSet.Hash)
	d.warnShortcomings(opts.set)

	if d.listener == nil {
		if d.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Web.Listen); err != nil {
			return usageError(fmt.Errorf("%w; web.listen names another address", err))
		}
	}
	defer func() { _ = d.listener.Close() }() // the server has, if it came to that

	if d.contacts, err = openContacts(cfg.Directory, opts.directory, logger, opts.diagnostics); err != nil {
		return err
	}
	connection := connectionOf(cfg.Kafka)
	producer, err := stream.NewProducer(stream.ProducerOptions{
		Connection: connection, Logger: logger.With("component", "producer"), Registerer: d.registry,
	})
	if err != nil {
		return usageError(fmt.Errorf("kafka: %w", err))
	}
	defer func() { err = errors.Join(err, producer.Close()) }()

	snapshots, err := snapshot.OpenDir(cfg.Engine.Snapshots.Directory)
	if err != nil {
		return usageError(fmt.Errorf("%w; engine.snapshots.directory names another one", err))
	}
	d.pipeline, err = pipeline.New(pipeline.Options{
		Topic: cfg.Kafka.Topic, DeadLetterTopic: cfg.Kafka.DeadLetterTopic, RuleSet: ruleSet,
		DeadLetters: producer, Snapshots: snapshots, SnapshotInterval: cfg.Engine.Snapshots.Interval,
		Split: opts.split, OnAlert: opts.onAlert, Logger: logger.With("component", "pipeline"), Registerer: d.registry,
	})
	if err != nil {
		return drawn(err, fileContent, opts.diagnostics)
	}
	defer func() {
		const within = 5 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
		defer cancel()
		if err := d.pipeline.Close(ctx); err != nil {
			logger.Warn("A snapshot was not written to its end: the records since the one before are replayed", "error", err)
		}
	}()
	d.consumer, err = stream.NewConsumer(stream.ConsumerOptions{
		Connection: connection, Topic: cfg.Kafka.Topic, Group: cfg.Kafka.Group,
		Open: d.open, Missing: d.missing, Replaced: d.replaced, IdleAfter: cfg.Engine.IdleAfter,
		Logger: logger.With("component", "consumer"), Registerer: d.registry,
	})
	if err != nil {
		return usageError(fmt.Errorf("kafka: %w", err))
	}

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return d.serve(ctx) })
	work.Go(func() error { return servePprof(ctx, cfg.Pprof.Listen, logger) })
	if d.load != nil {
		work.Go(func() error { return d.reloadOnHangup(ctx) })
	}
	work.Go(func() error { return d.consume(ctx) })
	err = work.Wait()
	if err == nil {
		logger.Info("Stopped")
	}
	return err
}

// consume opens the store, which may take until it is reachable, and then works
// its jobs and consumes the topic until ctx ends.
func (d *daemon) consume(ctx context.Context) (err error) {
	w := new(worker) // made once there is a store to work from, and before Start
	kept, err := d.openStore(ctx, store.Options{
		URL: d.config.Store.URL.Reveal(), MaxActionAge: d.config.MaxActionAge,
		Plan: planner{endsSessions: d.config.Respond.Sessions != nil}.plan,
		Work: func(ctx context.Context, job holdfast.Job) (holdfast.Outcome, error) {
			return w.work(ctx, job)
		},
		Logger: d.logger, Registerer: d.registry,
	})
	if err != nil || kept == nil {
		return err
	}
	// The context that ends the work is no measure for finishing the jobs.
	defer func() { err = errors.Join(err, kept.Close(context.WithoutCancel(ctx))) }()

	if *w, err = newWorker(d.config, d.contacts, keeper{kept}, d.logger, d.registry); err != nil {
		return usageError(err)
	}
	if err := kept.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("starting to work jobs: %w", err)
	}
	d.store.Store(kept)
	return d.consumer.Run(ctx)
}

// open takes over a partition. Rules that can't be evaluated in a topic of as many
// partitions are a mistake of the configuration.
func (d *daemon) open(ctx context.Context, a stream.Assignment) (stream.Processor, stream.Resume, error) {
	processor, resume, err := d.pipeline.Open(ctx, d.store.Load(), a)
	if _, ok := errors.AsType[diag.List](err); ok {
		err = usageError(err)
	}
	return processor, resume, err
}

// openStore tries until the store opens, or until ctx ends and it returns nil.
// The error is one that trying again would not mend.
func (d *daemon) openStore(ctx context.Context, opts store.Options) (*store.Store, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 200*time.Millisecond, 10*time.Second
	said := false
	open := func() (*store.Store, error) {
		kept, err := store.Open(ctx, opts)
		if errors.Is(err, store.ErrUnusable) {
			err = backoff.Permanent(err)
		}
		return kept, err
	}
	kept, err := backoff.Retry(ctx, open,
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !said {
				d.logger.Error("Can't open the store; trying again until it works", "error", err)
				said = true
			}
		}))
	switch {
	case errors.Is(err, store.ErrUnusable):
		return nil, usageError(err)
	case err != nil:
		return nil, nil //nolint:nilerr // ctx has ended
	case said:
		d.logger.Info("The store is open")
	}
	return kept, nil
}

// ready reports what keeps the daemon from doing its work.
func (d *daemon) ready(ctx context.Context) error {
	kept := d.store.Load()
	if kept == nil {
		return errors.New("the store is not open yet")
	}
	var reasons []error
	if err := kept.Ping(ctx); err != nil {
		reasons = append(reasons, fmt.Errorf("the store does not answer: %w", err))
	}
	return errors.Join(append(reasons, d.pipeline.Ready(), d.consumer.Ready())...)
}

// warnShortcomings names what leads to less than rules ask for, by the
// configuration that is in force.
func (d *daemon) warnShortcomings(set *rules.Set) {
	for _, r := range set.Rules {
		for _, sentence := range shortcomings(r, d.config) {
			d.logger.Warn("A rule leads to less than it asks for", "rule", r.ID, "shortcoming", sentence)
		}
	}
}

// serve answers the web server's requests until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	opts := web.Options{
		Store: webStore{&d.store}, Console: d.config.Web.Console, Token: d.config.Web.Token.Reveal(),
		DemoAccount: d.demoAccount, Gatherer: d.registry, Ready: d.ready, Version: version.Version,
		Logger: d.logger.With("component", "web"),
	}
	if d.load != nil {
		opts.Reload = d.reload
	}
	handler, err := web.New(opts)
	if err != nil {
		return err
	}
	return web.Serve(ctx, web.ServeOptions{
		Listener: d.listener, ConfigFile: d.config.Web.ConfigFile,
		Handler: handler, Logger: d.logger.With("component", "web"),
	})
}

func connectionOf(k config.Kafka) stream.Connection {
	c := stream.Connection{
		Brokers: k.Brokers, ClientID: k.ClientID,
		TLS: stream.TLS{
			Enabled: k.TLS.Enabled, CAFile: k.TLS.CAFile,
			CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile, ServerName: k.TLS.ServerName,
		},
	}
	if k.SASL != nil {
		c.SASL = stream.SASL{Mechanism: k.SASL.Mechanism, Username: k.SASL.Username, Password: k.SASL.Password.Reveal()}
	}
	return c
}

func engineOptions(e config.Engine) detector.Options {
	return detector.Options{
		Lateness: e.Lateness, MaxLateness: e.MaxLateness, TrustAfter: e.TrustAfter,
		MaxEntries: e.MaxEntries, MaxGroups: e.MaxGroups,
	}
}
