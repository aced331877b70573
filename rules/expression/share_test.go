package expression_test

import (
	"fmt"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// remembers reports whether, asked for the one condition first, the other one is
// not evaluated: it gives the answer of an event that has changed since.
func remembers(t *testing.T, first, second string) bool {
	t.Helper()
	a, b := compile(t, first), compile(t, second)
	sharing := expression.Share([]*expression.Program{a, b})
	s := expression.Scope{Event: &holdfast.Event{Type: "login.failed", Account: "ana", Channel: "sms", Client: holdfast.Client{IP: "10.0.0.1"}}}
	ask := func(p *expression.Program) bool {
		c := sharing.For(p, s.Event.Type)
		return c.Match(&s)
	}
	if !ask(a) || !ask(b) {
		t.Fatalf("%s and %s don't both hold", first, second)
	}
	s.Event.Account, s.Event.Channel, s.Event.Client.IP = "eve", "voice", ""
	remembered := ask(b)
	if s.Forget(); ask(b) {
		t.Errorf("%s is still remembered after the scope was to forget", second)
	}
	return remembered
}

func TestWhatIsAskedTwiceIsEvaluatedOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		first, second string
		want          bool
	}{
		{`cidr(client.ip, "10.0.0.0/8")`, `cidr(client.ip, "10.0.0.0/8")`, true},
		{`cidr(client.ip, "10.0.0.0/8")`, `cidr(client.ip, "::ffff:10.0.0.0/104")`, true},
		{`cidr(client.ip, "10.0.0.0/8")`, `cidr(client.ip, "10.0.0.0/16")`, false},
		{`account matches "^a"`, `account matches "^a"`, true},
		{`account matches "^a"`, `account matches "a"`, false},
		{`account in list("vip")`, `account in list("vip")`, true},
		{`client.ip in list("networks")`, `account in list("vip")`, false},
		{`channel == "sms" && !device.trusted`, `channel == "sms" && !device.trusted`, true},
		{`channel == "sms" && !device.trusted`, `not device.trusted and "sms" == channel`, true},
		{`type == "login.failed" && channel == "sms" && !device.trusted`, `channel == "sms" && (!device.trusted && type startsWith "login.")`, true},
		{`account == "ana" && channel == "sms"`, `channel == "sms" && account == "ana"`, true},
		{`account == "ana" && (channel == "sms" && client.ip != "")`, `(account == "ana" and channel == "sms") and client.ip != ""`, true},
		{`channel == "sms" && !device.trusted`, `channel == "sms" || device.trusted`, false},
		{`channel == "sms"`, `channel == "sms"`, false}, // no dearer than remembering it
	} {
		if got := remembers(t, tt.first, tt.second); got != tt.want {
			t.Errorf("%s after %s is remembered: %v, want %v", tt.second, tt.first, got, tt.want)
		}
	}
}

func TestAPartThatTwoConditionsShareIsEvaluatedOnce(t *testing.T) {
	t.Parallel()
	// The second condition falls back on what is not shared when the event has
	// changed, and the shared part still holds.
	if remembers(t, `account contains "ana" && channel == "sms"`, `account contains "ana" && channel != "email" && client.ip != "x"`) {
		return
	}
	t.Error("the shared part was evaluated again")
}

func TestASharedConditionIsThatOfItsLists(t *testing.T) {
	t.Parallel()
	const source = `account in list("vip")`
	program, other := compile(t, source), compileWith(t, source, expression.Lists{"vip": {"eve"}})
	sharing := expression.Share([]*expression.Program{program, program, other, other})
	s := expression.Scope{Event: &holdfast.Event{Account: "ana"}}
	mine, theirs := sharing.For(program, ""), sharing.For(other, "")
	if !mine.Match(&s) || theirs.Match(&s) {
		t.Error("lists of one name and different items are taken for one")
	}
}

func TestWhatThereIsNoRoomForIsEvaluatedAsEver(t *testing.T) {
	t.Parallel()
	const conditions, room = 100, 64
	var programs []*expression.Program
	event := holdfast.Event{Channel: "sms", Account: "ana"}
	for i := range conditions {
		source := fmt.Sprintf(`account != "%d" && channel == "sms"`, i)
		programs = append(programs, compile(t, source), compile(t, source))
	}
	programs = append(programs, compile(t, `account matches "^ana$"`), compile(t, `account matches "^ana$"`))
	sharing := expression.Share(programs)
	s := expression.Scope{Event: &event}
	holding := func() (n int, dearest bool) {
		for i := 0; i < len(programs); i += 2 {
			c := sharing.For(programs[i], "x.own")
			if dearest = c.Match(&s); dearest {
				n++
			}
		}
		return n, dearest
	}
	if n, _ := holding(); n != conditions+1 {
		t.Fatalf("%d conditions hold, want %d", n, conditions+1)
	}
	event.Account, event.Channel = "", ""
	n, dearest := holding()
	if n != room {
		t.Errorf("%d conditions are remembered, want %d", n, room)
	}
	if !dearest {
		t.Error("the condition that costs most is not among those that are remembered")
	}
}

func TestAProgramOfAnotherSetSharesNothing(t *testing.T) {
	t.Parallel()
	program, stranger := compile(t, `account contains "a"`), compile(t, `account contains "a"`)
	sharing := expression.Share([]*expression.Program{program, program, nil})
	s := expression.Scope{Event: &holdfast.Event{Account: "ana"}}
	known, unknown, none := sharing.For(program, "x.own"), sharing.For(stranger, "x.own"), sharing.For(nil, "x.own")
	if !known.Match(&s) || !unknown.Match(&s) {
		t.Error("a condition that holds does not")
	}
	if !none.Never() {
		t.Error("the condition of no program holds")
	}
	s.Event.Account = "eve"
	if !known.Match(&s) || unknown.Match(&s) {
		t.Error("it is not the shared condition alone that is remembered")
	}
}
