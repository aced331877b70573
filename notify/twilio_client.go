package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
)

// twilioClient is Twilio's client.BaseClient for the length of one context. The
// library's own knows no contexts and keeps the phone number in its errors.
type twilioClient struct {
	*Twilio
	ctx context.Context // BaseClient's methods take none
}

// AccountSid names the account in the request's path.
func (c *twilioClient) AccountSid() string { return c.opts.AccountSID }

// SetTimeout does nothing: the timeout is an option.
func (c *twilioClient) SetTimeout(time.Duration) {}

// SetOauth does nothing: we sign in with a key.
func (c *twilioClient) SetOauth(client.OAuth) {}

// OAuth is none.
func (c *twilioClient) OAuth() client.OAuth { return nil }

// longestReply bounds an answer, in bytes: a list takes about 1.5 kB a message,
// and has up to 1000.
const longestReply = 4 << 20

// SendRequest makes a request of the library's and returns an answer of 2xx,
// read whole. Other ends are a *twilioRefusal or a *twilioFailure.
func (c *twilioClient) SendRequest(
	method, rawURL string, data url.Values, headers map[string]any, _ ...byte,
) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.opts.Timeout)
	defer cancel()
	var written atomic.Bool // set by the transport's goroutines
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
	})
	req, err := c.request(ctx, method, rawURL, data, headers)
	if err != nil {
		return nil, &twilioFailure{err: err}
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, &twilioFailure{written: written.Load(), err: withoutURL(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestReply))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refused(resp, body)
	}
	if err != nil {
		return nil, &twilioFailure{written: true, err: err}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// request moves a request of the library's to our base URL.
func (c *twilioClient) request(
	ctx context.Context, method, rawURL string, data url.Values, headers map[string]any,
) (*http.Request, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the request's path is not usable")
	}
	target, form := c.base.JoinPath(u.Path), ""
	if method == http.MethodPost {
		form = data.Encode()
	} else {
		target.RawQuery = data.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(form))
	if err != nil {
		return nil, errors.New("the request's path is not usable")
	}
	for name, value := range headers {
		req.Header.Set(name, fmt.Sprint(value))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "holdfast")
	req.SetBasicAuth(c.opts.KeySID, c.opts.Secret)
	return req, nil
}

// twilioFailure is a request that got no readable answer.
type twilioFailure struct {
	written bool // the request may have reached Twilio
	err     error
}

// Error says what happened.
func (e *twilioFailure) Error() string { return "twilio: " + e.err.Error() }

// Unwrap returns the network's error.
func (e *twilioFailure) Unwrap() error { return e.err }

// withoutURL drops the address that net/http puts around an error: it may hold
// a number, an account or a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
