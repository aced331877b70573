package web

import (
	"encoding/json"
	"net/http"

	"github.com/holdfastd/holdfast"
)

func (s *site) serveAlertsJSON(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		s.failJSON(w, r, err)
		return
	}
	alerts, next, err := s.alerts(r.Context(), q)
	if err != nil {
		s.failJSON(w, r, err)
		return
	}
	if alerts == nil {
		alerts = []Alert{} // null is no list
	}
	s.writeJSON(w, http.StatusOK, struct {
		Alerts []Alert `json:"alerts"`
		Next   string  `json:"next,omitempty"`
	}{alerts, next})
}

func (s *site) serveAlertJSON(w http.ResponseWriter, r *http.Request) {
	a, err := s.store.Alert(r.Context(), r.PathValue("id"))
	if err != nil {
		s.failJSON(w, r, err)
		return
	}
	s.writeJSON(w, http.StatusOK, a)
}

func (s *site) serveMessagesJSON(w http.ResponseWriter, r *http.Request) {
	account, limit, err := parseInbox(r.URL.Query())
	if err != nil {
		s.failJSON(w, r, err)
		return
	}
	messages, err := s.store.Messages(r.Context(), account, limit)
	if err != nil {
		s.failJSON(w, r, err)
		return
	}
	if messages == nil {
		messages = []holdfast.Message{}
	}
	s.writeJSON(w, http.StatusOK, struct {
		Messages []holdfast.Message `json:"messages"`
	}{messages})
}

// serveSeen notes that the owner has seen an alert's messages. To say so again
// is no error.
func (s *site) serveSeen(w http.ResponseWriter, r *http.Request) {
	if err := s.store.MarkSeen(r.Context(), r.PathValue("id")); err != nil {
		s.failJSON(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *site) failJSON(w http.ResponseWriter, r *http.Request, err error) {
	status, text := s.explain(r.Context(), err)
	s.writeJSON(w, status, struct {
		Error string `json:"error"`
	}{text})
}

func (s *site) writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.log.Error("Could not write an answer as JSON", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
