package expression_test

import (
	"fmt"
	"testing"

	"github.com/holdfastd/holdfast/rules/expression"
)

// BenchmarkMatch is what each operator costs, and of the conditions that rules
// are made of, what is left of that for events of their type.
func BenchmarkMatch(b *testing.B) {
	for _, bench := range []struct{ name, source string }{
		{"equal text", `channel == "sms"`},
		{"equal text, seldom compared", `account == "ana"`},
		{"unequal text", `channel != "sms"`},
		{"two fields", `account == channel`},
		{"less", `client.asn < 3320`},
		{"trusted", `device.trusted`},
		{"not trusted", `!device.trusted`},
		{"age", `device.age < duration("3h")`},
		{"in 2", `channel in ["voice", "sms"]`},
		{"in 8", `client.country in ["AA", "BB", "CC", "DD", "FF", "GG", "HH", "DE"]`},
		{"in 9", `client.country in ["AA", "BB", "CC", "DD", "FF", "GG", "HH", "JJ", "DE"]`},
		{"in numbers", `client.asn in [1, 2, 3320]`},
		{"startsWith", `account startsWith "lt_"`},
		{"contains", `client.user_agent contains "Headless"`},
		{"matches", `device.name matches "(?i)^test"`},
		{"lower", `lower(channel) == "sms"`},
		{"cidr", `cidr(client.ip, "10.0.0.0/8")`},
		{"list of texts", `account in list("vip")`},
		{"list of ranges", `client.ip in list("networks")`},
		{"attribute", `attrs.app_version == "9.1"`},
		{"number range", `phone_prefix == "+491511000"`},
		{"chain of 2", `channel == "sms" && !device.trusted`},
		{"chain of 3", `channel == "sms" && client.country == "DE" && !device.trusted`},
		{"chain of 4", `channel == "sms" && client.country == "DE" && client.asn == 3320 && device.trusted`},
		{"rule", `type == "code.requested" && !device.trusted`},
		{"rule of two types", `type in ["code.requested", "code.rejected"] and channel in ["sms", "voice"]`},
		{"rule of addresses", `type == "code.requested" && cidr(client.ip, "10.0.0.0/8")`},
	} {
		program := compile(b, bench.source)
		scope := scopes[1]
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				program.Match(&scope)
			}
		})
		b.Run(bench.name+"/of its type", func(b *testing.B) {
			condition := program.For(scope.Event.Type)
			for b.Loop() {
				condition.Match(&scope)
			}
		})
	}
}

// BenchmarkShared is what it costs to ask an event the same condition twice and
// five times, as so many rules would, each time anew and with the answer
// remembered. Where the second is dearer, the condition is not worth sharing.
func BenchmarkShared(b *testing.B) {
	for _, bench := range []struct{ name, source string }{
		{"one field", `channel == "sms"`},
		{"one of 2", `channel in ["voice", "sms"]`},
		{"chain of 2", `channel == "sms" && device.trusted`},
		{"chain of 3", `channel == "sms" && client.country == "DE" && device.trusted`},
		{"contains", `account contains "ana"`},
		{"list", `account in list("vip")`},
		{"address", `cidr(client.ip, "10.0.0.0/8")`},
		{"pattern", `device.platform matches "(?i)^ios"`},
	} {
		for _, rules := range []int{2, 5} {
			programs := make([]*expression.Program, rules)
			for i := range programs {
				programs[i] = compile(b, bench.source)
			}
			sharing := expression.Share(programs)
			alone, shared := make([]expression.Condition, rules), make([]expression.Condition, rules)
			for i, p := range programs {
				alone[i], shared[i] = p.For("code.requested"), sharing.For(p, "code.requested")
			}
			ask := func(conditions []expression.Condition) func(*testing.B) {
				return func(b *testing.B) {
					scope := scopes[1]
					for b.Loop() {
						scope.Forget()
						for i := range conditions {
							conditions[i].Match(&scope)
						}
					}
				}
			}
			b.Run(fmt.Sprintf("%s/%d rules/alone", bench.name, rules), ask(alone))
			b.Run(fmt.Sprintf("%s/%d rules/shared", bench.name, rules), ask(shared))
		}
	}
}

// BenchmarkShare is what it takes to make ready 100 rules for a type of event
// that was not seen before, once for those that it concerns and once for a type
// that somebody made up.
func BenchmarkShare(b *testing.B) {
	var programs []*expression.Program
	for i := range 100 {
		programs = append(programs, compile(b, fmt.Sprintf(`type == "code.requested" && channel == "sms" && !device.trusted && client.asn != %d`, i/2)))
	}
	for _, eventType := range []string{"code.requested", "x.made_up"} {
		b.Run(eventType, func(b *testing.B) {
			for b.Loop() {
				sharing := expression.Share(programs)
				for _, p := range programs {
					sharing.For(p, eventType)
				}
			}
		})
	}
}
