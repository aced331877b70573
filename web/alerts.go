package web

import (
	"net/http"
	"time"

	"github.com/holdfastd/holdfast"
)

// alertList is the security team's list.
type alertList struct {
	Query  Query
	Levels []string // the choices of the least level
	Alerts []alertView
	Older  string // address of the rest of the list, "" at its end
	Newest string // address of the start of the list, "" at its start
}

// live is true at the start of the list alone: what lies further down does not
// change its place any more.
func (l alertList) live() bool { return l.Query.Before == "" }

// Chosen reports whether the list leaves anything out.
func (l alertList) Chosen() bool {
	return l.Query.Account != "" || l.Query.Rule != "" || l.Query.Level != 0
}

func (s *site) loadAlerts(r *http.Request) (any, error) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	alerts, next, err := s.alerts(r.Context(), q)
	if err != nil {
		return nil, err
	}
	l := alertList{Query: q, Levels: holdfast.Levels, Alerts: make([]alertView, len(alerts))}
	for i, a := range alerts {
		l.Alerts[i] = alertView{a}
	}
	if next != "" {
		l.Older = q.address(next)
	}
	if q.Before != "" {
		l.Newest = q.address("")
	}
	return l, nil
}

func (s *site) loadAlert(r *http.Request) (any, error) {
	a, err := s.store.Alert(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return alertView{a}, nil
}

// alertView is an alert as the pages show it.
type alertView struct {
	Alert
}

func (alertView) live() bool { return true }

// IsShadow reports whether the alert is recorded and nothing else.
func (a alertView) IsShadow() bool { return a.Status == holdfast.Test }

// Further is what the alert's events have in common beyond their account,
// which is shown on its own.
func (a alertView) Further() holdfast.Group {
	var g holdfast.Group
	for _, v := range a.Group {
		if v.Field != "account" || v.Value != a.Account {
			g = append(g, v)
		}
	}
	return g
}

// Traces are the alert's evidence in the order of arrival.
func (a alertView) Traces() []trace {
	traces := make([]trace, len(a.Evidence))
	for i, e := range a.Evidence {
		traces[i] = trace{Evidence: e, After: e.Time.Sub(a.First)}
	}
	return traces
}

// trace is one event or alert of the evidence.
type trace struct {
	holdfast.Evidence
	After time.Duration // since the first event
}
