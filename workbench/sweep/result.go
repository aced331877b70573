package sweep

import (
	"slices"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
)

// Result is what the combinations came to.
type Result struct {
	Rule  string         `json:"rule"`
	Title string         `json:"title"`
	Level holdfast.Level `json:"level"`
	// Settings are the names of the settings that were changed. Curves are drawn
	// over that of number Axis.
	Settings []string `json:"settings"`
	Axis     int      `json:"axis"`
	// Points are the combinations, in the ascending order of their values.
	Points []Point `json:"points"`

	Events   int64 `json:"events"` // that count: without those that only warm up
	BadLines int64 `json:"bad_lines"`
	Accounts int   `json:"accounts"`
	// Days is the time from the first event to the last.
	Days float64 `json:"days"`
	// Attacks are those that the rule is to find, nil without labels; Sought says
	// which they are.
	Attacks *int   `json:"attacks,omitempty"`
	Sought  string `json:"sought,omitempty"`
}

// Point is one combination of values, and what the rule's alerts come to with it.
type Point struct {
	Values []string `json:"values"` // of the settings
	Now    bool     `json:"now"`    // the values that the rule has
	Alerts int      `json:"alerts"`
	// AlertsPerDay and MessagesPerDay are nil where the events span no time.
	AlertsPerDay *float64 `json:"alerts_per_day,omitempty"`
	Accounts     int      `json:"accounts"` // with an alert
	// Messages are the alerts that would write to the account's owner.
	Messages       int      `json:"messages"`
	MessagesPerDay *float64 `json:"messages_per_day,omitempty"`
	Quality        *Quality `json:"quality,omitempty"` // nil without labels

	at []float64 // Values as numbers
}

// Quality is what the labels say of a combination. [labels.Judge] says what the
// words mean; here alerts of any level and status can find an attack.
type Quality struct {
	True      int      `json:"true"`                // alerts that belong to an attack of any kind
	Precision *float64 `json:"precision,omitempty"` // share of the alerts; nil where there are none
	Found     int      `json:"found"`               // of the attacks that the rule is to find
	InTime    int      `json:"in_time"`             // before or at the attacker's session
	Recall    *float64 `json:"recall,omitempty"`    // share that is found; nil where there are none
	// Median is the median time to detection in seconds; nil where none is found.
	Median *float64 `json:"median_seconds,omitempty"`
}

func (s *Sweep) result(counts []*count, over workbench.Summary) *Result {
	traffic := labels.Traffic{Accounts: over.Accounts, From: over.First, To: over.Last}
	r := &Result{
		Rule: s.rule.ID, Title: s.rule.Title, Level: s.rule.Level, Axis: s.axis(),
		Events: over.Counted, BadLines: over.BadLines, Accounts: over.Accounts, Days: traffic.Days(),
	}
	for _, setting := range s.options.Settings {
		r.Settings = append(r.Settings, setting.Name)
	}
	for i, t := range s.tries {
		c := counts[i]
		p := Point{
			Now: t.now, Alerts: c.alerts, AlertsPerDay: share(c.alerts, traffic.Days()), Accounts: len(c.accounts),
			Messages: c.messages, MessagesPerDay: share(c.messages, traffic.Days()), at: t.values,
		}
		for i, v := range t.values {
			p.Values = append(p.Values, written(r.Settings[i], v))
		}
		if c.judge != nil {
			var attacks int
			p.Quality, attacks = s.quality(c, traffic)
			r.Attacks = &attacks
			r.Sought = s.sought()
		}
		r.Points = append(r.Points, p)
	}
	return r
}

// quality holds a combination's alerts against the labels, and counts the attacks
// that it is to find.
func (s *Sweep) quality(c *count, traffic labels.Traffic) (*Quality, int) {
	q := &Quality{}
	if all := c.judge.Report(traffic).Rules; len(all) == 1 {
		q.True = all[0].True
	}
	outcome := c.judge.Outcome(traffic, s.seeks)
	q.Precision, q.Recall = share(q.True, float64(c.alerts)), share(outcome.Found, float64(outcome.Attacks))
	q.Found, q.InTime, q.Median = outcome.Found, outcome.InTime, outcome.Median
	return q, outcome.Attacks
}

// seeks reports whether the rule is to find an attack.
func (s *Sweep) seeks(l *labels.Label) bool {
	if len(s.options.Scenarios) > 0 {
		return slices.Contains(s.options.Scenarios, l.Scenario)
	}
	return l.Campaign != s.rule.ByAccount()
}

// sought names the attacks that the rule is to find.
func (s *Sweep) sought() string {
	switch {
	case len(s.options.Scenarios) > 0:
		return "attacks of the chosen scenarios"
	case s.rule.ByAccount():
		return "attacks on an account"
	}
	return "campaigns"
}

// share is n of so many; nil where there are none.
func share(n int, of float64) *float64 {
	if of <= 0 {
		return nil
	}
	v := float64(n) / of
	return &v
}
