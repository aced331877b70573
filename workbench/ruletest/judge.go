package ruletest

import (
	"slices"

	"github.com/holdfastd/holdfast"
)

// judge holds the alerts against what the test expects. Each expectation wants an
// alert of its own; as they may leave things open, they are given alerts so that
// as many as possible are met.
func judge(t *Test, alerts []holdfast.Alert) (fired []Fired, missing []Expectation) {
	m := matching{expect: t.Expect, alerts: alerts, of: make([]int, len(alerts))}
	for i := range m.of {
		m.of[i] = unmatched
	}
	met := make([]bool, len(t.Expect))
	for i := range t.Expect {
		m.asked = make([]bool, len(alerts))
		m.place(i)
	}
	for _, i := range m.of {
		if i != unmatched {
			met[i] = true
		}
	}
	for i, x := range t.Expect {
		if !met[i] {
			missing = append(missing, x)
		}
	}
	for i, a := range alerts {
		f := Fired{Alert: a, Standing: NotJudged, Line: t.Events[a.Trigger.Offset].Line}
		switch {
		case m.of[i] != unmatched:
			f.Standing = Expected
		case t.judges(a.Rule):
			f.Standing = Unexpected
		}
		fired = append(fired, f)
	}
	return fired, missing
}

// judges reports whether an alert of the rule is wrong unless it is expected.
func (t *Test) judges(rule string) bool {
	return t.Only || slices.ContainsFunc(t.Expect, func(x Expectation) bool { return x.Rule == rule }) ||
		slices.ContainsFunc(t.Not, func(m Mention) bool { return m.Rule == rule })
}

// matching gives alerts to expectations, by augmenting paths (Kuhn's algorithm).
type matching struct {
	expect []Expectation
	alerts []holdfast.Alert
	of     []int  // by alert: the expectation that has it
	asked  []bool // by alert: whether it has been asked for in this round
}

const unmatched = -1

// place finds an alert for expectation i, for which others may have to move on to
// further ones, and reports whether there is one.
func (m *matching) place(i int) bool {
	for j := range m.alerts {
		if m.asked[j] || !m.expect[i].met(&m.alerts[j]) {
			continue
		}
		m.asked[j] = true
		if m.of[j] == unmatched || m.place(m.of[j]) {
			m.of[j] = i
			return true
		}
	}
	return false
}
