package workbench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/pack"
	"github.com/holdfastd/holdfast/workbench/ruletest"
)

var start = holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())

// happening is an event of ana's account, some time after the start.
type happening struct {
	after  time.Duration
	what   string // type, or type and channel
	device string // "phone" is the trusted one; it and "new" are in ana's own network, "bad2" is in one of its own
}

// TestDefaultPack tells small stories and names all the alerts that each gives. The
// account has been in use for two days.
func TestDefaultPack(t *testing.T) {
	const m, s = time.Minute, time.Second
	for _, tt := range []struct {
		name   string
		events []happening
		want   string
	}{
		{"the story", []happening{
			{0, "session.started", "phone"},
			{31 * m, "code.requested sms", "evil"},
			{33 * m, "code.requested sms", "evil"},
			{33*m + 40*s, "code.rejected sms", "evil"},
			{35 * m, "code.requested sms", "evil"},
			{35*m + 30*s, "code.rejected sms", "evil"},
			{37 * m, "code.requested voice", "evil"},
			{38 * m, "code.rejected voice", "evil"},
			{39 * m, "code.accepted voice", "evil"},
			{39*m + s, "session.started", "evil"},
		}, "code-burst voice-fallback voice-after-one-sms wrong-codes takeover-after-attack"},

		{"three codes that nobody used", []happening{
			{0, "code.requested sms", "evil"}, {7 * m, "code.requested sms", "evil2"}, {10 * m, "code.requested app", "evil3"},
		}, "code-burst"},
		{"three codes over more than ten minutes", []happening{
			{0, "code.requested sms", "evil"}, {8 * m, "code.requested sms", "evil"}, {10*m + 1, "code.requested sms", "evil"},
		}, ""},
		{"a slow SMS, asked for again, and used", []happening{
			{0, "code.requested sms", "new"},
			{m, "code.requested sms", "new"},
			{2 * m, "code.accepted sms", "new"},
			{3 * m, "session.started", "new"},
			{9 * m, "code.requested sms", "new"},
			{10 * m, "code.requested sms", "new"},
		}, ""},
		{"codes on the owner's own phone", []happening{
			{0, "code.requested sms", "phone"}, {m, "code.requested sms", "phone"}, {2 * m, "code.requested sms", "phone"}, {3 * m, "code.requested voice", "phone"},
		}, ""},

		{"a voice call after two SMS", []happening{
			{0, "code.requested sms", "evil"}, {20 * m, "code.requested sms", "evil"}, {30 * m, "code.requested voice", "evil2"},
		}, "voice-fallback voice-after-one-sms"},
		{"a voice call after one SMS", []happening{
			{0, "code.requested sms", "evil"}, {m, "code.requested voice", "evil"},
		}, "voice-after-one-sms"},
		{"a voice call after the owner has logged in", []happening{
			{0, "code.requested sms", "evil"}, {m, "code.requested sms", "evil"}, {2 * m, "code.accepted sms", "phone"}, {20 * m, "code.requested voice", "evil"},
		}, ""},

		{"three wrong codes", []happening{
			{0, "code.rejected sms", "evil"}, {m, "code.rejected sms", "evil"}, {10 * m, "code.rejected sms", "evil2"},
		}, "wrong-codes"},
		{"wrong codes by the owner", []happening{
			{0, "code.rejected sms", "phone"}, {m, "code.rejected sms", "phone"}, {2 * m, "code.rejected sms", "phone"},
		}, ""},

		{"a session within three hours of the attack", []happening{
			{0, "code.rejected sms", "evil"}, {m, "code.rejected sms", "evil"}, {2 * m, "code.rejected sms", "evil"}, {182 * m, "session.started", "other"},
		}, "wrong-codes takeover-after-attack"},
		{"the owner's new phone at home during the attack, then the attacker", []happening{
			{0, "code.rejected sms", "evil"},
			{m, "code.rejected sms", "evil"},
			{2 * m, "code.rejected sms", "evil"},
			{3 * m, "session.started", "new"},
			{5 * m, "session.started", "evil"},
		}, "wrong-codes takeover-from-known-network takeover-after-attack"},
		{"a second session, after the attack has gone on", []happening{
			{0, "code.rejected sms", "evil"},
			{m, "code.rejected sms", "evil"},
			{2 * m, "code.rejected sms", "evil"},
			{3 * m, "session.started", "bad1"},
			{90 * m, "code.rejected sms", "evil"},
			{91 * m, "code.rejected sms", "evil"},
			{92 * m, "code.rejected sms", "evil"},
			{93 * m, "session.started", "bad2"},
		}, "wrong-codes takeover-after-attack wrong-codes takeover-after-attack"},
		{"a second session, in the network that the first one made known", []happening{
			{0, "code.rejected sms", "evil"},
			{m, "code.rejected sms", "evil"},
			{2 * m, "code.rejected sms", "evil"},
			{3 * m, "session.started", "evil"},
			{5 * m, "session.started", "evil2"},
		}, "wrong-codes takeover-after-attack takeover-from-known-network"},
		{"a session later than that", []happening{
			{0, "code.rejected sms", "evil"}, {m, "code.rejected sms", "evil"}, {2 * m, "code.rejected sms", "evil"}, {182*m + 1, "session.started", "other"},
		}, "wrong-codes"},
		{"the owner's own session after the attack", []happening{
			{0, "code.rejected sms", "evil"}, {m, "code.rejected sms", "evil"}, {2 * m, "code.rejected sms", "evil"}, {20 * m, "session.started", "phone"},
		}, "wrong-codes"},
		{"a session before the attack", []happening{
			{0, "session.started", "new"}, {m, "code.rejected sms", "evil"}, {2 * m, "code.rejected sms", "evil"}, {3 * m, "code.rejected sms", "evil"},
		}, "wrong-codes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			engine, err := detector.New(detector.Options{Rules: defaultPack(t)})
			if err != nil {
				t.Fatal(err)
			}
			var out detector.Output
			before := happening{-48 * time.Hour, "session.started", "phone"}
			for i, h := range append([]happening{before}, tt.events...) {
				e := holdfast.Event{Time: start.Add(h.after), Account: "ana", Session: h.device, Device: holdfast.Device{ID: h.device, Trusted: holdfast.Untrusted}}
				switch h.device {
				case "phone", "new":
					e.Client.ASN = 64496
				case "bad2":
					e.Client.ASN = 64510
				default:
					e.Client.ASN = 64511
				}
				e.Type, e.Channel, _ = strings.Cut(h.what, " ")
				if h.device == "phone" {
					e.Device.Trusted = holdfast.Trusted
				}
				engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
			}
			var fired []string
			for _, a := range out.Alerts {
				fired = append(fired, a.Rule)
			}
			if got := strings.Join(fired, " "); got != tt.want {
				t.Errorf("alerts are %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDefaultPackPassesItsOwnTests runs the tests that stand beside the rules: each
// rule is shown firing, and not firing where it is near.
func TestDefaultPackPassesItsOwnTests(t *testing.T) {
	var loader ruletest.Loader
	var err error
	if loader.Rules, err = pack.Sources(); err != nil {
		t.Fatal(err)
	}
	files, err := pack.Tests()
	if err != nil {
		t.Fatal(err)
	}
	suites, found, err := loader.Load(files)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	results, err := ruletest.Runner{}.Run(t.Context(), suites)
	if err != nil {
		t.Fatal(err)
	}
	report := ruletest.Report{Results: results}
	report.Untested, report.Rules = ruletest.Untested(suites)
	if report.Failed() > 0 || len(report.Untested) > 0 || len(results) == 0 {
		if err := report.WriteText(t.Output(), false); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d of %d tests failed, untested: %v", report.Failed(), len(results), report.Untested)
	}
}

func defaultPack(t testing.TB) *rules.Set {
	t.Helper()
	sources, err := pack.Sources()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(sources, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
