package expression_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// The values that random conditions name and random events hold.
var (
	someTypes     = []string{"code.requested", "login.failed", "alert", "x.own", ""}
	someTexts     = []string{"sms", "VOICE", "ana", "NG", "code.requested", "code-burst", "high", "iOS", "d1", "", "anasms", "O'Neil \"x\""}
	someAddresses = []string{"10.1.2.3", "::ffff:10.9.9.9", "192.0.2.1", "2001:db8::1", "not an address", ""}
	someNumbers   = []string{"0", "3320", "37282", "52.5", "-1", "-0.5", "13"}
	someDurations = []string{"0s", "30m", "5h", "4d"}
)

func oneOf[T any](r *rand.Rand, options ...T) T { return options[r.IntN(len(options))] }

// randomConditions writes conditions that nobody would write. It repeats parts
// of those that it wrote before, as rules do.
type randomConditions struct {
	*rand.Rand
	written []string
}

func (r *randomConditions) condition(depth int) string {
	if len(r.written) > 0 && r.IntN(4) == 0 {
		return oneOf(r.Rand, r.written...)
	}
	source := r.simple()
	if depth > 0 && r.IntN(3) > 0 {
		a, b := r.condition(depth-1), r.condition(depth-1)
		switch r.IntN(6) {
		case 0:
			source = oneOf(r.Rand, "!", "not ") + "(" + a + ")"
		case 1:
			source = "(" + a + ") " + oneOf(r.Rand, "==", "!=") + " (" + b + ")"
		case 2:
			op := oneOf(r.Rand, " && ", " || ", " and ", " or ")
			source = "(" + a + op + b + op + r.condition(depth-1) + ")"
		default:
			source = "(" + a + oneOf(r.Rand, " && ", " || ", " and ", " or ") + b + ")"
		}
	}
	if len(source) < 200 {
		r.written = append(r.written, source)
	}
	return source
}

func (r *randomConditions) simple() string {
	switch r.IntN(11) {
	case 0:
		return oneOf(r.Rand, "device.trusted", "!device.trusted", "device.known", "country.known", "network.known", "true", "false")
	case 1:
		return r.number() + oneOf(r.Rand, " == ", " != ", " < ", " <= ", " > ", " >= ") + r.number()
	case 2:
		return r.duration() + oneOf(r.Rand, " == ", " != ", " < ", " <= ", " > ", " >= ") + r.duration()
	case 3:
		return r.text() + oneOf(r.Rand, " in ", " not in ") + fmt.Sprintf("[%q, %q, %q]", oneOf(r.Rand, someTexts...), oneOf(r.Rand, someTypes...), oneOf(r.Rand, someTexts...))
	case 4:
		return r.text() + oneOf(r.Rand, " startsWith ", " endsWith ", " contains ", " not contains ") + r.text()
	case 5:
		return r.text() + oneOf(r.Rand, ` matches "^a"`, ` matches "[0-9]+"`, ` matches "(?i)s$"`)
	case 6:
		return oneOf(r.Rand, `cidr(client.ip, "10.0.0.0/8")`, `cidr(client.ip, "10.1.0.0/16")`, `cidr(account, "::/0")`)
	case 7:
		return r.text() + oneOf(r.Rand, " in ", " not in ") + `list("vip")`
	case 8:
		return oneOf(r.Rand, "client.asn in [3320, 37282]", "client.asn in [3320.0, -1]", "client.lat in [52.5, -1, 0]", `type in ["a", "b", "c", "d", "e", "f", "alert"]`)
	case 9:
		return "type " + oneOf(r.Rand, "==", "!=") + fmt.Sprintf(" %q", oneOf(r.Rand, someTypes...))
	}
	return r.text() + oneOf(r.Rand, " == ", " == ", " != ", " < ", " >= ") + r.text()
}

func (r *randomConditions) text() string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("%q", oneOf(r.Rand, someTexts...))
	case 1:
		return oneOf(r.Rand, "lower(device.platform)", `(account + channel)`, "lower(type)", `(type + "x")`, "attrs.app_version", "phone_prefix")
	}
	return oneOf(r.Rand, "type", "account", "channel", "purpose", "client.country", "client.ip", "device.id", "rule", "level", "session.id")
}

func (r *randomConditions) number() string {
	if r.IntN(2) == 0 {
		return oneOf(r.Rand, someNumbers...)
	}
	return oneOf(r.Rand, "client.asn", "client.lat", "travel.kmh", "(client.asn + 1)", "(client.lat * 2)", "(client.asn - client.lon)", "-client.asn", "(2 * 3 - 6)")
}

func (r *randomConditions) duration() string {
	if r.IntN(2) == 0 {
		return `duration("` + oneOf(r.Rand, "0s", "30m", "5h", "96h") + `")`
	}
	return oneOf(r.Rand, "device.age", "country.age", "sim.age", "phone.age", "profile.age", `(device.age + duration("30m"))`, "(sim.age - country.age)", "(device.age * 2)")
}

// randomScope holds values that random conditions ask for.
func randomScope(r *rand.Rand) *expression.Scope {
	text := func() string { return oneOf(r, someTexts...) }
	age := func() time.Duration {
		d, _ := expression.ParseDuration(oneOf(r, someDurations...))
		return d
	}
	chance := func() bool { return r.IntN(2) == 0 }
	return &expression.Scope{
		Event: &holdfast.Event{
			ID: text(), Type: oneOf(r, someTypes...), Account: oneOf(r, text(), oneOf(r, someAddresses...)), Channel: text(), Purpose: text(),
			Session: text(), Phone: oneOf(r, "", "+4915110002744", "+1"), Rule: text(), Level: oneOf(r, 0, holdfast.Low, holdfast.High),
			Device: holdfast.Device{ID: text(), Trusted: oneOf(r, holdfast.TrustUnstated, holdfast.Untrusted, holdfast.Trusted), Platform: text()},
			Client: holdfast.Client{
				IP: oneOf(r, someAddresses...), Country: text(), ASN: oneOf[int64](r, 0, 3320, 37282, -1),
				Lat: oneOf(r, 0, 52.5, -0.5), Lon: oneOf(r, 0, 13.4),
			},
			Attrs: []holdfast.Attr{{Name: "app_version", Value: text()}},
		},
		Profile: expression.Profile{
			DeviceKnown: chance(), DeviceAge: age(), CountryKnown: chance(), CountryAge: age(), NetworkKnown: chance(),
			SIMAge: age(), PhoneAge: age(), ProfileAge: age(), TravelKMH: oneOf(r, 0, 13, 900.5),
		},
	}
}
