package expression_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// environment is the scope as expr's own virtual machine sees it.
func environment(s *expression.Scope) map[string]any {
	e := s.Event
	attrs := map[string]string{}
	for _, a := range e.Attrs {
		attrs[a.Name] = a.Value
	}
	return map[string]any{
		"id": e.ID, "type": e.Type, "account": e.Account, "channel": e.Channel, "purpose": e.Purpose,
		"attempt": e.Attempt, "phone": e.Phone, "phone_prefix": e.PhonePrefix(), "attrs": attrs,
		"rule": e.Rule, "level": e.Level.String(),
		"session": map[string]any{"id": e.Session},
		"device": map[string]any{
			"id": e.Device.ID, "trusted": s.Trusted(), "platform": e.Device.Platform, "name": e.Device.Name,
			"known": s.Profile.DeviceKnown, "age": s.Profile.DeviceAge,
		},
		"country":   map[string]any{"known": s.Profile.CountryKnown, "age": s.Profile.CountryAge},
		"network":   map[string]any{"known": s.Profile.NetworkKnown},
		"sim":       map[string]any{"age": s.Profile.SIMAge},
		"phone_age": s.Profile.PhoneAge, // phone is a text there, and has no members
		"profile":   map[string]any{"age": s.Profile.ProfileAge},
		"travel":    map[string]any{"kmh": s.Profile.TravelKMH},
		"client": map[string]any{
			"ip": e.Client.IP, "country": e.Client.Country, "asn": e.Client.ASN,
			"user_agent": e.Client.UserAgent, "lat": e.Client.Lat, "lon": e.Client.Lon,
		},
		"list": func(name string) []string { return lists[name] },
		"cidr": func(address, prefix string) bool {
			a, err := netip.ParseAddr(address)
			p, err2 := netip.ParsePrefix(prefix)
			return err == nil && err2 == nil && p.Contains(a.Unmap())
		},
	}
}

// oracle is a condition as expr's own virtual machine understands it.
func oracle(t *testing.T, source string) func(*expression.Scope) bool {
	t.Helper()
	program, err := expr.Compile(strings.ReplaceAll(source, "phone.age", "phone_age"), expr.Env(environment(&scopes[0])), expr.AsBool())
	if err != nil {
		t.Fatalf("expr refuses %s: %v", source, err)
	}
	return func(s *expression.Scope) bool {
		v, err := expr.Run(program, environment(s))
		if err != nil {
			t.Fatalf("expr can't run %s: %v", source, err)
		}
		return v.(bool)
	}
}

// form is one of the forms in which a condition can be asked.
type form struct {
	name  string
	match func(*expression.Scope) bool
}

// formsOf returns every form of a condition for the events of a type.
func formsOf(sharing *expression.Sharing, p *expression.Program, eventType string) []form {
	own, shared := p.For(eventType), sharing.For(p, eventType)
	return []form{
		{"as it is", p.Match},
		{"for its type", own.Match},
		{"shared", shared.Match},
		{"shared, asked again", shared.Match},
	}
}

var lists = expression.Lists{
	"vip":      {"ana", "bob"},
	"networks": {"10.0.0.0/8", "::ffff:192.0.2.0/120", "2001:db8::/32", "203.0.113.7", "not an address"},
}

var scopes = []expression.Scope{
	{Event: &holdfast.Event{}},
	{Event: &holdfast.Event{
		ID: "e1", Type: "code.requested", Account: "ana", Channel: "sms", Phone: "+4915110002744",
		Device: holdfast.Device{ID: "d1", Trusted: holdfast.Trusted, Platform: "iOS"},
		Client: holdfast.Client{IP: "10.1.2.3", Country: "DE", ASN: 3320, Lat: 52.5, Lon: 13.4},
		Attrs:  []holdfast.Attr{{Name: "app_version", Value: "9.1"}},
	}},
	{Event: &holdfast.Event{
		Type: "alert", Account: "bob", Rule: "code-burst", Level: holdfast.High, Session: "s_1",
		Device: holdfast.Device{ID: "d2", Trusted: holdfast.Untrusted},
		Client: holdfast.Client{IP: "::ffff:10.9.9.9", Country: "NG", ASN: 37282},
	}, Profile: expression.Profile{DeviceKnown: true, DeviceAge: 5 * time.Hour}},
	{Event: &holdfast.Event{
		Type: "login.failed", Account: "O'Neil \"x\"", Channel: "VOICE",
		Client: holdfast.Client{IP: "not an address", ASN: -1, Lat: -0.5},
	}, Profile: expression.Profile{DeviceKnown: true, DeviceAge: 30 * time.Minute}},
}

func TestConditionsMeanWhatExprMeans(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`true`,
		`type == "code.requested"`,
		`"code.requested" == type`,
		`type == "code.requested" && !device.trusted`,
		`type == "code.requested" and not device.trusted or channel == "sms"`,
		`not (channel == "sms") && type == "code.requested"`,
		`type in ["code.requested", "alert"] and channel in ["sms", "voice"]`,
		`type not in ["code.requested"]`,
		`client.asn == 37282 && type == "alert"`,
		`client.asn in [3320, 37282]`,
		`client.asn in [3320.0, 1]`,
		`client.asn > 3320.5`,
		`client.asn + 1 == 3321`,
		`client.asn * 2 - 1 >= 6639`,
		`-client.asn < 0`,
		`client.lat + 0.5 == 0`,
		`client.lat in [52.5, -0.5]`,
		`1 < client.asn < 4000`,
		`lower(device.platform) == "ios" || lower(channel) == "voice"`,
		`account startsWith "a" and account endsWith "a"`,
		`account contains "'"`,
		`account not contains "n"`,
		`account + channel == "anasms"`,
		`account < "b"`,
		`account matches "^a.a$"`,
		`client.ip matches "^[0-9.]+$"`,
		`cidr(client.ip, "10.0.0.0/8")`,
		`cidr(client.ip, "10.1.2.3/32") == false`,
		`attrs.app_version == "9.1"`,
		`attrs["app_version"] != ""`,
		`attrs.missing == ""`,
		`device.age < duration("3h")`,
		`device.age + duration("1h") > duration("90m")`,
		`device.age == duration("30m") * 10`,
		`device.known == device.trusted`,
		`device.known != true`,
		`phone_prefix == "+491511000"`,
		`rule == "code-burst" and level == "high"`,
		`session.id != ""`,
	} {
		want := oracle(t, source)
		program := compile(t, source)
		sharing := expression.Share([]*expression.Program{program, compile(t, source)})
		for i := range scopes {
			s := scopes[i]
			for _, f := range formsOf(sharing, program, s.Event.Type) {
				if got := f.match(&s); got != want(&s) {
					t.Errorf("%s %s on scope %d is %v, and expr says %v", source, f.name, i, got, !got)
				}
			}
		}
	}
}

// TestRandomConditionsMeanWhatExprMeans compares sets of conditions, in every
// form, with expr's own virtual machine.
func TestRandomConditionsMeanWhatExprMeans(t *testing.T) {
	t.Parallel()
	const together, events = 8, 8
	sets := 600
	if testing.Short() {
		sets = 60
	}
	held := 0
	for seed := range sets {
		r := &randomConditions{Rand: rand.New(rand.NewPCG(uint64(seed), 2))}
		var sources []string
		var programs []*expression.Program
		var oracles []func(*expression.Scope) bool
		for range together {
			source := r.condition(3)
			sources, programs, oracles = append(sources, source), append(programs, compile(t, source)), append(oracles, oracle(t, source))
		}
		sharing := expression.Share(programs)
		for range events {
			s := randomScope(r.Rand)
			for i, p := range programs {
				want := oracles[i](s)
				for _, f := range formsOf(sharing, p, s.Event.Type) {
					if got := f.match(s); got != want {
						t.Fatalf("seed %d: %s %s is %v, and expr says %v, of %+v %+v", seed, sources[i], f.name, got, want, *s.Event, s.Profile)
					}
				}
				if want {
					held++
				}
			}
		}
	}
	if all := sets * together * events; held < all/4 || held > all*3/4 {
		t.Errorf("%d of %d random conditions hold: too one-sided to tell much", held, all)
	}
}

func TestALongChainIsNotADeepOne(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{"||", "or", "&&", "and"} {
		source := strings.Repeat(`account == "x" `+operator+" ", 99) + `account == "ana"`
		program, want := compile(t, source), oracle(t, source)
		for i := range scopes {
			if got := program.Match(&scopes[i]); got != want(&scopes[i]) {
				t.Errorf("a chain of 100 with %s on scope %d is %v, and expr says %v", operator, i, got, !got)
			}
		}
	}
}
