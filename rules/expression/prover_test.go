package expression_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

const plenty = 1_000_000 // steps

func TestWhatContradictsItselfNeverHolds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, why string }{
		{`channel == "sms" && channel == "voice"`, "`channel == \"sms\"` and `channel == \"voice\"` exclude each other"},
		{`type == "code.requested" && type == "code.rejected"`, "`type == \"code.requested\"` and `type == \"code.rejected\"` exclude each other"},
		{`device.trusted && !device.trusted`, "`device.trusted` and `!device.trusted` exclude each other"},
		{`client.asn > 5 && client.asn < 3`, "`client.asn > 5` and `client.asn < 3` exclude each other"},
		{`client.asn > 5 && client.asn < 6`, "`client.asn > 5` and `client.asn < 6` exclude each other"},
		{`client.asn == 3320.5`, "`client.asn == 3320.5` never holds"},
		{`!(client.asn <= 5) && !(client.asn >= 3)`, "`client.asn > 5` and `client.asn < 3` exclude each other"},
		{`client.lat > 1 && client.lat <= 1`, "`client.lat > 1` and `client.lat <= 1` exclude each other"},
		{`travel.kmh < 0`, "`travel.kmh < 0` never holds: a speed is never negative"},
		{`device.age < duration("0s")`, "`device.age < duration(\"0s\")` never holds: an age is never negative"},
		{`device.age > duration("3h") && device.age < duration("10m")`, "`device.age > duration(\"3h\")` and `device.age < duration(\"10m\")` exclude each other"},
		{`channel in ["sms", "voice"] && channel in ["push", "email"]`, "`channel in [\"sms\", \"voice\"]` and `channel in [\"email\", \"push\"]` exclude each other"},
		{`channel in ["sms", "voice"] && channel != "sms" && channel not in ["voice", "app"]`, ""},
		{`channel in []`, "`channel in []` never holds"},
		{`account startsWith "a" && account startsWith "b"`, "`account startsWith \"a\"` and `account startsWith \"b\"` exclude each other"},
		{`account startsWith "test_" && !(account startsWith "te")`, "`account startsWith \"test_\"` and `!(account startsWith \"te\")` exclude each other"},
		{`account endsWith "@a.de" && account not contains "@"`, "`account endsWith \"@a.de\"` and `!(account contains \"@\")` exclude each other"},
		{`account endsWith "a" && account endsWith "b"`, ""},
		{`account == "ana" && account startsWith "b"`, ""},
		{`account == "ana" && account matches "^b"`, ""},
		{`account < "b" && account > "c"`, ""},
		{`client.ip in ["192.0.2.1"] && cidr(client.ip, "10.0.0.0/8")`, ""},
		{`account in list("vip") && account == "eve"`, ""},
		{`device.trusted == (channel == "sms") && device.trusted && channel == "voice"`, ""},
		{`(device.trusted || device.known) && !device.trusted && !device.known`, ""},
		{`!(channel == "sms" || channel != "sms")`, ""},
		{`type startsWith "code." && type endsWith ".succeeded"`, ""},
		{`type startsWith "x." && type == "login.failed"`, ""},
		{`type == "x."`, ""},
		{`phone_prefix startsWith "49"`, "`phone_prefix startsWith \"49\"` never holds: a prefix begins with + and lacks the last four digits of the number, as +49151100 does"},
		{`phone_prefix == "49151"`, ""},
		{`level == "high"`, "`level == \"high\"` never holds: `level` is empty on every event but an alert"},
		{`rule in ["a", "b"]`, ""},
		{`type == "alert" && level == "sms"`, ""},
		{`type == "login.failed" && level == "high"`, ""},
		{`lower(channel) == "sms" && lower(channel) == "voice"`, ""},
		{`client.asn + 1 == 2 && client.asn + 1 == 3`, ""},
		{`account == channel && account != channel`, ""},
		{
			`type == "alert" && rule startsWith "b" && (rule == "a" || device.known)`,
			"`rule in [\"a\"]` and `rule startsWith \"b\"` exclude each other: a condition that names rules is shown the alerts of no others",
		},
		{`false`, ""},
	} {
		types, why := expression.NewProver(plenty).Types(expression.Question{Holds: []*expression.Program{compile(t, tt.source)}})
		if len(types) > 0 {
			t.Errorf("%s is thought to hold for %v", tt.source, types)
		}
		if tt.why != "" && why != tt.why {
			t.Errorf("%s: %s, want %s", tt.source, why, tt.why)
		}
	}
}

func TestWhatCanHoldIsNotRuledOut(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`true`,
		`channel == "sms" || channel == "voice"`,
		`channel == "carrier_pigeon"`, // channels of one's own are let in
		`client.asn > 5 && client.asn < 7`,
		`client.lat > 5 && client.lat < 6`,
		`account startsWith "a" && account startsWith "ab" && account endsWith "ab"`,
		`account contains "a" && account not contains "ab" && account matches "^b$"`,
		`type startsWith "x." && type endsWith ".y"`,
		`type == "alert" && level in ["high", "critical"] && rule startsWith "code"`,
		`phone_prefix == "" || phone_prefix startsWith "+49"`,
		`phone_prefix startsWith ""`,
		`travel.kmh <= 0`,
		`device.age == country.age && device.age != sim.age`,
		`!(client.lat * 2 < 1) && !(client.lat * 2 >= 1)`, // of what is no number, both are true
	} {
		if types, why := expression.NewProver(plenty).Types(expression.Question{Holds: []*expression.Program{compile(t, source)}}); len(types) == 0 {
			t.Errorf("%s is thought never to hold: %s", source, why)
		}
	}
}

func TestTypesThatAConditionIsAbout(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		`type == "code.requested" && !device.trusted`: {"code.requested"},
		`type startsWith "owner."`:                    {"owner.denied", "owner.confirmed"},
		`type endsWith "ed" && type startsWith "x."`:  {expression.OwnTypes},
		`type in ["alert", "x.own"] && rule == "a"`:   {}, // without == "alert", no alert is shown
		`type == "alert" && rule == "a"`:              {"alert"},
	} {
		types, _ := expression.NewProver(plenty).Types(expression.Question{Holds: []*expression.Program{compile(t, source)}})
		if !slices.Equal(types, want) {
			t.Errorf("%s is about %v, want %v", source, types, want)
		}
	}
}

func TestValuesThatAFieldCanHave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, field string
		want          string
	}{
		{`channel in ["sms", "voice", ""]`, "channel", "[sms voice]"},
		{`channel in ["sms", "voice"] || channel in ["voice", "app"]`, "channel", "[sms voice app]"},
		{`channel in ["sms", "voice"] && channel != "sms"`, "channel", "[voice]"},
		{`channel != "sms"`, "channel", "any"},
		{`channel == "sms" || device.trusted`, "channel", "any"},
		{`true`, "device.trusted", "[true]"},
		{`!device.trusted`, "device.trusted", "[]"},
		{`true`, "type", "[code.requested]"},
		{`client.asn in [0, 1, 2]`, "client.asn", "[1 2]"},
		{`true`, "level", "[]"},
	} {
		f, _ := expression.FieldNamed(tt.field)
		values, bounded := expression.NewProver(plenty).Values("code.requested", expression.Question{Holds: []*expression.Program{compile(t, tt.source)}}, f)
		got := fmt.Sprint(values)
		if !bounded {
			got = "any"
		}
		if got != tt.want {
			t.Errorf("%s leaves %s of %s, want %s", tt.source, got, tt.field, tt.want)
		}
	}
}

func moot(source string, from int, holds, joined bool) expression.Moot {
	return expression.Moot{Source: source, From: from, Holds: holds, Joined: joined}
}

func TestPartsThatDecideNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source string
		part   expression.Moot // none if it has no source
	}{
		{`type == "x.a" || type != "x.a"`, moot(`type == "x.a" || type != "x.a"`, 0, true, true)},
		{` true || device.known`, moot(`true || device.known`, 1, true, true)},
		{`type == "code.requested" && (channel != "sms" || channel != "voice")`, moot(`(channel != "sms" || channel != "voice")`, 28, true, true)},
		{`type == "code.requested" && travel.kmh >= 0`, moot(`travel.kmh >= 0`, 28, true, false)},
		{`travel.kmh >= 0.5 && travel.kmh >= 0`, moot(`travel.kmh >= 0`, 21, true, false)},
		{`account == "ä" && (travel.kmh >= 0.5 and (travel.kmh >= 0))`, moot(`(travel.kmh >= 0)`, 41, true, false)},
		{`type == "code.requested" || (channel == "sms" && channel == "voice")`, moot(`(channel == "sms" && channel == "voice")`, 28, false, true)},
		{`travel.kmh < 0.5 || travel.kmh < 0 || device.known`, moot(`travel.kmh < 0`, 20, false, false)},
		{`1 + 1 == 2`, moot(`1 + 1 == 2`, 0, true, false)},
		{`type == "alert" && rule == "a" && rule != "b"`, moot(`rule != "b"`, 34, true, false)},
		{source: `true`},
		{source: `type == "code.requested" && !device.trusted`},
		{source: `device.known || type == "code.requested"`},
		{source: `type == "alert" && (rule == "a" || rule != "a")`},      // it is shown a's alerts alone
		{source: `device.known && (type == "alert" || type != "alert")`}, // it is shown alerts
		{source: `type == "alert" || rule == "a" && rule == "b"`},
	} {
		got, found := expression.NewProver(plenty).Moot(compile(t, tt.source))
		if found != (tt.part.Source != "") || got != tt.part {
			t.Errorf("%s: part %+v (%v), want %+v", tt.source, got, found, tt.part)
		}
	}
}

// TestWhatIsRuledOutNeverHappens shows random conditions random events of the
// type for which the prover rules them out.
func TestWhatIsRuledOutNeverHappens(t *testing.T) {
	t.Parallel()
	sets, events := 3000, 40
	if testing.Short() {
		sets = 300
	}
	ruledOut, never := 0, 0
	for seed := range sets {
		r := &randomConditions{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
		holds, fails := compile(t, r.condition(3)), compile(t, r.condition(2))
		prover := expression.NewProver(plenty)
		q := expression.Question{Holds: []*expression.Program{holds}, Fails: []*expression.Program{fails}}
		f, _ := expression.FieldNamed(oneOf(r.Rand, "channel", "client.asn", "device.trusted", "account", "level"))
		for range events {
			s := randomScope(r.Rand)
			if s.Event.Type != "alert" {
				s.Event.Rule, s.Event.Level = "", 0 // as only alerts have them
			}
			if s.Event.Type == "" {
				s.Event.Type = "login.succeeded"
			}
			if s.Event.Type == "alert" && s.Event.Rule == "" {
				s.Event.Rule = "code-burst" // every alert is some rule's
			}
			shown := func(p *expression.Program) bool { return isShown(p, s.Event) }
			matches := shown(holds) && holds.Match(s) && (!shown(fails) || !fails.Match(s))
			asked := s.Event.Type
			if strings.HasPrefix(asked, "x.") && r.IntN(2) == 0 {
				asked = expression.OwnTypes
			}
			possible, _ := prover.Possible(asked, q)
			if matches && !possible {
				t.Fatalf("seed %d: %s and not %s is ruled out for %s, and holds for %+v %+v", seed, holds.Source, fails.Source, asked, *s.Event, s.Profile)
			}
			if c := holds.For(s.Event.Type); c.Never() {
				never++
				if possible, _ := prover.Possible(s.Event.Type, expression.Question{Holds: q.Holds}); possible {
					t.Fatalf("seed %d: %s never holds for %s, and is thought possible", seed, holds.Source, s.Event.Type)
				}
			}
			if !possible {
				ruledOut++
			}
			if values, bounded := prover.Values(s.Event.Type, q, f); matches && bounded && f.Value(s) != "" && !slices.Contains(values, f.Value(s)) {
				t.Fatalf("seed %d: %s of %s and not %s is thought to be one of %v, and is %s", seed, f.Name, holds.Source, fails.Source, values, f.Value(s))
			}
		}
	}
	if all := sets * events; ruledOut < all/20 || never < all/100 {
		t.Errorf("of %d questions only %d are ruled out, %d by the type alone: too few to tell much", all, ruledOut, never)
	}
}

// isShown reports whether the engine shows a condition an event.
func isShown(p *expression.Program, e *holdfast.Event) bool {
	return e.Type != holdfast.TypeAlert || rules.Sees(&rules.Rule{ID: "the-condition-s-own"}, p, e.Rule)
}

// TestWhatDecidesNothingCanBeReplaced writes true or false in place of what is said
// to decide nothing, and shows both conditions random events.
func TestWhatDecidesNothingCanBeReplaced(t *testing.T) {
	t.Parallel()
	sets, events := 6000, 20
	if testing.Short() {
		sets = 600
	}
	parts := 0
	for seed := range sets {
		r := &randomConditions{Rand: rand.New(rand.NewPCG(uint64(seed), 11))}
		source := r.condition(2) + oneOf(r.Rand, " && ", " || ") + r.condition(2)
		before := compile(t, source)
		moot, found := expression.NewProver(plenty).Moot(before)
		if !found {
			continue
		}
		runes := []rune(source)
		to := moot.From + len([]rune(moot.Source))
		if got := string(runes[moot.From:to]); got != moot.Source {
			t.Fatalf("seed %d: %s is said to stand where %s does", seed, moot.Source, got)
		}
		if moot.Source != source {
			parts++
		}
		after := compile(t, fmt.Sprint(string(runes[:moot.From]), moot.Holds, string(runes[to:])))
		for range events {
			s := randomScope(r.Rand)
			if s.Event.Type == "alert" {
				s.Event.Rule = oneOf(r.Rand, "code-burst", "ana", "anasms")
			} else {
				s.Event.Rule, s.Event.Level = "", 0
			}
			if s.Event.Type == "" {
				s.Event.Type = "login.succeeded"
			}
			want := isShown(after, s.Event) && after.Match(s)
			if got := isShown(before, s.Event) && before.Match(s); got != want {
				t.Fatalf("seed %d: %s is thought to mean the same as %s, and is %v for %+v %+v", seed, before.Source, after.Source, got, *s.Event, s.Profile)
			}
		}
	}
	if parts < sets/60 {
		t.Errorf("of %d conditions only %d have a part that decides nothing: too few to tell much", sets, parts)
	}
}

func TestAProverGivesUp(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, `(account contains "%d" || phone contains "%d") && `, i, i)
	}
	hard := compile(t, b.String()+`channel == "a" && (channel == "b" || channel == "c")`)
	q := expression.Question{Holds: []*expression.Program{hard}}
	const steps = 100_000
	p := expression.NewProver(steps)
	for range 20 {
		p.Types(q)
	}
	if possible, _ := p.Possible(holdfast.TypeLoginFailed, expression.Question{Holds: []*expression.Program{compile(t, `channel == "a" && channel == "b"`)}}); !possible {
		t.Error("a prover without steps left claims to know")
	}
}

func TestOneKeyIsOneCondition(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{`type == "x.a" && device.trusted`, `(device.trusted) and "x.a" == type`, true},
		{`channel in ["a", "b"]`, `channel in ["b", "a", "b"]`, true},
		{`type == "x.a"`, `type == "x.b"`, false},
		{`client.asn == 1`, `client.asn == 1.0`, false},
		{`type == "alert" && rule == "a"`, `type == "alert" && rule == "b"`, false},
	} {
		if got := compile(t, tt.a).Key() == compile(t, tt.b).Key(); got != tt.same {
			t.Errorf("%s and %s are one condition: %v", tt.a, tt.b, got)
		}
	}
}
