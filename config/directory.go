package config

import (
	"errors"
	"net/url"
	"strings"
	"time"
)

// Directory says where an owner's contacts come from: a file or the service's
// own endpoint, exactly one of them.
type Directory struct {
	// File is a YAML file of contacts.
	File string

	// URL is the service's endpoint, with {account} in its path where the
	// account's id goes.
	URL string

	// Token is sent to the endpoint as a bearer token: token_file. Defaults to
	// none.
	Token Secret

	// Timeout bounds one request. 100ms to 10s. Defaults to 2s.
	Timeout time.Duration

	// Cache is how long an answer is used again; 0s asks every time. Defaults
	// to 1m.
	Cache time.Duration
}

func readDirectory(s *section) *Directory {
	d := &Directory{Timeout: 2 * time.Second, Cache: time.Minute}
	s.path("file", &d.File)
	s.text("url", &d.URL, accountURL)
	s.secret("token", &d.Token, headerText)
	s.durationWithin("timeout", &d.Timeout, 100*time.Millisecond, longestCall)
	s.duration("cache", &d.Cache, 0)
	switch {
	case s.has("file"):
		s.exclude("and `file` exclude each other", "url")
		if !s.has("url") {
			s.exclude("has no effect without `url`", "token_file", "timeout", "cache")
		}
	default:
		s.require("url", "a directory has a `file` or a `url`")
	}
	return d
}

func accountURL(text string) error {
	const account = "{account}"
	u, err := url.Parse(text)
	// In the host, an account's id could choose who is asked.
	if err != nil || strings.Count(text, account) != 1 || !strings.Contains(u.Path, account) {
		return errors.New("must be an http or https URL with {account} in its path")
	}
	return webURL(text)
}
