package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
	twilio "github.com/twilio/twilio-go/rest/api/v2010"
)

// TwilioOptions configure a [Twilio].
type TwilioOptions struct {
	// AccountSID names the account, "AC…". Required.
	AccountSID string

	// KeySID is the API key that Secret belongs to, "SK…". Defaults to the
	// account itself, whose secret is its auth token.
	KeySID string

	// Secret is the API key's secret, or the auth token. Required.
	Secret string

	// MessagingServiceSID is the messaging service that sends, "MG…". Either
	// it or From is required.
	MessagingServiceSID string

	// From is the number, short code or sender id that sends.
	From string

	// BaseURL is where the API is. Defaults to "https://api.twilio.com".
	BaseURL string

	// Client sends the requests; its redirect policy is replaced. Defaults to
	// a client of its own with http.DefaultTransport.
	Client *http.Client

	// Timeout bounds one request. Where the context of a delivery has a
	// deadline, looking for an earlier try's message leaves this much of it to
	// create one. Defaults to 4 s, of a job's 10 s.
	Timeout time.Duration

	// Logger reports what an operator must mend, once. Defaults to none.
	Logger *slog.Logger
}

// Twilio sends text messages through Twilio's Messages API. Creating a message
// there is not idempotent: where an earlier try may have created it, the message
// is looked for before it is created again. It is safe for concurrent use.
type Twilio struct {
	opts         TwilioOptions
	base         *url.URL
	client       *http.Client
	logger       *slog.Logger
	unauthorized atomic.Bool // our credentials were refused, and not accepted since
}

// NewTwilio makes a channel.
func NewTwilio(opts TwilioOptions) (*Twilio, error) {
	opts.KeySID = cmp.Or(opts.KeySID, opts.AccountSID)
	opts.BaseURL = cmp.Or(opts.BaseURL, "https://api.twilio.com")
	opts.Timeout = cmp.Or(opts.Timeout, 4*time.Second)
	base, err := url.Parse(opts.BaseURL)
	switch {
	case opts.AccountSID == "" || opts.Secret == "":
		return nil, errors.New("twilio: the account's sid and a secret are required")
	case opts.From == "" && opts.MessagingServiceSID == "":
		return nil, errors.New("twilio: a messaging service's sid or a number to send from is required")
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("twilio: the base url is not an absolute http or https address")
	}
	var sender http.Client
	if opts.Client != nil {
		sender = *opts.Client
	}
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Twilio{
		opts:   opts,
		base:   base,
		client: &sender,
		logger: cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Deliver sends the message's body to the delivery's number and returns the
// message's sid.
func (t *Twilio) Deliver(ctx context.Context, d Delivery) (string, error) {
	if d.Repeat {
		sid, err := t.find(ctx, d)
		if err != nil || sid != "" {
			return sid, t.explain(err)
		}
	}
	params := (&twilio.CreateMessageParams{}).SetTo(d.To.Number()).SetBody(d.Message.Body)
	if t.opts.MessagingServiceSID != "" {
		params.SetMessagingServiceSid(t.opts.MessagingServiceSID)
	}
	if t.opts.From != "" {
		params.SetFrom(t.opts.From)
	}
	message, err := t.api(ctx).CreateMessage(params)
	if err != nil {
		return "", t.explain(creating(err))
	}
	sid, err := fate(message)
	return sid, t.explain(err)
}

// api is Twilio's client for the length of a context.
func (t *Twilio) api(ctx context.Context) *twilio.ApiService {
	// Not client.NewRequestHandler: it takes a host from the environment.
	return twilio.NewApiService(&client.RequestHandler{Client: &twilioClient{Twilio: t, ctx: ctx}})
}

// creating tells what an error means for the message that was to be created: it
// may exist if the request was written and nothing says that it was refused.
// A status of 5xx may come from a gateway that gave up waiting.
func creating(err error) error {
	err = readable(err)
	if e, ok := errors.AsType[*twilioRefusal](err); ok && e.status < 500 {
		return err
	}
	if e, ok := errors.AsType[*twilioFailure](err); ok && !e.written {
		return err
	}
	return ambiguous{err}
}

// readable replaces an error of the library's JSON decoder, which quotes the
// answer.
func readable(err error) error {
	if _, ok := errors.AsType[*twilioRefusal](err); ok {
		return err
	}
	if _, ok := errors.AsType[*twilioFailure](err); ok {
		return err
	}
	return &twilioFailure{written: true, err: errors.New("the answer can't be read")}
}

// explain turns an error of Twilio's into one of a [Channel].
func (t *Twilio) explain(err error) error {
	if err == nil {
		t.unauthorized.Store(false)
	}
	refusal, ok := errors.AsType[*twilioRefusal](err)
	if !ok {
		return err
	}
	if refusal.unauthorized() {
		if !t.unauthorized.Swap(true) {
			t.logger.Error("Twilio refuses our credentials: no text message goes out until they are mended",
				"status", refusal.status, "code", refusal.code)
		}
		return fmt.Errorf("%w: %w", errUnauthorized, err)
	}
	if reason := refusal.permanent(); reason != "" {
		return &Undeliverable{Reason: reason, Err: err}
	}
	return err
}

// clockSkew is how far Twilio's clock may be behind ours.
const clockSkew = 2 * time.Minute

// searches are how many of the newest messages to a number are looked through,
// one list after the other. The first does for all but an owner under attack,
// whom the same account may have sent hundreds of codes; the second is the
// longest that Twilio gives, and more would take longer than a job has.
var searches = [...]int{200, 1000}

// find looks for the message among those to the same number. It returns "" if
// there is none that is on its way or arrived, and an error if it can't be sure.
func (t *Twilio) find(ctx context.Context, d Delivery) (sid string, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-t.opts.Timeout))
		defer cancel()
	}
	for _, size := range searches {
		// The list is not filtered by its DateSent: a message that waits to be
		// sent has none.
		params := (&twilio.ListMessageParams{}).SetTo(d.To.Number()).SetPageSize(size)
		list, err := t.api(ctx).PageMessage(params, "", "")
		if err != nil {
			return "", fmt.Errorf("looking for an earlier try's message: %w", readable(err))
		}
		if sid, all, err := among(list, d); sid != "" || all || err != nil {
			return sid, err
		}
	}
	return "", &Undeliverable{
		Reason: Unconfirmed,
		Err:    errors.New("too many messages went to the same number since to tell whether this one was among them"),
	}
}

// among looks for the message in a list, which comes newest first. all reports
// whether the list has every message since the first try.
func among(list *twilio.ListMessageResponse, d Delivery) (sid string, all bool, err error) {
	since := d.Since.Add(-clockSkew)
	all = text(list.NextPageUri) == ""
	for i := range list.Messages {
		m := &list.Messages[i]
		if created, err := time.Parse(time.RFC1123Z, text(m.DateCreated)); err == nil && created.Before(since) {
			all = true
			continue
		}
		// A trial account puts a text of its own in front.
		if !strings.HasSuffix(text(m.Body), d.Message.Body) {
			continue
		}
		if sid, err := fate(m); err == nil || isUndeliverable(err) {
			return sid, all, err
		}
	}
	return "", all, nil
}

// fate is a message's sid, or why it did not arrive.
func fate(m *twilio.ApiV2010Message) (sid string, err error) {
	switch text(m.Status) {
	case "failed", "undelivered", "canceled":
		e := &twilioRefusal{}
		if m.ErrorCode != nil {
			e.code = *m.ErrorCode
		}
		return "", e
	}
	return text(m.Sid), nil
}

// isUndeliverable reports whether a message's fate is final.
func isUndeliverable(err error) bool {
	e, ok := errors.AsType[*twilioRefusal](err)
	return ok && e.permanent() != ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
