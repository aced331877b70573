package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
)

// maxBody is in bytes. No request has a body worth reading.
const maxBody = 16 << 10

// contentSecurity lets a page use this server's own files and nothing else: no
// inline script or style, no frame, no other host. A text that slipped through
// as markup would still do nothing.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard puts around every address what must not be forgotten at any.
func (s *site) guard(next http.Handler) http.Handler {
	next = http.MaxBytesHandler(next, maxBody)
	// A browser may post only from our own pages. Clients that are no browser
	// send neither Origin nor Sec-Fetch-Site and pass: curl -XPOST works.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurity)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		defer s.abort()
		next.ServeHTTP(w, r)
	})
}

// authorized lets through who knows the token, or everybody if there is none.
func (s *site) authorized(next http.HandlerFunc) http.HandlerFunc {
	if s.token == "" {
		return next
	}
	// Sums have one length, so comparing them gives nothing of the token away.
	want := sha256.Sum256([]byte(s.token))
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimLeft(token, " ")))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) == 0 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
			s.failJSON(w, r, errUnauthorized)
			return
		}
		next(w, r)
	}
}

var errUnauthorized = errors.New("the request needs the bearer token of web.token_file")

// abort logs a panic and breaks the connection off, so that half an answer is
// never taken for a whole one. The server would do the same, but log it with
// the client's address.
func (s *site) abort() {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler { //nolint:errorlint // the very value is the signal
		s.log.Error("A web request panicked", "panic", fault, "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}
