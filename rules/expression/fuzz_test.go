package expression_test

import (
	"math/rand/v2"
	"testing"

	"github.com/holdfastd/holdfast/rules/expression"
)

// FuzzCompile holds of any text: it compiles or its mistakes have a place, and
// every form of what compiles gives one answer.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`type == "alert" && rule in ["a", "b"]`, `!device.trusted`, `device.age < duration("3h")`, `a.b?.c[1:2]`,
		`filter(attrs, # == 1)`, `let x = 1; x`, `((((((((`, `"\u{10ffff}" == type`, `1 + `, `client.asn in [1, 2.5]`, "type\n==\n\"x\"",
		`type == "code.requested" && !device.trusted`, `type in ["a"] || lower(type) matches "^x" and not (channel == "sms")`,
		`cidr(client.ip, "10.0.0.0/8") == (client.ip in list("networks"))`, `1 < client.asn < 4000`, `client.lat * 1e308 * 10 - client.lon != -0.0`,
		`attrs["a b"] + account startsWith phone_prefix`, `--client.asn == +3320`, `true == (false != device.known)`, `client.asn in []`,
	} {
		f.Add(seed, uint64(1))
	}
	r := &randomConditions{Rand: rand.New(rand.NewPCG(5, 6))}
	for range 20 {
		f.Add(r.condition(3), r.Uint64())
	}
	f.Fuzz(func(t *testing.T, source string, seed uint64) {
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
		twin := compile(t, source)
		sharing := expression.Share([]*expression.Program{program, twin})
		r := rand.New(rand.NewPCG(seed, 0))
		for range 4 {
			s := randomScope(r)
			want := program.Match(s)
			for _, f := range formsOf(sharing, program, s.Event.Type) {
				if got := f.match(s); got != want {
					t.Errorf("%q %s is %v, and %v before, of %+v %+v", source, f.name, got, want, *s.Event, s.Profile)
				}
			}
		}
	})
}
