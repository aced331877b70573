package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/webhook"
)

// Options configure a [Notifier].
type Options struct {
	// Directory knows the owners' contacts. Required.
	Directory Directory

	// Templates write the texts. Required.
	Templates *Templates

	// InApp carries messages into the service's app. Required.
	InApp Channel

	// SMS carries text messages. Defaults to none: an SMS is skipped, with the
	// reason [NoChannel].
	SMS Channel

	// History counts what an owner was sent. Defaults to none: there is no
	// daily limit then.
	History History

	// MaxPerDay is how many messages an owner gets by one channel within 24
	// hours. A message counts those of its own level and graver ones, so that
	// an attacker who uses the limit up with lesser alerts can't silence the
	// one that matters; repeats of an alert were folded by its rule's
	// suppression before. Defaults to 10.
	MaxPerDay int

	// Now is the clock. Defaults to time.Now.
	Now func() time.Time

	// Logger says how each message ended, by alert id, and when a channel, the
	// directory or the history fails and works again. Defaults to none.
	Logger *slog.Logger

	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// History is what the notifier must know of the messages before.
type History interface {
	// Delivered counts the messages that an owner was sent by a channel since
	// a moment, about alerts of a level or graver.
	Delivered(ctx context.Context, account string, channel holdfast.Channel, level holdfast.Level, since time.Time) (int, error)
}

// Notifier carries out notify_owner actions. It is safe for concurrent use.
type Notifier struct {
	directory  Directory
	templates  *Templates
	channels   map[holdfast.Channel]Channel
	history    History
	maxPerDay  int
	now        func() time.Time
	logger     *slog.Logger
	deliveries *prometheus.CounterVec
	outages    outages
}

// outages are of all that a message may have to wait for.
type outages struct {
	channels           map[holdfast.Channel]*webhook.Outage
	directory, history *webhook.Outage
}

// The outcomes of holdfast_deliveries_total besides the job's state.
const (
	delivered = "delivered"
	retried   = "retried"
)

// New makes a Notifier.
func New(opts Options) (*Notifier, error) {
	switch {
	case opts.Directory == nil:
		return nil, errors.New("notify: a directory of contacts is required")
	case opts.Templates == nil:
		return nil, errors.New("notify: message templates are required")
	case opts.InApp == nil:
		return nil, errors.New("notify: an in-app channel is required")
	case opts.MaxPerDay < 0:
		return nil, errors.New("notify: the daily limit is negative")
	}
	n := &Notifier{
		directory: opts.Directory,
		templates: opts.Templates,
		channels:  map[holdfast.Channel]Channel{holdfast.InApp: opts.InApp},
		history:   opts.History,
		maxPerDay: cmp.Or(opts.MaxPerDay, 10),
		now:       opts.Now,
		logger:    cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)),
		deliveries: promauto.With(opts.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_deliveries_total",
			Help: "Messages to owners, by channel and how a try ended.",
		}, []string{"channel", "outcome"}),
	}
	n.outages = outages{
		channels: map[holdfast.Channel]*webhook.Outage{
			holdfast.InApp: webhook.NewOutage(n.logger, "In-app channel"),
			holdfast.SMS:   webhook.NewOutage(n.logger, "SMS channel"),
		},
		directory: webhook.NewOutage(n.logger, "Directory of contacts"),
		history:   webhook.NewOutage(n.logger, "Count of an owner's messages"),
	}
	if opts.SMS != nil {
		n.channels[holdfast.SMS] = opts.SMS
	}
	if n.now == nil {
		n.now = time.Now
	}
	for _, channel := range []holdfast.Channel{holdfast.InApp, holdfast.SMS} {
		for _, outcome := range []string{delivered, string(holdfast.Skipped), string(holdfast.Failed), retried} {
			n.deliveries.WithLabelValues(string(channel), outcome)
		}
	}
	return n, nil
}

// Work makes one try at a notify_owner job. An error asks the queue for another
// try; on the last one Work decides instead. Where a message can't be delivered
// in the app, the outcome plans an SMS, unless the alert's own plan has one.
func (n *Notifier) Work(ctx context.Context, job holdfast.Job) (holdfast.Outcome, error) {
	channel := job.Action.Channel
	logger := n.logger.With("alert", job.Alert.ID, "channel", channel, "attempt", job.Attempt)
	if job.Action.Kind != holdfast.NotifyOwner || channel != holdfast.InApp && channel != holdfast.SMS {
		return holdfast.Outcome{}, fmt.Errorf("notify: a job of kind %q by channel %q is not for the notifier", job.Action.Kind, channel)
	}

	outcome, err := n.deliver(ctx, job)
	if err != nil {
		logger = logger.With("error", err)
		if !job.Ambiguous.IsZero() && !isAmbiguous(err) {
			err = ambiguous{err} // whatever became of this try, the earlier one may have delivered
		}
		undeliverable, final := errors.AsType[*Undeliverable](err)
		switch {
		case final:
			outcome = holdfast.Outcome{State: holdfast.Failed, Reason: undeliverable.Reason}
		case job.Final:
			outcome = holdfast.Outcome{State: holdfast.Failed, Reason: reasonOf(err)}
		default:
			logger.Debug("Message to the owner is tried again")
			n.count(channel, retried)
			return holdfast.Outcome{}, err
		}
	}
	switch outcome.State {
	case holdfast.Done:
		logger.Info("Message to the owner is delivered")
		n.count(channel, delivered)
	case holdfast.Skipped:
		logger.Info("Message to the owner is skipped", "reason", outcome.Reason)
		n.count(channel, string(holdfast.Skipped))
	case holdfast.Failed:
		logger.Warn("Message to the owner failed", "reason", outcome.Reason)
		n.count(channel, string(holdfast.Failed))
		outcome.Then = n.next(job)
	}
	return outcome, nil
}

func (n *Notifier) count(channel holdfast.Channel, outcome string) {
	n.deliveries.WithLabelValues(string(channel), outcome).Inc()
}

// deliver ends in an outcome that no further try would change, or in the error
// of this try.
func (n *Notifier) deliver(ctx context.Context, job holdfast.Job) (holdfast.Outcome, error) {
	channel, configured := n.channels[job.Action.Channel]
	if !configured {
		return skipped(NoChannel), nil
	}
	owner, err := n.contact(ctx, job.Alert.Account)
	switch {
	case errors.Is(err, ErrNoContact) && job.Action.Channel == holdfast.InApp:
		owner = Contact{Account: job.Alert.Account} // the app knows its own users, if not their language
	case errors.Is(err, ErrNoContact):
		return holdfast.Outcome{State: holdfast.Failed, Reason: NoContact}, nil
	case err != nil:
		return holdfast.Outcome{}, fmt.Errorf("looking up the owner's contact: %w", err)
	}
	var to Phone
	if job.Action.Channel == holdfast.SMS {
		var reason string
		if to, reason = owner.number(n.now()); reason != "" {
			return skipped(reason), nil
		}
	}
	if n.overLimit(ctx, job) {
		return skipped(DailyLimit), nil
	}
	text, err := n.templates.Render(job.Action, job.Alert, owner)
	if err != nil {
		return holdfast.Outcome{}, err
	}
	reference, err := channel.Deliver(ctx, Delivery{
		ID:       webhook.ID(job),
		Alert:    job.Alert,
		Template: job.Action.Template,
		Message:  n.message(job, text),
		To:       to,
		Repeat:   !job.Ambiguous.IsZero(),
		Since:    earliest(job),
	})
	if _, refused := errors.AsType[*Undeliverable](err); !refused { // it says nothing of the next message
		n.outages.channels[job.Action.Channel].Tried(ctx, err)
	}
	if err != nil {
		return holdfast.Outcome{}, err
	}
	return holdfast.Outcome{State: holdfast.Done, Reference: reference}, nil
}

func (n *Notifier) contact(ctx context.Context, account string) (Contact, error) {
	c, err := n.directory.Contact(ctx, account)
	failure := err
	if errors.Is(err, ErrNoContact) { // an answer like any other
		failure = nil
	}
	n.outages.directory.Tried(ctx, failure)
	return c, err
}

func skipped(reason string) holdfast.Outcome {
	return holdfast.Outcome{State: holdfast.Skipped, Reason: reason}
}

// overLimit reports whether the owner has had enough messages. Where nobody
// knows, the message goes out: one too many does less harm than one too few.
func (n *Notifier) overLimit(ctx context.Context, job holdfast.Job) bool {
	if n.history == nil {
		return false
	}
	since := n.now().Add(-24 * time.Hour)
	had, err := n.history.Delivered(ctx, job.Alert.Account, job.Action.Channel, job.Alert.Level, since)
	n.outages.history.Tried(ctx, err)
	return err == nil && had >= n.maxPerDay
}

func (n *Notifier) message(job holdfast.Job, text Text) holdfast.Message {
	m := holdfast.Message{
		Alert:   job.Alert.ID,
		Account: job.Alert.Account,
		Channel: job.Action.Channel,
		Level:   job.Alert.Level,
		Locale:  text.Locale.String(),
		Title:   text.Title,
		Body:    text.Body,
		Created: n.now(),
	}
	if m.Channel == holdfast.SMS {
		m.Title, m.Body = "", text.SMS
	}
	return m
}

// earliest is a moment before which no try of the job began.
func earliest(job holdfast.Job) time.Time {
	if job.Stored.IsZero() {
		return job.Ambiguous
	}
	return job.Stored
}

// next is what follows a message that failed for good.
func (n *Notifier) next(job holdfast.Job) []holdfast.Action {
	_, sms := n.channels[holdfast.SMS]
	if job.Action.Channel != holdfast.InApp || !sms || planned(job.Alert, holdfast.SMS) {
		return nil
	}
	return []holdfast.Action{message(holdfast.SMS, job.Action.Template, job.Action.Ending)}
}

// reasonOf is why the last try failed.
func reasonOf(err error) string {
	answer, answered := errors.AsType[*webhook.Error](err)
	switch {
	case errors.Is(err, errUnauthorized):
		return Unauthorized
	case answered && answer.Reason != webhook.Unavailable:
		return answer.Reason
	case isAmbiguous(err):
		return Unconfirmed
	}
	return Unavailable
}
