package ruletest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/diag"
)

// The keys of an event: those of the test's own, and those of events as they
// arrive.
var (
	ownKeys    = []string{"at", "arrives", "repeat", "every"}
	eventKeys  = []string{"id", "type", "account", "channel", "purpose", "attempt", "session", "device", "client", "phone", "attrs"}
	objectKeys = map[string][]string{
		"session": {"id"},
		"device":  {"id", "trusted", "platform", "name"},
		"client":  {"ip", "country", "asn", "user_agent", "lat", "lon"},
		"attrs":   nil, // any
	}
)

// ordinal stands, in the texts of a repeated event, for its number from 1.
const ordinal = "{n}"

// arrival is an event and when it comes in, which decides on its place.
type arrival struct {
	Event
	at holdfast.Instant
}

// eventsOf reads the events of a test, and puts them into the order in which they
// arrive. Those that arrive at the same time keep the order of the file.
func (d *decoder) eventsOf(m *mapping, start holdfast.Instant) []Event {
	var arrivals []arrival
	items := m.items("events")
	if n := m.keys["events"]; n != nil && n.Kind == yaml.SequenceNode && len(items) == 0 {
		d.fail(n, "`events` is an empty list")
	}
	for _, n := range items {
		if d.events > maxEvents {
			break // which has been said
		}
		arrivals = d.event(arrivals, n, start)
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	events := make([]Event, len(arrivals))
	for i := range arrivals {
		events[i] = arrivals[i].Event
	}
	return events
}

// event adds the event that n describes, as often as it is repeated.
func (d *decoder) event(arrivals []arrival, n *yaml.Node, start holdfast.Instant) []arrival {
	m := d.mapping(n, "an event", slices.Concat(ownKeys, eventKeys))
	if m == nil {
		return arrivals
	}
	s, ok := d.schedule(m, start)
	leaves := d.leaves(m)
	valid, known := d.checked[m.node] // it may be one that an alias repeats
	if !known {
		valid = d.valid(m, leaves)
		d.checked[m.node] = valid
	}
	if !valid || !ok {
		return arrivals
	}
	if d.events += s.repeat; d.events > maxEvents {
		d.fail(m.node, "the file makes more than %d events", maxEvents)
		return arrivals
	}
	numbered := s.repeat > 1 && slices.ContainsFunc(leaves, func(l leaf) bool { return strings.Contains(l.node.Value, ordinal) })
	var event holdfast.Event
	for i := range s.repeat {
		if i == 0 || numbered {
			if err := d.decode(leaves, i+1, &event); err != nil {
				d.fail(m.node, "the event can't be read: %s", err)
				return arrivals
			}
		}
		later := time.Duration(i) * s.every
		event.Time = s.at.Add(later)
		arrivals = append(arrivals, arrival{Event: Event{Event: event, Line: m.node.Line}, at: s.arrives.Add(later)})
	}
	return arrivals
}

// schedule is when an event happens, when it arrives, and how often.
type schedule struct {
	at, arrives holdfast.Instant
	repeat      int
	every       time.Duration
}

// longest is how long a repeated event can go on: no test has a reason for more.
const longest = 10 * 366 * 24 * time.Hour

func (d *decoder) schedule(m *mapping, start holdfast.Instant) (s schedule, ok bool) {
	if !m.has("at") {
		d.failHint(m.node, "write at: 0s", "the event does not say when")
		return s, false
	}
	if s.at, ok = m.moment("at", start); !ok {
		return s, false
	}
	s.arrives = s.at
	if m.has("arrives") {
		if s.arrives, ok = m.moment("arrives", start); !ok {
			return s, false
		}
		if s.arrives < s.at {
			d.fail(m.keys["arrives"], "the event `arrives` before it happens")
		}
	}
	s.repeat, s.every = m.count("repeat", maxEvents), m.span("every")
	switch {
	case !m.has("repeat") && m.has("every"):
		d.failHint(m.keys["every"], "write repeat: 3 beside it", "`every` does not say how many events there are")
	case m.has("repeat") && !m.has("every"):
		d.failHint(m.keys["repeat"], "write every: 30s beside it", "`repeat` does not say how far apart the events are")
	case s.repeat > 1 && s.every > longest/time.Duration(s.repeat-1):
		d.fail(m.keys["every"], "the repeated event goes on for more than ten years")
		s.every = 0
	}
	s.repeat = max(s.repeat, 1)
	return s, true
}

// leaf is a value of an event.
type leaf struct {
	object, key string // object is "" at the top
	node        *yaml.Node
}

// path is how intake names a field. Of attributes it knows none by name.
func (l *leaf) path() string {
	switch l.object {
	case "":
		return l.key
	case "attrs":
		return "attrs"
	}
	return l.object + "." + l.key
}

// leaves returns the values of an event that are given, objects' values in a row.
func (d *decoder) leaves(m *mapping) []leaf {
	var all []leaf
	for _, key := range m.names {
		if !slices.Contains(eventKeys, key) {
			continue
		}
		n := m.keys[key]
		known, isObject := objectKeys[key]
		if !isObject {
			all = append(all, leaf{key: key, node: n})
			continue
		}
		if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
			continue
		}
		if n.Kind == yaml.ScalarNode && known != nil {
			d.failHint(n, "write "+key+": {id: …}", "`%s` must be a mapping of keys to values, not %s", key, kindOf(n))
			continue
		}
		if object := d.mapping(n, "`"+key+"`", known); object != nil {
			for _, name := range object.names {
				all = append(all, leaf{object: key, key: name, node: object.keys[name]})
			}
		}
	}
	return all
}

// valid checks the values of an event, each by itself, as intake reads them.
func (d *decoder) valid(m *mapping, leaves []leaf) bool {
	ok := true
	for _, key := range []string{"type", "account"} {
		if n := m.keys[key]; n == nil || n.Tag == "!!null" || n.Kind == yaml.ScalarNode && n.Value == "" {
			d.fail(cmp.Or(n, m.node), "the event has no `%s`", key)
			ok = false
		}
	}
	for _, l := range leaves {
		ok = d.validLeaf(l) && ok
	}
	return ok
}

func (d *decoder) validLeaf(l leaf) bool {
	n := l.node
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(n, "`%s` must be a single value, not %s", shown(strings.TrimPrefix(l.object+"."+l.key, ".")), kindOf(n))
		return false
	case n.Tag == "!!null":
		return true
	case l.path() == "channel" && !slices.Contains(holdfast.Channels, n.Value):
		d.doubt(n, "channel", holdfast.Channels)
	case l.path() == "purpose" && !slices.Contains(holdfast.Purposes, n.Value):
		d.doubt(n, "purpose", holdfast.Purposes)
	}
	against := []leaf{l}
	for key, value := range map[string]string{"type": holdfast.TypeCodeRequested, "account": "a"} {
		if l.path() != key {
			against = append(against, leaf{key: key, node: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}})
		}
	}
	err := d.decode(against, 1, new(holdfast.Event))
	if err == nil || l.path() == "type" && n.Value == "" || l.path() == "account" && n.Value == "" { // which is missing
		return err == nil
	}
	d.failHint(n, hint(l, err), "%s", problem(err))
	return false
}

// doubt warns of a word that may be mistaken. Events with words of the service's
// own are valid, so that it is no error.
func (d *decoder) doubt(n *yaml.Node, key string, known []string) {
	if meant := diag.Suggest(n.Value, known); meant != "" {
		d.add(n, diag.Warning, meant, "%s `%s` is not one of Holdfast's", key, shown(n.Value))
	}
}

// problem is what intake says is wrong, in a sentence.
func problem(err error) string {
	var bad *intake.Error
	if !errors.As(err, &bad) {
		return err.Error()
	}
	said := *bad
	said.Offset = 0 // in JSON that nobody has seen
	return strings.TrimPrefix(said.Error(), string(bad.Reason)+": ")
}

func hint(l leaf, err error) string {
	var bad *intake.Error
	switch {
	case !errors.As(err, &bad):
	case bad.Reason == intake.UnknownType:
		return diag.Suggest(l.node.Value, holdfast.EventTypes)
	case bad.Reason == intake.WrongType && l.node.Tag != "!!str" && strings.HasSuffix(problem(err), "a string"):
		return "quote it: '" + shown(l.node.Value) + "'"
	case bad.Reason == intake.WrongType && l.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && isBare(l.node.Value):
		return "write it without quotes"
	}
	return ""
}

// isBare reports whether a text would be a number or a boolean without its quotes.
func isBare(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || s == "true" || s == "false"
}

// decode reads an event as if it had arrived with these values: intake decides on
// what is one. n is its number among those of its line. The time is any.
//
// What owners answer reaches rules as an event that only Holdfast makes. A test may
// tell of one all the same.
func (d *decoder) decode(leaves []leaf, n int, e *holdfast.Event) error {
	json := []byte(`{"time":"2026-01-01T00:00:00Z"`)
	object, made := "", ""
	for _, l := range leaves {
		if l.object != object {
			if object != "" {
				json = append(json, '}')
			}
			json = append(json, ',')
			if l.object != "" {
				json = append(append(json, `"`+l.object+`":{`...), appendKey(nil, l.key)...)
			} else {
				json = appendKey(json, l.key)
			}
			object = l.object
		} else {
			json = appendKey(append(json, ','), l.key)
		}
		value := l.node.Value
		if l.path() == "type" && (value == holdfast.TypeOwnerDenied || value == holdfast.TypeOwnerConfirmed) {
			made = value
			json = append(json, `"x.owner"`...)
			continue
		}
		var err error
		if json, err = appendScalar(json, l.node, n); err != nil {
			return err
		}
	}
	if object != "" {
		json = append(json, '}')
	}
	if err := d.intake.Decode(append(json, '}'), time.Time{}, e); err != nil {
		return err
	}
	if made != "" {
		e.Type = made
	}
	return nil
}

func appendKey(json []byte, key string) []byte {
	json, _ = jsontext.AppendQuote(json, key) // what is no UTF-8 YAML does not take
	return append(json, ':')
}

// appendScalar writes a YAML scalar as JSON.
func appendScalar(json []byte, n *yaml.Node, number int) ([]byte, error) {
	switch n.Tag {
	case "!!null":
		return append(json, "null"...), nil
	case "!!bool":
		return append(json, strings.ToLower(n.Value)...), nil
	case "!!int", "!!float":
		if !jsontext.Value(n.Value).IsValid() || bytes.ContainsAny([]byte(n.Value), " \n") {
			return nil, errors.New("the number is not written as in JSON")
		}
		return append(json, n.Value...), nil
	case "!!str", "!!timestamp":
		return jsontext.AppendQuote(json, strings.ReplaceAll(n.Value, ordinal, strconv.Itoa(number)))
	}
	return nil, errors.New("a YAML tag means nothing here")
}
