package config

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// longestCall bounds the timeout of a request that a job makes: a job has 10s.
const longestCall = 10 * time.Second

// Notify says how owners are told. The built-in inbox has every message,
// whatever else is set.
type Notify struct {
	// InApp is the service's own messaging backend. Defaults to none.
	InApp *Webhook

	// SMS is who sends text messages. Defaults to none.
	SMS *SMS

	// MaxPerDay bounds the messages to one owner in 24 hours. 1 to 1000.
	// Defaults to 10.
	MaxPerDay int
}

// Webhook is an endpoint of the service, called with requests that are signed
// as Standard Webhooks says.
type Webhook struct {
	URL string // http or https; required

	// Secret is the signing key: secret_file, "whsec_" and base64 of 24 to 64
	// bytes. Required.
	Secret Secret
}

// SMS says who sends text messages.
type SMS struct {
	// Provider is "twilio", or "development" to show messages in the built-in
	// inbox alone. Required; what follows belongs to Twilio.
	Provider string

	AccountSID string // AC and 32 hexadecimal digits; required

	// AuthToken is auth_token_file. Required without an API key.
	AuthToken Secret

	// APIKeySID and APIKeySecret, which is api_key_secret_file, stand for the
	// auth token where they are given. The SID is SK and 32 hexadecimal digits.
	APIKeySID    string
	APIKeySecret Secret

	// From is the sender: a number in E.164 form, a short code or a name of up
	// to 11 characters. It, or MessagingServiceSID.
	From string

	MessagingServiceSID string // MG and 32 hexadecimal digits

	// BaseURL stands for the provider's own address, for proxies and tests.
	// Defaults to the provider's own.
	BaseURL string
}

// The SMS providers.
const (
	Twilio      = "twilio"
	Development = "development"
)

func (n *Notify) read(s *section) {
	if sub := s.optional("in_app"); sub != nil {
		n.InApp = readWebhook(sub)
	}
	if sub := s.optional("sms"); sub != nil {
		n.SMS = readSMS(sub)
	}
	s.number("max_per_day", &n.MaxPerDay, 1, 1000)
}

func readWebhook(s *section) *Webhook {
	w := &Webhook{}
	s.text("url", &w.URL, webURL)
	s.secret("secret", &w.Secret, signingKey)
	s.require("url", "")
	s.requireSecret("secret")
	return w
}

func readSMS(s *section) *SMS {
	m := &SMS{}
	s.oneOf("provider", &m.Provider, Twilio, Development)
	s.text("account_sid", &m.AccountSID, sid("AC"))
	s.secret("auth_token", &m.AuthToken, headerText)
	s.text("api_key_sid", &m.APIKeySID, sid("SK"))
	s.secret("api_key_secret", &m.APIKeySecret, headerText)
	s.text("from", &m.From, sender)
	s.text("messaging_service_sid", &m.MessagingServiceSID, sid("MG"))
	s.text("base_url", &m.BaseURL, webURL)
	s.require("provider", "")
	switch m.Provider {
	case Twilio:
		m.requireTwilio(s)
	case Development:
		s.exclude("does not belong to `provider: development`", "account_sid", "auth_token_file", "api_key_sid",
			"api_key_secret_file", "from", "messaging_service_sid", "base_url")
	}
	return m
}

func (m *SMS) requireTwilio(s *section) {
	s.require("account_sid", "")
	if s.has("api_key_sid") || s.has("api_key_secret_file") {
		s.require("api_key_sid", "it belongs to `api_key_secret_file`")
		s.requireSecret("api_key_secret")
	} else {
		s.requireSecret("auth_token")
	}
	if s.has("messaging_service_sid") {
		s.exclude("and `messaging_service_sid` exclude each other", "from")
	} else {
		s.require("from", "a message has a sender: it or `messaging_service_sid`")
	}
}

// signingKey checks a Standard Webhooks key.
func signingKey(text string) error {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return errors.New(`must be "whsec_" and base64 of 24 to 64 bytes`)
	}
	return nil
}

// headerText checks a secret that travels in an HTTP header.
func headerText(text string) error {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return errors.New("must be printable ASCII without spaces")
		}
	}
	return nil
}

func sid(prefix string) func(string) error {
	legal := regexp.MustCompile("^" + prefix + "[0-9a-fA-F]{32}$")
	return func(text string) error {
		if !legal.MatchString(text) {
			return errors.New("must be " + prefix + " and 32 hexadecimal digits")
		}
		return nil
	}
}

var (
	senderNumber = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8})$`)
	senderName   = regexp.MustCompile(`^[A-Za-z0-9 &+_-]{1,11}$`)
)

func sender(text string) error {
	if senderNumber.MatchString(text) || senderName.MatchString(text) && strings.ContainsFunc(text, unicode.IsLetter) {
		return nil
	}
	return errors.New("must be a number such as +15550100, a short code, or a name of up to 11 characters")
}
