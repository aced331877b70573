package web

import (
	"net/http"

	"github.com/holdfastd/holdfast"
)

// inbox is what an account's owner sees.
type inbox struct {
	Account  string // "" until one is chosen
	Demo     bool   // the demo's own account
	Reports  bool   // what was on the screen counts as seen by the owner
	Messages []message
}

func (i inbox) live() bool { return i.Account != "" }

// message is a message as the inbox shows it.
type message struct {
	holdfast.Message
}

// ElementID names the message's element, so that the browser recognizes it in
// the next event.
func (m message) ElementID() string { return "message-" + m.Alert + "-" + string(m.Channel) }

// IsSMS reports whether the message went to a phone. The inbox shows such a
// message as a phone does.
func (m message) IsSMS() bool { return m.Channel == holdfast.SMS }

func (s *site) loadInbox(r *http.Request) (any, error) {
	values := r.URL.Query()
	if values.Get("account") == "" {
		if s.demo == "" {
			return inbox{}, nil
		}
		values.Set("account", s.demo)
	}
	account, limit, err := parseInbox(values)
	if err != nil {
		return nil, err
	}
	messages, err := s.store.Messages(r.Context(), account, limit)
	if err != nil {
		return nil, err
	}
	shown := make([]message, len(messages))
	for i, m := range messages {
		shown[i] = message{m}
	}
	for i := 1; i < len(shown); i++ {
		// The SMS below the message it repeats.
		if newer, older := shown[i-1], shown[i]; newer.Alert == older.Alert && newer.IsSMS() && !older.IsSMS() {
			shown[i-1], shown[i] = older, newer
		}
	}
	return inbox{Account: account, Demo: account == s.demo, Reports: s.token == "", Messages: shown}, nil
}
