package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/sync/errgroup"
)

// Bounds of a connection. Streams lift the ones that don't suit them.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 5 * time.Second
	maxHeaderBytes    = 32 << 10
)

// ServeOptions says where and how a handler is served.
type ServeOptions struct {
	// Listener is where connections come from. Serve closes it. Defaults to a
	// new one on Listen.
	Listener net.Listener

	// Listen is the TCP address to listen on, such as ":9464". Required
	// without Listener, ignored with it.
	Listen string

	// ConfigFile is a Prometheus exporter-toolkit file with TLS settings and
	// the users of basic auth. Certificates and users are read anew as they
	// change. Defaults to none: plain HTTP, open to all.
	ConfigFile string

	// Handler answers the requests. Required.
	Handler http.Handler

	// Logger receives where it listens, and broken connections at debug level.
	// Defaults to silence.
	Logger *slog.Logger
}

// Serve answers requests until ctx ends or the listener breaks. When ctx ends
// it takes no more connections, ends the event streams at once, gives other
// requests up to 5 s, and returns nil.
func Serve(ctx context.Context, o ServeOptions) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Handler == nil {
		return errors.New("serving the web without a handler")
	}
	if err := toolkit.Validate(o.ConfigFile); err != nil {
		return fmt.Errorf("reading the web configuration %s: %w", o.ConfigFile, err)
	}
	if o.Listener == nil {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
		if err != nil {
			return fmt.Errorf("listening for the web: %w", err)
		}
		o.Listener = l
	}
	// Only the server closes the listener, and the toolkit can fail before it.
	defer o.Listener.Close()

	server := &http.Server{
		Handler:           o.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Debug, because what breaks here is the other side's connection, and
		// the text holds its address. Panics are caught before they get here.
		ErrorLog:    slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return withServing(ctx) },
	}

	// The group's own context, so that a broken listener ends the wait below.
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var socket bool
		err := toolkit.Serve(o.Listener, server, &toolkit.FlagConfig{
			WebSystemdSocket: &socket,
			WebConfigFile:    &o.ConfigFile,
		}, o.Logger)
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serving the web: %w", err)
	})
	group.Go(func() error {
		<-groupCtx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			o.Logger.Warn("Cut off web requests that did not end in time", "after", shutdownTimeout)
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// serving is the key of the context that ends when the server begins to shut
// down. It is not the request's own: that one lets a request finish.
type serving struct{}

func withServing(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), serving{}, ctx)
}

// untilShutdown returns a context that ends with ctx or as soon as the server
// that took the request begins to shut down.
func untilShutdown(ctx context.Context) (context.Context, context.CancelFunc) {
	both, cancel := context.WithCancel(ctx)
	server, ok := ctx.Value(serving{}).(context.Context)
	if !ok {
		return both, cancel
	}
	stop := context.AfterFunc(server, cancel)
	return both, func() { stop(); cancel() }
}
