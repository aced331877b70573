package ruletest

import (
	"errors"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// moment reads a time: a duration from the start of the test, or an RFC 3339 time.
// A duration may be negative: what an account did long before the story is written
// as -30d.
func (m *mapping) moment(key string, start holdfast.Instant) (holdfast.Instant, bool) {
	n := m.keys[key]
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		m.d.failHint(n, "write "+key+": 4m", "`%s` must be a time, not %s", key, kindOf(n))
		return 0, false
	}
	if at, err := holdfast.ParseInstant(n.Value); err == nil {
		return at, true
	}
	text, before := strings.CutPrefix(n.Value, "-")
	since, err := expression.ParseDuration(text)
	switch {
	case n.Tag == "!!int" && n.Value != "0":
		m.d.failHint(n, "write a unit: "+n.Value+"s, "+n.Value+"m or "+n.Value+"h", "`%s` has no unit", key)
		return 0, false
	case errors.Is(err, expression.ErrTooLong):
		m.d.failHint(n, "the longest is "+expression.LongestDuration, "`%s` is too long a duration", key)
		return 0, false
	case err != nil || since < 0:
		m.d.failHint(n, "write 4m, 1h30m or 2d from the start of the test, or 2026-11-24T08:30:00Z", "`%s` is no time: %s", key, kindOf(n))
		return 0, false
	}
	m.d.relative = true
	if before {
		since = -since
	}
	return start.Add(since), true
}

// span reads a duration; 0 where it is not given.
func (m *mapping) span(key string) time.Duration {
	n := m.keys[key]
	if n == nil {
		return 0
	}
	v, err := expression.ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		m.d.fail(n, "`%s` must be a duration such as 30s, not %s", key, kindOf(n))
	case n.Tag == "!!int" && n.Value != "0":
		m.d.failHint(n, "write a unit: "+n.Value+"s, "+n.Value+"m or "+n.Value+"h", "`%s` has no unit", key)
	case errors.Is(err, expression.ErrTooLong):
		m.d.failHint(n, "the longest is "+expression.LongestDuration, "`%s` is too long a duration", key)
	case err != nil:
		m.d.failHint(n, "a duration is written 30s, 10m, 1h30m or 2d", "`%s` is not a duration", key)
	case v < 0:
		m.d.fail(n, "`%s` must not be negative", key)
		v = 0
	}
	return v
}
