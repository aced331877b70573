package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/internal/demo"
	"github.com/holdfastd/holdfast/notify"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/stream"
)

type demoCommand struct {
	Listen string `help:"Address of the web server." default:"127.0.0.1:9480"`
	Seed   uint64 `help:"Chooses what happens; the same seed gives the same traffic." default:"1"`
	Log    bool   `help:"Show the daemon's own log as well."`

	Pace float64 `hidden:"" default:"1" help:"How much faster than usual everything happens."`
}

func (*demoCommand) Help() string {
	return `One process, nothing to install: a Kafka-compatible broker inside it, the traffic of 200 accounts, and
an attack on one after the other. The daemon is the one of "holdfast run"; SMS are shown on the inbox page
instead of being sent. Everything is kept in a temporary folder and gone with Ctrl-C.

Example:

  holdfast demo --listen 127.0.0.1:8080`
}

// The demo's topic and service, as its configuration names them.
const (
	demoTopic   = "security-events"
	demoService = "Example Messenger"
	demoOwner   = "ana"
)

// Run carries out the command.
func (c *demoCommand) Run(ctx context.Context, std streams) (err error) {
	set, err := loadRules(nil, rules.Options{}, std.err)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return fmt.Errorf("making the demo's folder: %w", err)
	}
	tell := &narrator{w: std.out, start: time.Now()}
	defer func() {
		if err = errors.Join(err, os.RemoveAll(folder)); err == nil {
			tell.closing()
		}
	}()

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return usageError(fmt.Errorf("%w; choose another address with --listen", err))
	}
	broker, err := demo.StartBroker(demo.BrokerOptions{Topics: map[string]int32{demoTopic: 1, demoTopic + ".dead-letter": 1}})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer broker.Close()

	stage, err := demo.NewStage(demo.StageOptions{Seed: c.Seed, Pace: c.Pace, Owner: demoOwner, OnScene: tell.scene})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	service, err := startService(ctx, stage)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	tell.opening(listener.Addr().String(), len(set.Rules))

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return service.serve(ctx) })
	work.Go(func() error { return play(ctx, stage, broker.Addrs()) })
	work.Go(func() error {
		return runDaemon(ctx, daemonOptions{
			config: c.config(broker.Addrs(), folder, service), set: set,
			directory: newDemoDirectory(stage.Contacts()), listener: listener, demoAccount: demoOwner,
			logger: c.logger(std.err), diagnostics: std.err, onAlert: tell.alert,
		})
	})
	return work.Wait()
}

// config is the configuration of the demo's daemon: what a small service would
// write, with the SMS shown rather than sent.
func (c *demoCommand) config(brokers []string, folder string, service *service) *config.Config {
	return &config.Config{
		Kafka: config.Kafka{
			Brokers: brokers, Topic: demoTopic, Group: "holdfast", DeadLetterTopic: demoTopic + ".dead-letter", ClientID: "holdfast",
		},
		Engine:       config.Engine{Snapshots: config.Snapshots{Directory: filepath.Join(folder, "snapshots")}},
		Store:        config.Store{URL: config.NewSecret("sqlite://" + filepath.Join(folder, "holdfast.db"))},
		MaxActionAge: 10 * time.Minute,
		ServiceName:  demoService,
		Notify:       config.Notify{SMS: &config.SMS{Provider: config.Development}, MaxPerDay: 10},
		Respond:      config.Respond{Sessions: &config.Webhook{URL: service.url(), Secret: config.NewSecret(service.secret)}},
		Web:          config.Web{Console: true},
	}
}

func (c *demoCommand) logger(w io.Writer) *slog.Logger {
	if c.Log {
		return newLogger(config.Log{Level: slog.LevelInfo}, w)
	}
	return newLogger(config.Log{Level: slog.LevelError}, w)
}

// play produces what happens on the stage into the broker.
func play(ctx context.Context, stage *demo.Stage, brokers []string) (err error) {
	producer, err := stream.NewProducer(stream.ProducerOptions{Connection: stream.Connection{Brokers: brokers, ClientID: "demo-service"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, producer.Close()) }()
	return stage.Run(ctx, func(ctx context.Context, events []demo.Event) error {
		messages := make([]stream.Message, len(events))
		for i, e := range events {
			messages[i] = stream.Message{Key: []byte(e.Key), Value: e.Value}
		}
		if err := producer.Produce(ctx, demoTopic, messages); ctx.Err() == nil {
			return err
		}
		return nil // the demo ends, and what was under way does not matter
	})
}

// service is the backend of the demo's online service: the receiver of signed
// requests to end sessions.
type service struct {
	stage    *demo.Stage
	listener net.Listener
	secret   string
	verify   *standardwebhooks.Webhook
}

func startService(ctx context.Context, stage *demo.Stage) (*service, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	s := &service{stage: stage, secret: "whsec_" + base64.StdEncoding.EncodeToString(key)}
	var err error
	if s.verify, err = standardwebhooks.NewWebhook(s.secret); err != nil {
		return nil, err
	}
	s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	return s, err
}

func (s *service) url() string { return "http://" + s.listener.Addr().String() + "/sessions/end" }

func (s *service) serve(ctx context.Context) error {
	server := &http.Server{Handler: http.HandlerFunc(s.end), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the demo's service: %w", err)
	}
	return nil
}

// end ends the sessions that a signed request names.
func (s *service) end(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || s.verify.Verify(body, r.Header) != nil {
		http.Error(w, "the signature is not valid", http.StatusUnauthorized)
		return
	}
	var request struct {
		Data struct {
			Account  string
			Sessions []struct{ ID string }
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, "not a request", http.StatusBadRequest)
		return
	}
	ended := []string{}
	for _, session := range request.Data.Sessions {
		if !s.stage.EndSession(request.Data.Account, session.ID) {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		ended = append(ended, session.ID)
	}
	_ = json.NewEncoder(w).Encode(map[string][]string{"ended": ended})
}

// demoDirectory knows the contacts of the people on the stage.
type demoDirectory map[string]notify.Contact

func newDemoDirectory(people []demo.Contact) demoDirectory {
	d := make(demoDirectory, len(people))
	for _, p := range people {
		c := notify.Contact{Account: p.Account, Locale: language.Make(p.Locale)}
		c.TimeZone, _ = time.LoadLocation(p.TimeZone) // nil is a time zone nobody knows
		c.Phone, _ = notify.ParsePhone(p.Phone)
		d[p.Account] = c
	}
	return d
}

// Contact returns what the stage knows of an account.
func (d demoDirectory) Contact(_ context.Context, account string) (notify.Contact, error) {
	c, ok := d[account]
	if !ok {
		return notify.Contact{}, notify.ErrNoContact
	}
	return c, nil
}

// narrator tells on the terminal what happens. Several goroutines tell at once.
type narrator struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

func (n *narrator) opening(address string, rules int) {
	n.say(`
  Holdfast demo: %[2]d rules watch the traffic of 200 accounts, and somebody is about to attack one of them.

    Ana's inbox   http://%[1]s/
    All alerts    http://%[1]s/alerts
    Metrics       http://%[1]s/metrics

  Ctrl-C ends it.

`, address, rules)
}

func (n *narrator) scene(s demo.Scene) {
	n.say("  %s  %-9s %s\n", s.Time.Local().Format(time.TimeOnly), s.Account, s.Text)
}

// alert tells of one that is durable. A negative latency is two clocks' business.
func (n *narrator) alert(a *holdfast.Alert, latency time.Duration) {
	took := ""
	if latency != 0 { // else a deadline brought it
		took = fmt.Sprintf(", after %d ms", max(0, latency.Milliseconds()))
	}
	n.say("  %s  Holdfast  ▸ %s (%s%s)\n", time.Now().Format(time.TimeOnly), a.Title, a.Level, took)
}

func (n *narrator) closing() {
	n.say("\n  Ended after %s. Nothing is left behind.\n", time.Since(n.start).Round(time.Second))
}

func (n *narrator) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	say(n.w, format, args...)
}
