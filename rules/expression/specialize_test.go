package expression_test

import (
	"testing"
	"unsafe"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

func TestTheTypeDecidesWhatItCan(t *testing.T) {
	t.Parallel()
	type answer string
	const always, never, some answer = "always", "never", "some"
	types := [3]string{"a", "b", "alert"}
	for _, tt := range []struct {
		source string
		want   [3]answer // for the types a, b and alert
	}{
		{`type == "a"`, [3]answer{always, never, never}},
		{`"a" == type`, [3]answer{always, never, never}},
		{`type == "a" && device.trusted`, [3]answer{some, never, never}},
		{`device.trusted && type in ["a", "b"] && channel == "sms"`, [3]answer{some, some, never}},
		{`!device.trusted || type == "a"`, [3]answer{always, some, some}},
		{`not (type == "a" || device.trusted)`, [3]answer{never, some, some}},
		{`type != "a" and device.trusted`, [3]answer{never, some, some}},
		{`type startsWith "al" && rule == "x"`, [3]answer{never, never, some}},
		{`type == "a" && type == "b"`, [3]answer{never, never, never}},
		{`device.trusted`, [3]answer{some, some, some}},
		{`(type == "a") == device.trusted`, [3]answer{some, some, some}},
		{`(type == "a") != (type == "b")`, [3]answer{always, always, never}},
		{`type == account`, [3]answer{some, some, some}},
		{`type + "x" == "ax" && device.trusted`, [3]answer{some, never, never}},
		{`lower(type) matches "^A$"`, [3]answer{never, never, never}},
		{`type in list("vip")`, [3]answer{never, never, never}},
		{`cidr(type, "10.0.0.0/8") || type > "b"`, [3]answer{never, never, never}},
		{`type == "a" && (device.trusted && (channel == "sms" || type != "a"))`, [3]answer{some, never, never}},
		{`true`, [3]answer{always, always, always}},
		{`1 + 1 == 2`, [3]answer{always, always, always}},
		{`device.trusted && false`, [3]answer{never, never, never}},
		{`device.trusted == true && type == "a"`, [3]answer{some, never, never}},
	} {
		program := compile(t, tt.source)
		for i, eventType := range types {
			c, got := program.For(eventType), some
			switch {
			case c.Always():
				got = always
			case c.Never():
				got = never
			}
			if got != tt.want[i] {
				t.Errorf("%s holds %s for %s, want %s", tt.source, got, eventType, tt.want[i])
			}
		}
	}
}

// TestTheTypeIsAskedOnce shows conditions an event whose type changed after they
// were made for it: they no longer look.
func TestTheTypeIsAskedOnce(t *testing.T) {
	t.Parallel()
	s := expression.Scope{Event: &holdfast.Event{Type: "another", Channel: "sms"}}
	for _, source := range []string{
		`type == "code.requested" && !device.trusted`,
		`channel == "sms" and (type == "code.requested" and not device.trusted)`,
		`!(type != "code.requested" || device.trusted)`,
		`(type startsWith "code.") == (channel == "sms")`,
		`type + channel == "code.requestedsms"`,
	} {
		program := compile(t, source)
		if program.Match(&s) {
			t.Errorf("%s holds for another type", source)
		}
		if c := program.For("code.requested"); !c.Match(&s) {
			t.Errorf("%s made for code.requested asks for the type once more", source)
		}
	}
}

func TestConditionsKeepTheirOwnCopyOfTheType(t *testing.T) {
	t.Parallel()
	buffer := []byte("x.own")
	eventType := unsafe.String(&buffer[0], len(buffer)) // as a scanner that reads into one buffer would give it
	program := compile(t, `type == account`)
	sharing := expression.Share([]*expression.Program{program})
	own, shared := program.For(eventType), sharing.For(program, eventType)
	copy(buffer, "y.own")
	s := expression.Scope{Event: &holdfast.Event{Account: "x.own"}}
	if !own.Match(&s) || !shared.Match(&s) {
		t.Error("the condition took on the type of the event that was read next")
	}
	if c := sharing.For(program, "y.own"); c.Match(&s) {
		t.Error("the conditions of the first type are given for the second")
	}
}

func TestAConditionOfNothingNeverHolds(t *testing.T) {
	t.Parallel()
	var none expression.Condition
	if none.Match(&scopes[1]) || !none.Never() || none.Always() {
		t.Error("the zero condition is not the one that never holds")
	}
}

func TestConditionsAllocateNothing(t *testing.T) {
	for _, source := range []string{
		`type == "code.requested" && !device.trusted && channel != "voice"`,
		`client.country in ["DE", "NG"] || client.country in ["a", "b", "c", "d", "e", "f", "g"] || client.asn in [1, 2]`,
		`account startsWith "x" || account endsWith "x" || account contains "x" || account matches "^x+$"`,
		`cidr(client.ip, "192.0.2.0/24") || client.ip in list("networks") || account in list("vip")`,
		`device.age * 2 < duration("1h") && client.asn * 2 - 1 > 3320.5 && travel.kmh < 1`,
		`attrs.app_version == "9" || phone_prefix == "x" || level == "high" || lower(channel) == "x"`,
		`channel == "voice" && account + "x" == "y"`,
		`account + "x" == "y" && channel == "voice"`, // the cheap part is asked first
	} {
		program, twin := compile(t, source), compile(t, source)
		sharing := expression.Share([]*expression.Program{program, twin})
		own, shared := program.For("code.requested"), sharing.For(twin, "code.requested")
		s := scopes[1]
		for form, match := range map[string]func(*expression.Scope) bool{"as it is": program.Match, "for its type": own.Match, "shared": shared.Match} {
			if n := testing.AllocsPerRun(100, func() { s.Forget(); match(&s) }); n != 0 {
				t.Errorf("%s %s allocates %v times", source, form, n)
			}
		}
	}
}
