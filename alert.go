package holdfast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Alert says that a rule's condition was met for a group of events. Its ID is a
// function of the input alone: the same log gives the same alerts with the same
// ids, however often it is replayed.
type Alert struct {
	ID      string `json:"id"` // rule id, "-", hash
	Rule    string `json:"rule"`
	Title   string `json:"title"`
	Version string `json:"version"` // hash of what the rule detects
	Level   Level  `json:"level"`
	Status  Status `json:"status"`

	Time    Instant `json:"time"`
	Group   Group   `json:"group"`
	Account string  `json:"account"` // of the event that completed the alert
	Country string  `json:"country,omitempty"`
	Channel string  `json:"channel,omitempty"`

	Trigger  Position   `json:"trigger"`  // of the event that completed the alert
	Evidence []Evidence `json:"evidence"` // in the order of arrival
	Count    int        `json:"count"`    // how many events or alerts the alert rests on

	// First and Last are the event times of the oldest and newest evidence. An
	// alert in the evidence counts from its own First: an attack begins where
	// its first trace is.
	First Instant `json:"first"`
	Last  Instant `json:"last"`

	Sessions Sessions   `json:"sessions"`
	Respond  []Response `json:"respond,omitempty"`
}

// Sessions are the account's active sessions at the alert, split by what may be
// done to them. A session that is neither is in no list.
type Sessions struct {
	Suspect   []Session `json:"suspect,omitempty"`   // may be ended
	Protected []Session `json:"protected,omitempty"` // must never be ended automatically
}

// Session is one active session of an account.
type Session struct {
	ID      string  `json:"id"`
	Device  string  `json:"device,omitempty"` // device id
	Started Instant `json:"started"`
}

// Evidence is one event or alert that an alert rests on.
type Evidence struct {
	Position        // of the event; of an alert, that of the event that completed it
	Alert    string `json:"alert,omitempty"` // the alert's id, where the evidence is one
}

// Occurrences is how often an alert's condition went on being fed while it was
// suppressed: the whole count up to Last, never an increment, so that a replay
// can't count anything twice.
type Occurrences struct {
	Alert string   `json:"alert"` // alert id
	Count int64    `json:"count"`
	Last  Position `json:"last"`
}

// Group is what an alert's events have in common, in the order of the rule's
// group_by. It is empty for a rule over all events.
type Group []GroupValue

// GroupValue is a field and its text.
type GroupValue struct{ Field, Value string }

// MarshalJSON writes the group as an object, in the group's order.
func (g Group) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range g {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Field)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object, keeping its order.
func (g *Group) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("a group is an object, not %s", data)
	}
	*g = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var v GroupValue
		v.Field, _ = name.(string)
		if err := d.Decode(&v.Value); err != nil {
			return err
		}
		*g = append(*g, v)
	}
	return nil
}

// Level is how grave an alert is, in Sigma's words.
type Level uint8

// The levels, least grave first. The zero Level is none.
const (
	Informational Level = iota + 1
	Low
	Medium
	High
	Critical
)

// Levels names the levels in ascending order.
var Levels = []string{"informational", "low", "medium", "high", "critical"}

// String returns the level's name, "" for none.
func (l Level) String() string {
	if l == 0 || int(l) > len(Levels) {
		return ""
	}
	return Levels[l-1]
}

// ParseLevel reads a level's name.
func ParseLevel(s string) (Level, error) {
	for i, name := range Levels {
		if s == name {
			return Level(i + 1), nil
		}
	}
	return 0, fmt.Errorf("%q is no level: it is one of %s", s, strings.Join(Levels, ", "))
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the level's name; the empty text is no level.
func (l *Level) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*l = 0
		return nil
	}
	v, err := ParseLevel(string(b))
	*l = v
	return err
}

// Status is how far a rule is trusted.
type Status string

// The statuses of a rule.
const (
	Stable     Status = "stable"     // live: alerts lead to actions
	Test       Status = "test"       // shadow: alerts are recorded, nothing follows
	Deprecated Status = "deprecated" // off: the rule is checked but not evaluated
)

// Statuses lists the statuses of a rule.
var Statuses = []string{string(Stable), string(Test), string(Deprecated)}
