package expression

import (
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
)

const alertType = holdfast.TypeAlert

// domain is what is known of the values of a part of a condition, whatever the
// event.
type domain struct {
	values  []*node           // the only ones; nil if there is no list of them
	prefix  string            // a text begins with it
	orEmpty bool              // or is empty
	atLeast *node             // the least value of a number
	valid   func(string) bool // nil: every text
	note    string            // says it to a person
}

// domain returns what is known of a part of a condition.
func (s *search) domain(term *node) domain {
	if term == nil || term.op != opField {
		return domain{}
	}
	switch term.literal {
	case "type":
		return s.typeDomain()
	case "rule", "level":
		switch {
		case s.eventType == "":
		case s.eventType != alertType:
			return domain{values: []*node{textNode("")}, note: "`" + term.literal + "` is empty on every event but an alert"}
		case term.literal == "level":
			return domain{values: texts(append([]string{""}, holdfast.Levels...)), note: "a level is one of " + strings.Join(holdfast.Levels, ", ")}
		}
	case "phone_prefix":
		return domain{prefix: "+", orEmpty: true, valid: isPhonePrefix, note: "a prefix begins with + and lacks the last four digits of the number, as +49151100 does"}
	case "travel.kmh":
		return domain{atLeast: floatNode(0), note: "a speed is never negative"}
	case "device.age", "country.age", "sim.age", "phone.age", "profile.age":
		return domain{atLeast: durationNode(0), note: "an age is never negative"}
	}
	return domain{}
}

// typeDomain is what is known of the type where it has not been put in already.
func (s *search) typeDomain() domain {
	if s.eventType == OwnTypes {
		return domain{prefix: holdfast.TypeOwnPrefix, valid: isOwnType}
	}
	return domain{valid: func(v string) bool { return isOwnType(v) || slices.Contains(holdfast.EventTypes, v) }}
}

func isOwnType(v string) bool {
	return strings.HasPrefix(v, holdfast.TypeOwnPrefix) && len(v) > len(holdfast.TypeOwnPrefix)
}

// isPhonePrefix reports whether the text can be [holdfast.Event.PhonePrefix] of
// some number.
func isPhonePrefix(v string) bool {
	digits, ok := strings.CutPrefix(v, "+")
	return v == "" || ok && len(digits) >= 2 && strings.Trim(digits, "0123456789") == ""
}

func texts(values []string) []*node {
	nodes := make([]*node, len(values))
	for i, v := range values {
		nodes[i] = textNode(v)
	}
	return nodes
}
