package expression_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

func compile(tb testing.TB, source string) *expression.Program {
	tb.Helper()
	return compileWith(tb, source, lists)
}

func compileWith(tb testing.TB, source string, lists expression.Lists) *expression.Program {
	tb.Helper()
	program, problems := expression.Compile(source, lists)
	if len(problems) > 0 {
		tb.Fatalf("%s: %+v", source, problems)
	}
	return program
}

func TestMistakesAreReportedWhereTheyAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, at, message string
	}{
		{`type = "x"`, `= "x"`, `unexpected token`},
		{`type == "x`, ``, `a text is not closed`},
		{`client.asn > 99999999999999999999 && device.known`, `99999999999999999999`, "the number is too large"},
		{`client.lat > 1e999`, `1e999`, "the number is too large"},
		{`type == "x" && (device.known || (country.known)`, `(device.known`, "`(` is opened here and never closed"},
		{`account in ["ä", "b"`, `["ä"`, "`[` is opened here and never closed"},
		{`lower(account`, `(account`, "`(` is opened here and never closed"},
		{`type == "x" &&`, ``, "ends too soon"},
		{`device.age < duration("999999999999999999h")`, `"999999999999999999h"`, "too long a duration"},
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

func TestADurationThatIsTooLongIsCalledThat(t *testing.T) {
	t.Parallel()
	if d, err := expression.ParseDuration(expression.LongestDuration); err != nil {
		t.Errorf("the longest duration is %v, %v", d, err)
	}
	for text, long := range map[string]bool{
		"999999999999999999h": true, "99999999999999999999999d": true, "3661d": true, "87841h": true, "3660d1ns": true,
		"1w999999999999999999.5h3m": true, "+999999999999999999h": true, ".5h999999999999999999h": true,
		"999999999999999999": false, "999999999999999999 h": false, "999999999999999999y": false, "h": false, ".h": false,
	} {
		if _, err := expression.ParseDuration(text); err == nil || errors.Is(err, expression.ErrTooLong) != long {
			t.Errorf("%s: %v, and it is too long: %v", text, err, long)
		}
	}
}
