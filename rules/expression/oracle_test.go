package expression_test

import (
	"fmt"
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
		"client": map[string]any{
			"ip": e.Client.IP, "country": e.Client.Country, "asn": e.Client.ASN,
			"user_agent": e.Client.UserAgent, "lat": e.Client.Lat, "lon": e.Client.Lon,
		},
		"cidr": func(address, prefix string) bool {
			a, err := netip.ParseAddr(address)
			p, err2 := netip.ParsePrefix(prefix)
			return err == nil && err2 == nil && p.Contains(a.Unmap())
		},
	}
}

func oracle(t *testing.T, source string, s *expression.Scope) bool {
	t.Helper()
	program, err := expr.Compile(source, expr.Env(environment(s)), expr.AsBool())
	if err != nil {
		t.Fatalf("expr refuses %s: %v", source, err)
	}
	v, err := expr.Run(program, environment(s))
	if err != nil {
		t.Fatalf("expr can't run %s: %v", source, err)
	}
	return v.(bool)
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
		program, problems := expression.Compile(source, lists)
		if len(problems) > 0 {
			t.Errorf("%s: %+v", source, problems)
			continue
		}
		for i := range scopes {
			if got, want := program.Match(&scopes[i]), oracle(t, source, &scopes[i]); got != want {
				t.Errorf("%s on scope %d is %v, and expr says %v", source, i, got, want)
			}
		}
	}
}

// TestRandomConditionsMeanWhatExprMeans compares the closures with expr's own
// virtual machine over conditions that nobody would write.
func TestRandomConditionsMeanWhatExprMeans(t *testing.T) {
	t.Parallel()
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		source := randomCondition(r, 4)
		program, problems := expression.Compile(source, lists)
		if len(problems) > 0 {
			t.Fatalf("%s: %+v", source, problems)
		}
		for i := range scopes {
			got, want := program.Match(&scopes[i]), oracle(t, source, &scopes[i])
			if got != want {
				t.Fatalf("%s on scope %d is %v, and expr says %v", source, i, got, want)
			}
			if got && !program.CanMatch(scopes[i].Event.Type) {
				t.Fatalf("%s matches scope %d, though it was foreseen that it can't match its type", source, i)
			}
		}
	}
}

func TestWhatCanBeForeseenFromTheType(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source string
		can    string // of the types a, b and alert
	}{
		{`type == "a"`, "a"},
		{`type == "a" && device.trusted`, "a"},
		{`device.trusted && type in ["a", "b"] && channel == "sms"`, "a b"},
		{`!device.trusted || type == "a"`, "a b alert"},
		{`not (type == "a" || device.trusted)`, "b alert"},
		{`type != "a" and device.trusted`, "b alert"},
		{`type startsWith "al" && rule == "x"`, "alert"},
		{`type == "a" && type == "b"`, ""},
		{`device.trusted`, "a b alert"},
		{`(type == "a") == device.trusted`, "a b alert"},
		{`type == account`, "a b alert"},
		{`type + "x" == "ax" && device.trusted`, "a"},
		{`true`, "a b alert"},
		{`device.trusted && false`, ""},
	} {
		program, problems := expression.Compile(tt.source, lists)
		if len(problems) > 0 {
			t.Fatalf("%s: %+v", tt.source, problems)
		}
		var can []string
		for _, kind := range []string{"a", "b", "alert"} {
			if program.CanMatch(kind) {
				can = append(can, kind)
			}
		}
		if got := strings.Join(can, " "); got != tt.can {
			t.Errorf("%s can match %q, want %q", tt.source, got, tt.can)
		}
	}
}

func randomCondition(r *rand.Rand, depth int) string {
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	if depth > 0 && r.IntN(3) > 0 {
		a, b := randomCondition(r, depth-1), randomCondition(r, depth-1)
		switch r.IntN(4) {
		case 0:
			return "!(" + a + ")"
		case 1:
			return "(" + a + ") == (" + b + ")"
		}
		return "(" + a + " " + pick("&&", "||", "and", "or") + " " + b + ")"
	}
	text := func() string {
		return pick("type", "account", "channel", "client.country", "client.ip", "device.id", "rule", "level",
			`"sms"`, `""`, `"ana"`, `"NG"`, `"code.requested"`, "lower(device.platform)", `(account + "x")`)
	}
	number := func() string {
		return pick("client.asn", "client.lat", "0", "3320", "37282", "52.5", "-1", "(client.asn + 1)", "(client.lat * 2)", "(client.asn - client.lon)")
	}
	switch r.IntN(8) {
	case 0:
		return pick("device.trusted", "device.known", "!device.trusted")
	case 1:
		return number() + " " + pick("==", "!=", "<", "<=", ">", ">=") + " " + number()
	case 2:
		return pick("device.age", `duration("5h")`) + " " + pick("<", ">=", "==") + ` duration("` + pick("30m", "5h") + `")`
	case 3:
		return text() + " " + pick("in", "not in") + ` ["sms", "ana", ` + fmt.Sprintf("%q", pick("NG", "alert", "")) + "]"
	case 4:
		return text() + " " + pick("startsWith", "endsWith", "contains") + " " + text()
	case 5:
		return text() + ` matches "` + pick("^a", "[0-9]+", "s$") + `"`
	case 6:
		return pick(`cidr(client.ip, "10.0.0.0/8")`, `cidr(client.ip, "10.1.0.0/16")`)
	}
	return text() + " " + pick("==", "!=", "<", ">=") + " " + text()
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`type == "alert" && rule in ["a", "b"]`, `!device.trusted`, `device.age < duration("3h")`, `a.b?.c[1:2]`,
		`filter(attrs, # == 1)`, `let x = 1; x`, `((((((((`, `"\u{10ffff}" == type`, `1 + `, `client.asn in [1, 2.5]`, "type\n==\n\"x\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		program, problems := expression.Compile(source, lists)
		if (program == nil) == (len(problems) == 0) {
			t.Fatalf("program %v with problems %v", program, problems)
		}
		for _, p := range problems {
			if p.Message == "" || p.From < 0 || p.From > len([]rune(source)) {
				t.Errorf("problem %+v of %q has no place or message", p, source)
			}
		}
		if program == nil {
			return
		}
		for i := range scopes {
			first := program.Match(&scopes[i])
			if program.Match(&scopes[i]) != first {
				t.Errorf("%q answers differently when asked twice", source)
			}
		}
	})
}

func TestMistakesAreReportedWhereTheyAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, at, message string
	}{
		{`type = "x"`, `= "x"`, `unexpected token`},
		{`type == "x`, ``, `literal not terminated`},
		{`channnel == "sms"`, `channnel`, "unknown field `channnel`"},
		{`ip == "1"`, `ip`, "unknown field `ip`"},
		{`client.asn == "37282"`, `==`, "a number can't be compared with a text"},
		{`device.trusted && channel`, `channel`, "joins what is true or false, not a text"},
		{`channel`, `channel`, "must be true or false, and this is a text"},
		{`!client.asn`, `!`, "takes true or false, not a number"},
		{`client.ip in ["a", 1]`, `1]`, "a text can't be in a list that holds a number"},
		{`client.ip in account`, `account`, "`in` needs a list"},
		{`account matches channel`, `channel`, "must be a constant"},
		{`account matches "(?=a)b"`, `"(?=a)b"`, "invalid or unsupported"},
		{`client.user_agent matches "` + strings.Repeat("(?:.{0,1000})", 30) + `Z"`, `"(?:`, "the pattern is too large"},
		{`cidr(client.ip, "10.0.0.0/99")`, `"10.0.0.0/99"`, "is a constant range"},
		{`account in list("vpi")`, `"vpi"`, "unknown list `vpi`"},
		{`client.asn in list("vip")`, `in`, "a named list holds texts"},
		{`list("vip") == "x"`, `list`, "can only stand to the right of `in`"},
		{`device.age < duration("3 hours")`, `"3 hours"`, "takes a constant"},
		{`now() - device.age < duration("1h")`, `now`, "unknown function `now`"},
		{`now == device.age`, `now`, "there is no `now`"},
		{`any(attrs, # == "x")`, `any`, "unknown function `any`"},
		{`attrs == nil`, `attrs`, "unknown field `attrs`"},
		{`type == nil`, `nil`, "there is no nil here"},
		{`client.asn % 2 == 0`, `%`, "there is no operator %"},
		{`device.trusted ? true : false`, ``, "there is no choice"},
		{`trim(account) == "x"`, `trim`, "unknown function `trim`"},
		{strings.Repeat("(", 70) + "true" + strings.Repeat(")", 70) + strings.Repeat("&& (true", 70) + strings.Repeat(")", 70), ``, "nested more than 64 deep"},
		{``, ``, "is empty"},
		{strings.Repeat("a", 4097), ``, "longer than 4096 bytes"},
	} {
		_, problems := expression.Compile(tt.source, lists)
		if len(problems) == 0 {
			t.Errorf("%s is accepted", tt.source)
			continue
		}
		p := problems[0]
		if !strings.Contains(p.Message, tt.message) {
			t.Errorf("%s: message is %q, without %q", tt.source, p.Message, tt.message)
		}
		if at := string([]rune(tt.source)[p.From:]); tt.at != "" && !strings.HasPrefix(at, tt.at) {
			t.Errorf("%s: the place is before %q, not %q", tt.source, at, tt.at)
		}
	}
}

func TestAllMistakesOfAConditionAreReported(t *testing.T) {
	t.Parallel()
	_, problems := expression.Compile(`channnel == "sms" && client.asn == "x" || unknown(1)`, lists)
	if len(problems) != 3 {
		t.Errorf("3 mistakes, but %d problems: %+v", len(problems), problems)
	}
}

func TestNamedListsHoldTextsAndRanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, account, ip string
		want                bool
	}{
		{`account in list("vip")`, "ana", "", true},
		{`account in list("vip")`, "Ana", "", false},
		{`account not in list("vip")`, "eve", "", true},
		{`client.ip in list("networks")`, "", "10.200.0.1", true},
		{`client.ip in list("networks")`, "", "11.0.0.1", false},
		{`client.ip in list("networks")`, "", "::ffff:10.0.0.1", true},
		{`client.ip in list("networks")`, "", "192.0.2.9", true},
		{`client.ip in list("networks")`, "", "2001:db8::1", true},
		{`client.ip in list("networks")`, "", "203.0.113.7", true},
		{`client.ip in list("networks")`, "", "not an address", true},
		{`client.ip in list("networks")`, "", "10.0.0.0.1", false},
		{`client.ip in list("networks")`, "", "", false},
	} {
		program, problems := expression.Compile(tt.source, lists)
		if len(problems) > 0 {
			t.Fatalf("%s: %+v", tt.source, problems)
		}
		s := expression.Scope{Event: &holdfast.Event{Account: tt.account, Client: holdfast.Client{IP: tt.ip}}}
		if got := program.Match(&s); got != tt.want {
			t.Errorf("%s with %q %q is %v", tt.source, tt.account, tt.ip, got)
		}
	}
}

func TestALongChainIsNotADeepOne(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{"||", "or", "&&", "and"} {
		source := strings.Repeat(`account == "x" `+operator+" ", 99) + `account == "ana"`
		program, problems := expression.Compile(source, lists)
		if len(problems) > 0 {
			t.Fatalf("a chain of 100 with %s: %+v", operator, problems)
		}
		for i := range scopes {
			if got, want := program.Match(&scopes[i]), oracle(t, source, &scopes[i]); got != want {
				t.Errorf("a chain of 100 with %s on scope %d is %v, and expr says %v", operator, i, got, want)
			}
		}
	}
}

func TestOnlyConditionsThatAskForAlertsSeeThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source string
		sees   bool
		rules  []string
	}{
		{`type == "code.requested"`, false, nil},
		{`type == "alert"`, true, nil},
		{`"alert" == type && rule == "a"`, true, []string{"a"}},
		{`type == "alert" && rule in ["a", "b"]`, true, []string{"a", "b"}},
		{`type == "x.y" || (type == "alert" && rule == "a")`, true, []string{"a"}},
		{`type == "alert" && rule != "a"`, true, nil},
		{`type == "alert" && rule not in ["a"]`, true, nil},
		{`type == "alert" && not (rule == "a")`, true, nil},
		{`type in ["alert"]`, false, nil},
		{`type startsWith "al"`, false, nil},
	} {
		program, problems := expression.Compile(tt.source, lists)
		if len(problems) > 0 {
			t.Fatalf("%s: %+v", tt.source, problems)
		}
		var named []string
		for _, m := range program.AlertRules {
			named = append(named, m.Name)
		}
		if program.SeesAlerts != tt.sees || strings.Join(named, " ") != strings.Join(tt.rules, " ") {
			t.Errorf("%s sees alerts: %v of %v, want %v of %v", tt.source, program.SeesAlerts, named, tt.sees, tt.rules)
		}
	}
}

func TestDurationsCountDaysAndWeeks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "2w": 336 * time.Hour,
		"1w2d3h": 219 * time.Hour, "0s": 0, "1.5h": 90 * time.Minute, "-5m": -5 * time.Minute,
	} {
		if got, err := expression.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "d", "1x", "99999999d", "1d-5h", "9999w9999w", strings.Repeat("3650d", 40), "10 m", "1d2d3dx", "3650d2562047h"} {
		if got, err := expression.ParseDuration(text); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, source := range []string{
		`type == "code.requested" && !device.trusted`,
		`type in ["code.requested", "code.rejected"] and channel in ["sms", "voice"]`,
		`type == "login.failed" && cidr(client.ip, "10.0.0.0/8")`,
	} {
		program, problems := expression.Compile(source, lists)
		if len(problems) > 0 {
			b.Fatal(problems)
		}
		b.Run(source, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				program.Match(&scopes[1])
			}
		})
	}
}
