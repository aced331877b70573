// Package webhook posts signed messages to the service's own backend, as the
// Standard Webhooks specification (standardwebhooks.com) lays down.
//
// It makes one try per call: when to try again is the queue's business. It must
// never follow a redirect, and never put the secret, the payload or more of the
// URL than its host into an error.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/holdfastd/holdfast"
)

// Options configure a [Sender].
type Options struct {
	// URL receives the messages. It is http or https. Required.
	URL string

	// Secret signs them: "whsec_" and 24 to 64 bytes in base64. Required.
	Secret string

	// Client sends the requests; its redirect policy is replaced. Defaults to
	// a client of its own with http.DefaultTransport.
	Client *http.Client

	// Timeout bounds one call of Send. Defaults to 5 s.
	Timeout time.Duration

	// Now is the clock of the webhook-timestamp. Defaults to time.Now.
	Now func() time.Time
}

// Event is what a message says: the payload that the specification recommends.
type Event struct {
	Type      string    `json:"type"`      // what happened, such as "owner.alert"
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      any       `json:"data"`
}

// Sender posts signed messages to one URL. It is safe for concurrent use.
type Sender struct {
	url     string
	signer  *standardwebhooks.Webhook
	client  *http.Client
	timeout time.Duration
	now     func() time.Time
}

// New makes a Sender.
func New(opts Options) (*Sender, error) {
	u, err := url.Parse(opts.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("webhook url is not an absolute http or https address")
	}
	signer, err := newSigner(opts.Secret)
	if err != nil {
		return nil, err
	}
	var client http.Client
	if opts.Client != nil {
		client = *opts.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s := &Sender{
		url:     opts.URL,
		signer:  signer,
		client:  &client,
		timeout: cmp.Or(opts.Timeout, 5*time.Second),
		now:     opts.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// The specification's bounds for a secret, in bytes.
const shortestKey, longestKey = 24, 64

func newSigner(secret string) (*standardwebhooks.Webhook, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, errors.New("webhook secret does not start with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		// The decoder's error quotes the secret's bytes.
		return nil, errors.New("webhook secret is not base64 after whsec_")
	}
	if len(key) < shortestKey || len(key) > longestKey {
		return nil, fmt.Errorf("webhook secret has %d bytes, not %d to %d", len(key), shortestKey, longestKey)
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// ID is the webhook-id of a job: the same at every try, so that a receiver can
// drop repeats.
func ID(job holdfast.Job) string { return fmt.Sprintf("%s-%d", job.Alert.ID, job.Ordinal) }

// longestAnswer bounds what is read of an answer, in bytes.
const longestAnswer = 64 << 10

// Send posts event under an id that is the same at every try of the same
// message. It returns the body of a 2xx answer, cut off after 64 KiB. Any other
// end is an [*Error], save an event that can't be encoded.
func (s *Sender) Send(ctx context.Context, id string, event Event) ([]byte, error) {
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encoding a webhook's %s: %w", event.Type, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("making a webhook request: the url is not usable")
	}
	sent := s.now()
	signature, err := s.signer.Sign(id, sent, body)
	if err != nil {
		return nil, fmt.Errorf("signing a webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "holdfast")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(sent.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)

	resp, err := s.client.Do(req)
	if err != nil {
		return nil, &Error{Reason: Unavailable, err: withoutURL(err)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(resp, s.now())
	}
	if err != nil {
		return nil, &Error{Reason: Unavailable, Status: resp.StatusCode, err: err}
	}
	return answer, nil
}

// withoutURL drops the address that net/http puts around an error: its query
// may hold a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
