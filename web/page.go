package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// view is one page: what it loads and the template that shows it. Its page and
// its stream show the same.
type view struct {
	template string
	section  string // of the navigation
	load     func(*http.Request) (any, error)
}

// page is what the layout shows around a view's own content.
type page struct {
	Section string
	Console bool
	Demo    bool
	Version string
	Events  string // address of the stream that keeps the page current, or ""
	Content any
}

// badRequest is an error whose text is for the one who asked.
type badRequest struct{ error }

// isLive reports whether a stream keeps the content current.
func isLive(content any) bool {
	c, ok := content.(interface{ live() bool })
	return ok && c.live()
}

// nothing loads what needs no data.
func nothing(*http.Request) (any, error) { return nil, nil }

// page serves a view as a whole document.
func (s *site) page(v view) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := v.load(r)
		if err != nil {
			s.failPage(w, r, v, err)
			return
		}
		p := page{Section: v.section, Content: content}
		if isLive(content) {
			p.Events = r.URL.EscapedPath() + "/events"
			if r.URL.RawQuery != "" {
				p.Events += "?" + r.URL.RawQuery
			}
		}
		s.writePage(w, http.StatusOK, v.template, p)
	})
}

func (s *site) writePage(w http.ResponseWriter, status int, template string, p page) {
	p.Console, p.Demo, p.Version = s.console, s.demo != "", s.version
	var b bytes.Buffer
	if err := s.templates[template].ExecuteTemplate(&b, "layout", p); err != nil {
		s.log.Error("Could not draw a page", "page", template, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// region draws the part of a view that is kept current.
func (s *site) region(v view, r *http.Request) (string, error) {
	content, err := v.load(r)
	if err != nil {
		return "", err
	}
	if !isLive(content) {
		return "", badRequest{errors.New("that page does not change by itself")}
	}
	var b bytes.Buffer
	if err := s.templates[v.template].ExecuteTemplate(&b, "live", content); err != nil {
		return "", err
	}
	return b.String(), nil
}

// failure is what the error page says.
type failure struct {
	Title string
	Text  string
	Retry bool // the same address may work in a moment
}

func (s *site) failPage(w http.ResponseWriter, r *http.Request, v view, err error) {
	status, text := s.explain(r.Context(), err)
	f := failure{Text: strings.ToUpper(text[:1]) + text[1:] + "."}
	switch status {
	case http.StatusNotFound:
		f.Title = "Not found"
	case http.StatusBadRequest:
		f.Title = "That address is not quite right"
	default:
		f.Title, f.Retry = "Not right now", true
	}
	s.writePage(w, status, "failure", page{Section: v.section, Content: f})
}

// explain maps an error to a status and a text for the one who asked. What
// only the operator can mend is logged, and its details stay there.
func (s *site) explain(ctx context.Context, err error) (status int, text string) {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest, bad.Error()
	case errors.Is(err, errUnauthorized):
		return http.StatusUnauthorized, err.Error()
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, "no such alert"
	case ctx.Err() != nil:
		// Nobody is there any more to read the answer.
	default:
		s.complain(err)
	}
	return http.StatusServiceUnavailable, "the store can’t be read right now; nothing is lost, try again in a moment"
}

// complaintPause is the least time between two lines in the log on the store:
// every open page asks again after a few seconds.
const complaintPause = time.Minute

func (s *site) complain(err error) {
	now, last := time.Now().UnixNano(), s.complained.Load()
	if now-last < complaintPause.Nanoseconds() || !s.complained.CompareAndSwap(last, now) {
		return
	}
	s.log.Error("Could not read the store for the web", "error", err)
}
