package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Web says where people and monitors find Holdfast.
type Web struct {
	// Listen is the address of the API, the metrics and the health endpoints,
	// as host:port. Defaults to 127.0.0.1:9480.
	Listen string

	// ConfigFile turns on TLS and basic authentication, in the exporter
	// toolkit's format. Defaults to none.
	ConfigFile string

	// Console serves the pages on which alerts and messages are read. Without a
	// ConfigFile, only where Listen is a loopback address. Defaults to false.
	Console bool

	// Token is what the service's own backend reports with, as a bearer token,
	// that an owner has seen a message: token_file. With it the console reports
	// nothing by itself. It excludes users in ConfigFile, for a request can
	// carry one of both. Defaults to none: there is nowhere to report to,
	// except with Console.
	Token Secret
}

// Pprof says where profiles are had.
type Pprof struct {
	// Listen is a loopback address as host:port. Defaults to "", none.
	Listen string
}

func (w *Web) read(s *section) {
	s.text("listen", &w.Listen, listenAddress)
	s.path("config_file", &w.ConfigFile)
	s.boolean("console", &w.Console)
	s.secret("token", &w.Token, headerText)
	if !w.Token.IsZero() && asksForUsers(w.ConfigFile) {
		s.exclude("has basic_auth_users, and a request can't carry a user and the token; leave one of them out", "config_file")
	}
	if w.Console && !s.has("config_file") && !loopback(w.Listen) {
		s.exclude("shows people's alerts, and `listen` is not a loopback address; protect it with `config_file`", "console")
	}
}

// asksForUsers reports whether a file in the exporter toolkit's format turns on
// basic authentication. What else is wrong with it is for the toolkit to say.
func asksForUsers(path string) bool {
	if path == "" {
		return false
	}
	text, err := readBounded(path, largestFile)
	if err != nil {
		return false
	}
	var settings struct {
		Users map[string]string `yaml:"basic_auth_users"`
	}
	return yaml.Unmarshal(text, &settings) == nil && len(settings.Users) > 0
}

func (p *Pprof) read(s *section) {
	set(s, "listen", aText, &p.Listen, func(text string) (string, error) {
		if text != "" && (listenAddress(text) != nil || !loopback(text)) {
			return "", errors.New("must be a loopback address such as 127.0.0.1:6060; a profile shows what is in memory")
		}
		return text, nil
	})
}

// listenAddress checks host:port, where either may be left to the system.
func listenAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("must be an address such as 127.0.0.1:9480, or :9480 for all interfaces")
	}
	return nil
}

// loopback reports whether an address can be reached from this machine alone.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// webURL checks an http or https URL. Its errors never quote it.
func webURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User != nil:
		return errors.New("must not hold a user name or password")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Fragment != "":
		return errors.New("must be an http or https URL")
	}
	return nil
}
