package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// EndpointOptions configure an [Endpoint].
type EndpointOptions struct {
	// URL answers for an account: "{account}" in its path is replaced by the
	// account's id; without it, the query gets an "account". Required.
	URL string

	// Token goes along as "Authorization: Bearer". Defaults to none.
	Token string

	// Client sends the requests; its redirect policy is replaced. Defaults to
	// a client of its own with http.DefaultTransport.
	Client *http.Client

	// Timeout bounds one request. Defaults to 2 s.
	Timeout time.Duration

	// Logger reports fields of a contact that can't be read. Defaults to none.
	Logger *slog.Logger
}

// Endpoint is a directory behind the service's own HTTP endpoint. It answers a
// GET with 404 for an account it does not know, or with 200 and JSON:
//
//	{"account": "ana", "locale": "de", "time_zone": "Europe/Berlin", "phone": "+4915550100",
//	 "phone_since": "2026-03-01T00:00:00Z", "previous_phone": "+4915550199"}
//
// All fields may be left out; others are ignored. It is safe for concurrent use.
type Endpoint struct {
	url     string
	token   string
	client  *http.Client
	timeout time.Duration
	logger  *slog.Logger
}

const accountPlaceholder = "{account}"

// NewEndpoint makes a directory.
func NewEndpoint(opts EndpointOptions) (*Endpoint, error) {
	u, err := url.Parse(strings.ReplaceAll(opts.URL, accountPlaceholder, "account"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the directory's url is not an absolute http or https address")
	}
	if !placeholderInPath(opts.URL) {
		return nil, errors.New("the directory's url may have {account} in its path alone")
	}
	var client http.Client
	if opts.Client != nil {
		client = *opts.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Endpoint{
		url:     opts.URL,
		token:   opts.Token,
		client:  &client,
		timeout: cmp.Or(opts.Timeout, 2*time.Second),
		logger:  cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// placeholderInPath reports whether an account's id can only ever become part of
// the path, where it is escaped as one.
func placeholderInPath(address string) bool {
	first, last := strings.Index(address, accountPlaceholder), strings.LastIndex(address, accountPlaceholder)
	if first < 0 {
		return true
	}
	_, beforeFirst, _ := strings.Cut(address[:first], "://")
	return strings.Contains(beforeFirst, "/") && !strings.ContainsAny(address[:last], "?#")
}

// longestContact bounds an answer, in bytes.
const longestContact = 16 << 10

// Contact asks the endpoint. Its errors name neither the address nor the
// account.
func (e *Endpoint) Contact(ctx context.Context, account string) (Contact, error) {
	if account == "" || account == "." || account == ".." {
		return Contact{}, ErrNoContact // as a path's segment, it would name something else
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.address(account), nil)
	if err != nil {
		return Contact{}, errors.New("the directory's url is not usable")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "holdfast")
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return Contact{}, fmt.Errorf("asking the directory: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return e.read(resp.Body, account)
	case http.StatusNotFound:
		return Contact{}, ErrNoContact
	}
	return Contact{}, fmt.Errorf("the directory answers with status %d", resp.StatusCode)
}

func (e *Endpoint) address(account string) string {
	if strings.Contains(e.url, accountPlaceholder) {
		return strings.ReplaceAll(e.url, accountPlaceholder, url.PathEscape(account))
	}
	joint := "?"
	if strings.Contains(e.url, "?") {
		joint = "&"
	}
	return e.url + joint + "account=" + url.QueryEscape(account)
}

// read makes a contact of an answer. A field that can't be read is left empty
// rather than the owner left unwarned.
func (e *Endpoint) read(body io.Reader, account string) (Contact, error) {
	answer, err := io.ReadAll(io.LimitReader(body, longestContact))
	if err != nil {
		return Contact{}, fmt.Errorf("reading the directory's answer: %w", err)
	}
	var fields struct {
		Account       string `json:"account"`
		Locale        string `json:"locale"`
		TimeZone      string `json:"time_zone"`
		Phone         string `json:"phone"`
		PhoneSince    string `json:"phone_since"`
		PreviousPhone string `json:"previous_phone"`
	}
	if err := json.Unmarshal(answer, &fields); err != nil {
		return Contact{}, errors.New("the directory's answer is not a contact in JSON, or too long")
	}
	if fields.Account != "" && fields.Account != account {
		return Contact{}, errors.New("the directory answers for another account")
	}
	c := Contact{Account: account}
	var unread []string
	for _, f := range []struct{ name, text string }{
		{"locale", fields.Locale},
		{"time_zone", fields.TimeZone},
		{"phone", fields.Phone},
		{"phone_since", fields.PhoneSince},
		{"previous_phone", fields.PreviousPhone},
	} {
		if f.text != "" && c.set(f.name, f.text) != nil {
			unread = append(unread, f.name)
		}
	}
	if len(unread) > 0 {
		e.logger.Warn("Fields of a contact can't be read and count as absent", "fields", unread)
	}
	if slices.Contains(unread, "phone_since") {
		c.Phone = Phone{} // it may be the attacker's, set a moment ago
	}
	return c, nil
}
