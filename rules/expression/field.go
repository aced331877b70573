package expression

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast/internal/diag"
)

// Type is the type of a field or of a part of a condition.
type Type uint8

// The types.
const (
	Invalid Type = iota
	Text
	Int
	Float
	Bool
	Duration
)

// String names the type in a rule author's words.
func (t Type) String() string {
	return [...]string{"invalid", "a text", "a number", "a number", "true or false", "a duration"}[t]
}

// Field is a named value of the scope. Attributes are fields named attrs.NAME.
type Field struct {
	Name string
	Type Type

	text     func(*Scope) string
	integer  func(*Scope) int64
	float    func(*Scope) float64
	boolean  func(*Scope) bool
	duration func(*Scope) time.Duration

	effort int // beyond that of reading a member, as a node's

	// Of the fields that rules compare most, what saves a call; else nil.
	equals  func(string) func(*Scope) bool // of a text: whether it is a constant
	negated func(*Scope) bool              // of a boolean: whether it is false
}

// Value returns the field as the text by which events are grouped and compared;
// "" for what is empty: "", 0, false and absent.
func (f *Field) Value(s *Scope) string {
	switch f.Type {
	case Text:
		return f.text(s)
	case Int:
		if n := f.integer(s); n != 0 {
			return strconv.FormatInt(n, 10)
		}
	case Float:
		if x := f.float(s); x != 0 {
			return strconv.FormatFloat(x, 'g', -1, 64)
		}
	case Bool:
		if f.boolean(s) {
			return "true"
		}
	case Duration:
		if d := f.duration(s); d != 0 {
			return d.String()
		}
	}
	return ""
}

const attrPrefix = "attrs."

// FieldNamed finds a field by its name in rules, such as "device.id" or
// "attrs.app_version". The problem says what is wrong with an unknown name.
func FieldNamed(name string) (Field, *Problem) {
	if attr, ok := strings.CutPrefix(name, attrPrefix); ok && attr != "" {
		return Field{Name: name, Type: Text, effort: 1, text: func(s *Scope) string { return s.Event.Attr(attr) }}, nil
	}
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name }); i >= 0 {
		return fields[i], nil
	}
	return Field{}, &Problem{Message: "unknown field `" + name + "`", Hint: suggestField(name)}
}

func suggestField(name string) string {
	for _, f := range fields {
		// "session" is likely "session.id", and "ip" "client.ip".
		if strings.HasPrefix(f.Name, name+".") || strings.HasSuffix(f.Name, "."+name) {
			return "did you mean `" + f.Name + "`?"
		}
	}
	return diag.Suggest(name, fieldNames())
}

// fieldNames lists the fields, attributes left out.
func fieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

var fields = []Field{
	{Name: "id", Type: Text, text: func(s *Scope) string { return s.Event.ID }},
	{Name: "type", Type: Text, text: func(s *Scope) string { return s.Event.Type }},
	{Name: "account", Type: Text, text: func(s *Scope) string { return s.Event.Account }},
	{Name: "channel", Type: Text, text: func(s *Scope) string { return s.Event.Channel }, equals: channelIs},
	{Name: "purpose", Type: Text, text: func(s *Scope) string { return s.Event.Purpose }},
	{Name: "attempt", Type: Text, text: func(s *Scope) string { return s.Event.Attempt }},
	{Name: "session.id", Type: Text, text: func(s *Scope) string { return s.Event.Session }},
	{Name: "device.id", Type: Text, text: func(s *Scope) string { return s.Event.Device.ID }},
	{Name: "device.trusted", Type: Bool, boolean: (*Scope).Trusted, negated: func(s *Scope) bool { return !s.Trusted() }},
	{Name: "device.platform", Type: Text, text: func(s *Scope) string { return s.Event.Device.Platform }},
	{Name: "device.name", Type: Text, text: func(s *Scope) string { return s.Event.Device.Name }},
	{Name: "client.ip", Type: Text, text: func(s *Scope) string { return s.Event.Client.IP }},
	{Name: "client.country", Type: Text, text: func(s *Scope) string { return s.Event.Client.Country }},
	{Name: "client.asn", Type: Int, integer: func(s *Scope) int64 { return s.Event.Client.ASN }},
	{Name: "client.user_agent", Type: Text, text: func(s *Scope) string { return s.Event.Client.UserAgent }},
	{Name: "client.lat", Type: Float, float: func(s *Scope) float64 { return s.Event.Client.Lat }},
	{Name: "client.lon", Type: Float, float: func(s *Scope) float64 { return s.Event.Client.Lon }},
	{Name: "phone", Type: Text, text: func(s *Scope) string { return s.Event.Phone }},
	{Name: "phone_prefix", Type: Text, effort: 2, text: func(s *Scope) string { return s.Event.PhonePrefix() }},
	{Name: "rule", Type: Text, text: func(s *Scope) string { return s.Event.Rule }},
	{Name: "level", Type: Text, text: func(s *Scope) string { return s.Event.Level.String() }},

	{Name: "device.known", Type: Bool, boolean: func(s *Scope) bool { return s.profile().DeviceKnown }},
	{Name: "device.age", Type: Duration, duration: func(s *Scope) time.Duration { return s.profile().DeviceAge }},
	{Name: "country.known", Type: Bool, boolean: func(s *Scope) bool { return s.profile().CountryKnown }},
	{Name: "country.age", Type: Duration, duration: func(s *Scope) time.Duration { return s.profile().CountryAge }},
	{Name: "network.known", Type: Bool, boolean: func(s *Scope) bool { return s.profile().NetworkKnown }},
	{Name: "sim.age", Type: Duration, duration: func(s *Scope) time.Duration { return s.profile().SIMAge }},
	{Name: "phone.age", Type: Duration, duration: func(s *Scope) time.Duration { return s.profile().PhoneAge }},
	{Name: "profile.age", Type: Duration, duration: func(s *Scope) time.Duration { return s.profile().ProfileAge }},
	{Name: "travel.kmh", Type: Float, float: func(s *Scope) float64 { return s.profile().TravelKMH }},
}

// channelIs is what conditions compare most, once their type is decided.
func channelIs(v string) func(*Scope) bool {
	return func(s *Scope) bool { return s.Event.Channel == v }
}
