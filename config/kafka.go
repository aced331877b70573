package config

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kafka says where the events are.
type Kafka struct {
	// Brokers are the addresses to start from, as host:port. Required.
	Brokers []string

	// Topic holds the events. Required.
	Topic string

	// Group is the consumer group that the replicas share. Defaults to
	// "holdfast".
	Group string

	// DeadLetterTopic takes what can't be read as an event. Defaults to the
	// topic with ".dead-letter" appended.
	DeadLetterTopic string

	// ClientID names this process in the brokers' logs and quotas. Defaults to
	// "holdfast".
	ClientID string

	TLS  TLS
	SASL *SASL
}

// TLS says how to speak TLS with the brokers.
type TLS struct {
	// Enabled turns TLS on. Defaults to false.
	Enabled bool

	// CAFile holds the PEM certificates to trust. Defaults to the system's.
	CAFile string

	// CertFile and KeyFile are this client's own certificate and key, in PEM.
	// Both or neither. Defaults to neither.
	CertFile, KeyFile string

	// ServerName is the name that the brokers' certificates are checked
	// against. Defaults to the host of each address.
	ServerName string
}

// SASL says who we are to the brokers.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, in either case; required
	Username  string // required
	Password  Secret // password_file; required
}

func (k *Kafka) read(s *section) {
	s.texts("brokers", &k.Brokers, address)
	s.text("topic", &k.Topic, topicName)
	s.text("group", &k.Group, nil)
	s.text("dead_letter_topic", &k.DeadLetterTopic, func(t string) error {
		if t == k.Topic {
			return errors.New("must not be the topic of the events itself")
		}
		return topicName(t)
	})
	s.text("client_id", &k.ClientID, nil)
	s.require("brokers", "")
	s.require("topic", "")
	if k.DeadLetterTopic == "" && k.Topic != "" {
		k.DeadLetterTopic = k.Topic + ".dead-letter"
	}
	k.TLS.read(s.always("tls"))
	if sub := s.optional("sasl"); sub != nil {
		k.SASL = readSASL(sub)
	}
}

func (t *TLS) read(s *section) {
	s.boolean("enabled", &t.Enabled)
	s.path("ca_file", &t.CAFile)
	s.path("cert_file", &t.CertFile)
	s.path("key_file", &t.KeyFile)
	s.text("server_name", &t.ServerName, nil)
	switch {
	case s.has("cert_file"):
		s.require("key_file", "it belongs to `cert_file`")
	case s.has("key_file"):
		s.require("cert_file", "it belongs to `key_file`")
	}
	if !s.has("enabled") {
		s.exclude("has no effect without `enabled: true`", "ca_file", "cert_file", "key_file", "server_name")
	}
}

func readSASL(s *section) *SASL {
	a := &SASL{}
	set(s, "mechanism", aText, &a.Mechanism, func(text string) (string, error) {
		words := []string{"plain", "scram-sha-256", "scram-sha-512"}
		if !slices.Contains(words, strings.ToLower(text)) {
			return "", unlisted(text, words)
		}
		return strings.ToUpper(text), nil
	})
	s.text("username", &a.Username, nil)
	s.secret("password", &a.Password, nil)
	s.require("mechanism", "")
	s.require("username", "")
	s.requireSecret("password")
	return a
}

var legalTopic = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func topicName(text string) error {
	if !legalTopic.MatchString(text) || text == "." || text == ".." {
		return errors.New("must be a topic's name: letters, digits, '.', '_' and '-', 249 at most")
	}
	return nil
}

// address checks host:port.
func address(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || !validPort(port) {
		return errors.New("must be an address such as localhost:9092")
	}
	return nil
}

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
