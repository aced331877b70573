package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// Bounds of a list.
const (
	defaultLimit = 50
	maxLimit     = 200
)

// parseQuery reads the choice of alerts from an address: account, rule, level
// (at least), before (an alert id) and limit.
func parseQuery(values url.Values) (Query, error) {
	q := Query{Account: values.Get("account"), Rule: values.Get("rule"), Before: values.Get("before")}
	var err error
	if err = q.Level.UnmarshalText([]byte(values.Get("level"))); err != nil {
		return Query{}, badRequest{err}
	}
	if q.Limit, err = parseLimit(values); err != nil {
		return Query{}, err
	}
	return q, nil
}

// address is where the choice is shown, from its start or from after an alert.
func (q Query) address(before string) string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("account", q.Account)
	set("rule", q.Rule)
	set("level", q.Level.String())
	set("before", before)
	if q.Limit != defaultLimit {
		set("limit", strconv.Itoa(q.Limit))
	}
	if len(v) == 0 {
		return "/alerts"
	}
	return "/alerts?" + v.Encode()
}

// parseInbox reads whose messages are wanted, and how many.
func parseInbox(values url.Values) (account string, limit int, err error) {
	account = values.Get("account")
	if account == "" {
		return "", 0, badRequest{errors.New("say whose messages: ?account=…")}
	}
	limit, err = parseLimit(values)
	return account, limit, err
}

func parseLimit(values url.Values) (int, error) {
	text := values.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, badRequest{fmt.Errorf("limit is a number from 1 to %d", maxLimit)}
	}
	return n, nil
}

// alerts returns the chosen alerts, and after which one the list goes on: ""
// at its end.
func (s *site) alerts(ctx context.Context, q Query) (alerts []Alert, next string, err error) {
	limit := q.Limit
	q.Limit++ // one more tells whether there are more
	alerts, err = s.store.Alerts(ctx, q)
	if err != nil || len(alerts) <= limit {
		return alerts, "", err
	}
	return alerts[:limit], alerts[limit-1].ID, nil
}
