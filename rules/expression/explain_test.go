package expression_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

func explain(t *testing.T, source string, s *expression.Scope) []expression.Part {
	t.Helper()
	p, problems := expression.Compile(source, expression.Lists{})
	if problems != nil {
		t.Fatalf("%s: %v", source, problems)
	}
	return p.Explain(s)
}

// TestExplainTakesApart shows where conditions are cut: + before what holds, - before
// what does not.
func TestExplainTakesApart(t *testing.T) {
	s := &expression.Scope{Event: &holdfast.Event{Type: "x.a", Channel: "sms", Attrs: []holdfast.Attr{{Name: "and", Value: "1"}}}}
	for _, tt := range []struct {
		source string
		want   []string
	}{
		{`type == "x.a"`, []string{`+type == "x.a"`}},
		{`type == "x.a" && !device.trusted`, []string{`+type == "x.a"`, `+!device.trusted`}},
		{`  type == "x.b"and  channel == 'sms' `, []string{`-type == "x.b"`, `+channel == 'sms'`}},
		{`type == "x.a" && (channel == "sms" && device.trusted)`, []string{`+type == "x.a"`, `+channel == "sms"`, `-device.trusted`}},
		{`((type == "x.a" && channel == "sms"))`, []string{`+type == "x.a"`, `+channel == "sms"`}},
		{`type == "x.a" && (channel == "voice" || device.trusted)`, []string{`+type == "x.a"`, `-(channel == "voice" || device.trusted)`}},
		{`(type == "x.a" && channel == "sms") || device.trusted`, []string{`+(type == "x.a" && channel == "sms") || device.trusted`}},
		{`!(type == "x.a" && device.trusted) && true`, []string{`+!(type == "x.a" && device.trusted)`, `+true`}},
		{`!!(type == "x.a" && device.trusted)`, []string{`-!!(type == "x.a" && device.trusted)`}},
		{`channel in ["sms", "a && b"] && type != "x && y"`, []string{`+channel in ["sms", "a && b"]`, `+type != "x && y"`}},
		{`attrs.and == "1" && attrs.or == ""`, []string{`+attrs.and == "1"`, `+attrs.or == ""`}},
		{`account == "ä" /* && */ && channel == "ß"`, []string{`-account == "ä"`, `-channel == "ß"`}},
		{`not device.trusted and lower(channel) not in ["app"]`, []string{`+not device.trusted`, `+lower(channel) not in ["app"]`}},
	} {
		var got []string
		for _, part := range explain(t, tt.source, s) {
			got = append(got, map[bool]string{true: "+", false: "-"}[part.Holds]+part.Source)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.source, diff)
		}
	}
}

func TestExplainShowsValues(t *testing.T) {
	s := &expression.Scope{
		Event: &holdfast.Event{
			Type: "x.a", Account: "an\x1b[31ma", Phone: "+4915550100", Device: holdfast.Device{Trusted: holdfast.Trusted},
			Attrs:  []holdfast.Attr{{Name: "code", Value: "482913"}, {Name: "app", Value: "9.1"}},
			Client: holdfast.Client{ASN: 3320, Lat: 52.520008, UserAgent: strings.Repeat("ü", 100)},
		},
		Profile: expression.Profile{DeviceAge: 3*time.Hour + 123*time.Microsecond, SIMAge: math.MaxInt64},
	}
	for source, want := range map[string]string{
		`!device.trusted`:             `device.trusted = true`,
		`channel == "sms"`:            `channel = ""`,
		`account == "b"`:              `account = "an\x1b[31ma"`,
		`"b" == account + channel`:    `account = "an\x1b[31ma", channel = ""`,
		`client.asn > 1`:              `client.asn = 3320`,
		`client.lat > 1`:              `client.lat = 52.52`,
		`client.user_agent == ""`:     `client.user_agent = "` + strings.Repeat("ü", 64) + `"…`,
		`phone == "+4915550199"`:      `phone = "+491555"…`,
		`attrs.code == "000000"`:      `attrs.code = …`,
		`attrs.code == phone`:         `attrs.code = …, phone = "+491555"…`,
		`attrs.app in ["9.0", "9.1"]`: `attrs.app = "9.1"`,
		`attrs.app startsWith "9."`:   `attrs.app = …`,
		`attrs.other == "x"`:          `attrs.other = ""`,
		`sim.age < duration("1h")`:    `sim.age = never`,
		`device.age < duration("1h")`: `device.age = 3h0m0s`,
		`true`:                        ``,
		`type == "a" || type == "b"`:  `type = "x.a"`,
		`id == "" || type == "" || attempt == "" || purpose == "" || channel == ""`: `id = "", type = "x.a", attempt = "", purpose = ""`,
	} {
		var got []string
		for _, part := range explain(t, source, s) {
			for _, v := range part.Values {
				got = append(got, v.Field+" = "+v.Value)
			}
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s shows %s, want %s", source, got, want)
		}
	}
}

// TestExplainAgreesWithMatch explains conditions that nobody would write: all parts
// hold when the condition does, and their sources stand in it, in their order.
func TestExplainAgreesWithMatch(t *testing.T) {
	r := &randomConditions{Rand: rand.New(rand.NewPCG(4, 1))}
	apart := 0
	for range 5000 {
		source := r.condition(4)
		p, problems := expression.Compile(source, lists)
		if problems != nil {
			continue
		}
		for range 5 {
			s := randomScope(r.Rand)
			parts, holds := p.Explain(s), true
			rest := source
			for _, part := range parts {
				holds = holds && part.Holds
				_, after, found := strings.Cut(rest, part.Source)
				if !found {
					t.Fatalf("%q is no part of %q", part.Source, rest)
				}
				rest = after
				alone, problems := expression.Compile(part.Source, lists)
				if problems != nil {
					t.Fatalf("the part %q of %q is no condition: %v", part.Source, source, problems)
				}
				if alone.Match(s) != part.Holds {
					t.Fatalf("the part %q of %q holds: %v, and alone: %v", part.Source, source, part.Holds, !part.Holds)
				}
			}
			if holds != p.Match(s) {
				t.Fatalf("%s holds: %v, its parts: %+v", source, p.Match(s), parts)
			}
			if len(parts) > 1 {
				apart++
			}
		}
	}
	if apart < 1000 {
		t.Errorf("%d conditions had several parts: not what this is about", apart)
	}
}
