package workbench_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
)

// dawn is when the events of these tests begin.
var dawn = holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())

// traced is an event some time after dawn.
type traced struct {
	after time.Duration
	holdfast.Event
}

// trace runs events through rules, watched by a trace.
func trace(t *testing.T, opts workbench.TraceOptions, yaml string, events ...traced) (*workbench.Trace, []holdfast.Alert) {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "rules.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := detector.New(detector.Options{Rules: set})
	if err != nil {
		t.Fatal(err)
	}
	tr := workbench.NewTrace(opts)
	engine.Observe(tr)
	var out detector.Output
	for i, e := range events {
		e.Time = dawn.Add(e.after)
		if e.Account == "" {
			e.Account = "ana"
		}
		engine.Process(detector.Input{Event: &e.Event, Offset: int64(i)}, &out)
	}
	engine.Finish(&out)
	return tr, out.Alerts
}

func is(kind string) holdfast.Event { return holdfast.Event{Type: kind} }

func sms(e holdfast.Event) holdfast.Event { e.Channel = "sms"; return e }

func by(device string, e holdfast.Event) holdfast.Event { e.Device.ID = device; return e }

const m = time.Minute

// TestWhyNot says why the rule r did not fire.
func TestWhyNot(t *testing.T) {
	code := is("code.requested")
	trusted := code
	trusted.Device.Trusted = holdfast.Trusted
	odd := code
	odd.ID, odd.Channel = "\x1b]0;x\a", "\u202evoice"
	for _, tt := range []struct {
		name, rules string
		events      []traced
		want        string
	}{
		{
			"a count that was not reached", `
- {id: r, title: T, level: low, group_by: account, match: type == "code.requested" && !device.trusted, count: 3, timespan: 15m}`,
			[]traced{{0, code}, {m, is("code.accepted")}, {2 * m, code}, {3 * m, trusted}},
			`
why r did not fire: counted 2 of 3 within 15m; event #3 did not match: !device.trusted was false (device.trusted = true)
  #0  2026-11-24 08:00:00  code.requested  counted 1 of 3 within 15m
  #2  2026-11-24 08:02:00  code.requested  counted 2 of 3 within 15m
  #3  2026-11-24 08:03:00  code.requested  did not match: !device.trusted was false (device.trusted = true)
`,
		},
		{
			"suppression", `
- {id: r, title: T, level: low, group_by: account, match: type == "code.requested", suppress: 1h}`,
			[]traced{{0, code}, {2 * m, code}},
			`
why r did not fire again after #0: event #1 is one more occurrence of r-d110d5be8618df979e8b9bd8, open until 2026-11-24 09:00:00
  #0  2026-11-24 08:00:00  code.requested  fired r-d110d5be8618df979e8b9bd8
  #1  2026-11-24 08:02:00  code.requested  is one more occurrence of r-d110d5be8618df979e8b9bd8, open until 2026-11-24 09:00:00
`,
		},
		{
			"an exception, and an event without a group", `
- {id: r, title: T, level: low, group_by: [account, channel], match: type == "code.requested", exceptions: [{name: load-test, match: account startsWith "lt_"}]}`,
			[]traced{{0, holdfast.Event{Type: "code.requested", Account: "lt_1"}}, {m, code}},
			"\n" +
				"why r did not fire: event #1 belongs to no group: channel is empty\n" +
				"  #0  2026-11-24 08:00:00  code.requested  is excepted by `load-test`\n" +
				"  #1  2026-11-24 08:01:00  code.requested  belongs to no group: channel is empty\n",
		},
		{
			"the step of a sequence that was due", `
- {id: r, title: T, level: low, group_by: account, timespan: 30m, sequence: [{match: type == "code.requested" && channel == "sms", count: 2}, {match: type == "code.requested" && channel == "voice"}], until: type == "x.end"}`,
			[]traced{{0, sms(code)}, {m, odd}, {2 * m, sms(code)}, {3 * m, sms(code)}, {4 * m, odd}, {5 * m, is("x.end")}, {6 * m, is("x.end")}},
			`
why r did not fire: served step 1 of 2: 2 of 3 events within 30m; event #5 ended the sequence by ` + "`until`" + `, at 2 of 3 events
  #0                   2026-11-24 08:00:00  code.requested  served step 1 of 2: 1 of 3 events within 30m
  #1 \u001b]0;x\u0007  2026-11-24 08:01:00  code.requested  was not step 1 of 2: channel == "sms" was false (channel = "\u202evoice")
  #2                   2026-11-24 08:02:00  code.requested  served step 1 of 2: 2 of 3 events within 30m
  #3                   2026-11-24 08:03:00  code.requested  served step 1 of 2: 2 of 3 events within 30m
  #4 \u001b]0;x\u0007  2026-11-24 08:04:00  code.requested  was not step 2 of 2: channel == "voice" was false (channel = "\u202evoice")
  #5                   2026-11-24 08:05:00  x.end           ended the sequence by ` + "`until`" + `, at 2 of 3 events
`,
		},
		{
			"a step that came too soon", `
- {id: r, title: T, level: low, group_by: account, timespan: 30m, sequence: [{match: type == "x.a"}, {match: type == "x.b"}, {match: type == "x.c"}]}`,
			[]traced{{0, is("x.b")}, {m, is("x.a")}, {2 * m, is("x.c")}},
			`
why r did not fire: served step 1 of 3: 1 of 3 events within 30m; event #2 came out of turn: step 2 of 3 was due, and type == "x.b" was false (type = "x.c")
  #0  2026-11-24 08:00:00  x.b  came out of turn: step 1 of 3 was due, and type == "x.a" was false (type = "x.b")
  #1  2026-11-24 08:01:00  x.a  served step 1 of 3: 1 of 3 events within 30m
  #2  2026-11-24 08:02:00  x.c  came out of turn: step 2 of 3 was due, and type == "x.b" was false (type = "x.c")
`,
		},
		{
			"events of other types alone", `
- {id: r, title: T, level: low, group_by: account, match: type == "code.requested"}`,
			[]traced{{0, is("x.a")}, {0, is("x.a")}},
			`
why r did not fire: event #0 did not match: type == "code.requested" was false (type = "x.a")
`,
		},
		{
			"no events", `
- {id: r, title: T, level: low, group_by: account, match: type == "code.requested"}`,
			nil, `
why r did not fire: no event was shown to it
`,
		},
		{
			"an alert that is answered", `
- {id: r, title: T, level: low, group_by: account, match: type == "code.requested", without: {match: type == "code.accepted", for: 10m}}`,
			[]traced{{0, code}, {m, is("code.accepted")}},
			`
why r did not fire: event #1 answered 1 of 1 held alerts by ` + "`without`" + `
  #0  2026-11-24 08:00:00  code.requested  completed r-d110d5be8618df979e8b9bd8, which is held until 2026-11-24 08:10:00
  #1  2026-11-24 08:01:00  code.accepted   answered 1 of 1 held alerts by ` + "`without`" + `
`,
		},
		{
			"values, and entries that were taken back", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", count: 3, distinct: {device.id: 2}, timespan: 15m, cancel: {match: type == "x.ok", same: device.id}}`,
			[]traced{{0, by("d1", is("x.a"))}, {m, by("d1", is("x.a"))}, {2 * m, by("d2", is("x.ok"))}, {3 * m, by("d1", is("x.ok"))}, {20 * m, is("x.a")}, {2 * m, is("x.a")}},
			`
why r did not fire: counted 2 of 3 with 1 of 2 different device.id within 15m; event #5 is too old beside what is there within 15m
  #0  2026-11-24 08:00:00  x.a   counted 1 of 3 with 1 of 2 different device.id within 15m
  #1  2026-11-24 08:01:00  x.a   counted 2 of 3 with 1 of 2 different device.id within 15m
  #2  2026-11-24 08:02:00  x.ok  took back 0 of 2 events by ` + "`cancel`" + `
  #3  2026-11-24 08:03:00  x.ok  took back 2 of 2 events by ` + "`cancel`" + `
  #4  2026-11-24 08:20:00  x.a   counted 1 of 3 with 0 of 2 different device.id within 15m
  #5  2026-11-24 08:02:00  x.a   is too old beside what is there within 15m
`,
		},
		{
			"points", `
- {id: r, title: T, level: low, group_by: account, score: {threshold: 50, half_life: 30m, points: [{match: type == "login.failed" && channel == "app", add: 10}, {match: type == "code.rejected", add: 15}]}}`,
			[]traced{{0, is("code.rejected")}, {30 * m, is("login.failed")}, {30 * m, is("code.rejected")}, {31 * m, is("x.a")}},
			`
why r did not fire: scored 22.5 of 50 points at a half-life of 30m; event #1 did not match: channel == "app" was false (channel = "")
  #0  2026-11-24 08:00:00  code.rejected  scored 15 of 50 points at a half-life of 30m
  #1  2026-11-24 08:30:00  login.failed   did not match: channel == "app" was false (channel = "")
  #2  2026-11-24 08:30:00  code.rejected  scored 22.5 of 50 points at a half-life of 30m
`,
		},
		{
			"a surge", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", surge: {bucket: 5m, min: 3, sigmas: 2, warmup: 1, half_life: 1h}}`,
			[]traced{{0, is("x.a")}, {6 * m, is("x.a")}, {7 * m, is("x.a")}},
			`
why r did not fire: counted 2 in the bucket, which fires at 4 (mean 1, deviation 1)
  #0  2026-11-24 08:00:00  x.a  counted 1 in the bucket, which fires at 3 (warming up: 0 of 1 buckets are closed)
  #1  2026-11-24 08:06:00  x.a  counted 1 in the bucket, which fires at 4 (mean 1, deviation 1)
  #2  2026-11-24 08:07:00  x.a  counted 2 in the bucket, which fires at 4 (mean 1, deviation 1)
`,
		},
		{
			"an alert of a rule in test", `
- {id: a, title: T, level: low, status: test, group_by: account, match: type == "x.a"}
- {id: r, title: T, level: low, group_by: account, match: type == "alert" && rule == "a" || type == "x.b"}`,
			[]traced{{0, is("x.a")}},
			`
why r did not fire: event #0 did not match: type == "alert" && rule == "a" || type == "x.b" was false (type = "x.a", rule = "")
`,
		},
		{
			"a deadline that falls into an open alert", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", suppress: 1h, without: {match: type == "x.ok", for: 10m}}`,
			[]traced{{0, is("x.a")}, {m, is("x.a")}},
			`
why r did not fire again after #0: event #1 was not answered, but r-d110d5be8618df979e8b9bd8 was open until 2026-11-24 09:10:00
  #0  2026-11-24 08:00:00  x.a         completed r-d110d5be8618df979e8b9bd8, which is held until 2026-11-24 08:10:00
  #1  2026-11-24 08:01:00  x.a         completed r-59909cd52dd7745f33ae8713, which is held until 2026-11-24 08:11:00
  #0  2026-11-24 08:10:00  (deadline)  was not answered: fired r-d110d5be8618df979e8b9bd8
  #1  2026-11-24 08:11:00  (deadline)  was not answered, but r-d110d5be8618df979e8b9bd8 was open until 2026-11-24 09:10:00
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, _ := trace(t, workbench.TraceOptions{}, tt.rules, tt.events...)
			var got bytes.Buffer
			if err := tr.WriteWhyNot(&got, "r", ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestWhy says why alerts fired: of one of them, all that its evidence did.
func TestWhy(t *testing.T) {
	tr, alerts := trace(t, workbench.TraceOptions{}, `
- {id: burst, title: T, level: low, group_by: account, match: type == "code.requested" && !device.trusted, count: 2, timespan: 15m}
- {id: r, title: T, level: low, group_by: account, timespan: 1h, sequence: [{match: type == "alert" && rule == "burst"}, {match: type == "session.started"}]}`,
		traced{0, is("code.requested")}, traced{m, is("code.accepted")}, traced{2 * m, is("code.requested")}, traced{3 * m, is("session.started")})
	var got bytes.Buffer
	for i := range alerts {
		if err := tr.WriteWhy(&got, &alerts[i]); err != nil {
			t.Fatal(err)
		}
	}
	want := `why burst-a560f75351b3e5e0febc1252 fired
  #0  2026-11-24 08:00:00  code.requested  counted 1 of 2 within 15m
  #2  2026-11-24 08:02:00  code.requested  fired burst-a560f75351b3e5e0febc1252
why r-dc383afe8c463eeb62ea0cd8 fired
  #2 burst-a560f75351b3e5e0febc1252  2026-11-24 08:02:00  alert            served step 1 of 2: 1 of 2 events within 1h
  #3                                 2026-11-24 08:03:00  session.started  fired r-dc383afe8c463eeb62ea0cd8
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTraceIsLimited(t *testing.T) {
	const counts = `
- {id: a, title: T, level: low, group_by: account, match: type == "x.a", count: 100, timespan: 1h}
- {id: b, title: T, level: low, group_by: account, match: type == "x.a", count: 100, timespan: 1h}`
	var events []traced
	for i := range 60 {
		events = append(events, traced{m, holdfast.Event{Type: "x.a", Account: []string{"ana", "bob", "cem"}[i%3]}})
		events = append(events, traced{m, holdfast.Event{Type: "x.other"}})
	}
	for name, tt := range map[string]struct {
		opts          workbench.TraceOptions
		kept, dropped int
	}{
		"not at all":    {workbench.TraceOptions{}, 2*60 + 2*3, 0}, // and a few of another type
		"to an account": {workbench.TraceOptions{Accounts: []string{"bob"}}, 2 * 20, 0},
		"to a rule":     {workbench.TraceOptions{Rules: []string{"b"}}, 60 + 3, 0},
		"to offsets":    {workbench.TraceOptions{From: 4, To: 8, Accounts: []string{"bob", "cem"}}, 2 * 1, 0},
		"in number":     {workbench.TraceOptions{Rules: []string{"a"}, MaxEntries: 32}, 31, 32},
	} {
		tr, _ := trace(t, tt.opts, counts, events...)
		if len(tr.Entries()) != tt.kept || tr.Dropped() != tt.dropped {
			t.Errorf("limited %s, %d entries are kept and %d dropped, want %d and %d", name, len(tr.Entries()), tr.Dropped(), tt.kept, tt.dropped)
		}
	}
}
