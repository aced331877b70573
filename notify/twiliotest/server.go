// Package twiliotest answers as Twilio's Messages API does, for tests: it
// checks what Twilio checks, keeps the messages it creates, lists them with
// Twilio's filters, and can be told to fail. It must never be part of a program.
package twiliotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// Credentials are what a request must carry.
type Credentials struct {
	AccountSID string // in the path
	KeySID     string // user name; the account's sid where the secret is its auth token
	Secret     string // password
}

// Message is one text message.
type Message struct {
	SID                 string
	To                  string
	From                string
	MessagingServiceSID string
	Body                string
	Status              string // "queued" until changed
	ErrorCode           int    // of a message that failed
	Created             time.Time
	Sent                time.Time // zero while it waits
}

// Failure is how a request to create a message goes wrong. The zero Failure is
// none.
type Failure struct {
	Status     int           // HTTP status
	Code       int           // Twilio's
	RetryAfter time.Duration // sent as a header
	HTML       bool          // answers with a gateway's HTML page
	Created    bool          // the message is created all the same
	Silent     bool          // the connection is closed without an answer
}

// Server is the API of one account. It is an http.Handler, safe for concurrent
// use.
type Server struct {
	credentials Credentials

	mu       sync.Mutex
	messages []Message // oldest first
	failures []Failure
	requests int
	now      func() time.Time
}

// New makes an account without messages.
func New(c Credentials) *Server {
	c.KeySID = cmp.Or(c.KeySID, c.AccountSID)
	return &Server{credentials: c, now: time.Now}
}

// SetClock replaces the clock, time.Now at first.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Fail lines up failures for the next requests to create a message.
func (s *Server) Fail(failures ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, failures...)
}

// Add puts a message into the account as if it had been created before.
func (s *Server) Add(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(m)
}

// Messages returns the messages, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Requests counts all requests so far.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	user, password, _ := r.BasicAuth()
	if user != s.credentials.KeySID || password != s.credentials.Secret {
		refuse(w, http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	if r.URL.Path != "/2010-04-01/Accounts/"+s.credentials.AccountSID+"/Messages.json" {
		refuse(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.create(w, r)
	case http.MethodGet:
		s.list(w, r)
	default:
		refuse(w, http.StatusMethodNotAllowed, 20004, "Method not allowed")
	}
}

var e164 = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

// longestBody is how much text a message may hold, in UTF-16 units.
const longestBody = 1600

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		refuse(w, http.StatusBadRequest, 20001, "Unreadable form")
		return
	}
	form := r.PostForm
	m := Message{
		To:                  form.Get("To"),
		From:                form.Get("From"),
		MessagingServiceSID: form.Get("MessagingServiceSid"),
		Body:                form.Get("Body"),
	}
	switch {
	case m.To == "":
		refuse(w, http.StatusBadRequest, 21604, "A 'To' phone number is required.")
	case !e164.MatchString(m.To):
		refuse(w, http.StatusBadRequest, 21211, "Invalid 'To' Phone Number: "+m.To)
	case m.From == "" && m.MessagingServiceSID == "":
		refuse(w, http.StatusBadRequest, 21603, "A 'From' phone number is required.")
	case m.Body == "":
		refuse(w, http.StatusBadRequest, 21602, "Message body is required.")
	case len(utf16.Encode([]rune(m.Body))) > longestBody:
		refuse(w, http.StatusBadRequest, 21617, "The concatenated message body exceeds the 1600 character limit")
	default:
		s.accept(w, m)
	}
}

// accept creates the message, unless it is to fail.
func (s *Server) accept(w http.ResponseWriter, m Message) {
	var f Failure
	if len(s.failures) > 0 {
		f, s.failures = s.failures[0], s.failures[1:]
	}
	if f == (Failure{}) || f.Created {
		m = s.add(m)
	}
	switch {
	case f.Silent:
		panic(http.ErrAbortHandler) // net/http closes the connection, and says nothing
	case f.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, "<html><body>%d for %s</body></html>", f.Status, m.To)
	case f.Status != 0:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		refuse(w, f.Status, f.Code, "Refused for "+m.To)
	default:
		answer(w, http.StatusCreated, s.resource(m))
	}
}

func (s *Server) add(m Message) Message {
	m.SID = cmp.Or(m.SID, fmt.Sprintf("SM%032x", len(s.messages)+1))
	m.Status = cmp.Or(m.Status, "queued")
	if m.Created.IsZero() {
		m.Created = s.now()
	}
	s.messages = append(s.messages, m)
	return m
}

// list answers with one page of the messages, newest first.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, err := strconv.Atoi(cmp.Or(query.Get("PageSize"), "50"))
	page, err2 := strconv.Atoi(cmp.Or(query.Get("Page"), "0"))
	if err != nil || err2 != nil || size < 1 || size > 1000 || page < 0 {
		refuse(w, http.StatusBadRequest, 20001, "Invalid page")
		return
	}
	if page > 0 && !strings.HasPrefix(query.Get("PageToken"), "PA") {
		refuse(w, http.StatusBadRequest, 20001, "Page number out of range")
		return
	}
	found := []map[string]any{}
	for _, m := range slices.Backward(s.messages) {
		if wanted(m, query) {
			found = append(found, s.resource(m))
		}
	}
	first, last := min(page*size, len(found)), min((page+1)*size, len(found))
	var next any
	if last < len(found) {
		query.Set("Page", strconv.Itoa(page+1))
		query.Set("PageToken", "PA"+found[last-1]["sid"].(string))
		next = r.URL.Path + "?" + query.Encode()
	}
	answer(w, http.StatusOK, map[string]any{
		"messages": found[first:last], "page": page, "page_size": size,
		"start": first, "end": last, "uri": r.URL.RequestURI(), "next_page_uri": next,
	})
}

// wanted reports whether a message passes the filters of a query. One that
// waits to be sent has no date, and so passes no filter by date.
func wanted(m Message, query map[string][]string) bool {
	for name, values := range query {
		switch name {
		case "To":
			if m.To != values[0] {
				return false
			}
		case "From":
			if m.From != values[0] {
				return false
			}
		case "DateSent", "DateSent<", "DateSent>":
			day, err := time.Parse(time.DateOnly, values[0][:min(len(values[0]), len(time.DateOnly))])
			if err != nil || m.Sent.IsZero() {
				return false
			}
			order := m.Sent.UTC().Truncate(24 * time.Hour).Compare(day)
			if name == "DateSent" && order != 0 || name == "DateSent<" && order > 0 || name == "DateSent>" && order < 0 {
				return false
			}
		}
	}
	return true
}

// resource is a message as the API shows it.
func (s *Server) resource(m Message) map[string]any {
	path := "/2010-04-01/Accounts/" + s.credentials.AccountSID + "/Messages/" + m.SID + ".json"
	shown := map[string]any{
		"sid": m.SID, "account_sid": s.credentials.AccountSID, "api_version": "2010-04-01", "uri": path,
		"to": m.To, "from": orNull(m.From), "messaging_service_sid": orNull(m.MessagingServiceSID),
		"body": m.Body, "status": m.Status, "direction": "outbound-api",
		"num_segments": "1", "num_media": "0", "price": nil, "price_unit": "USD",
		"error_code": nil, "error_message": nil,
		"date_created": m.Created.UTC().Format(time.RFC1123Z), "date_updated": m.Created.UTC().Format(time.RFC1123Z),
		"date_sent":        nil,
		"subresource_uris": map[string]string{"media": strings.TrimSuffix(path, ".json") + "/Media.json"},
	}
	if m.ErrorCode != 0 {
		shown["error_code"] = m.ErrorCode
	}
	if !m.Sent.IsZero() {
		shown["date_sent"] = m.Sent.UTC().Format(time.RFC1123Z)
	}
	return shown
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	answer(w, status, map[string]any{
		"code": code, "message": message, "status": status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
