package detector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// curious asks for everything that there is to see, and foretells from what it sees
// before an event what a rule that counts will do.
type curious struct {
	t           *testing.T
	maxLateness time.Duration
	foretold    map[string]string // by rule
	foretells   int
	passed      int
}

func (c *curious) Before(v *detector.View) {
	c.foretold = map[string]string{}
	for r := range v.Rules() {
		p := c.look(v, r)
		if r.Match != nil && r.Surge == nil && r.Distinct == nil && r.Without == nil {
			c.foretold[r.ID] = c.foretell(v, r, &p)
			c.foretells++
		}
	}
}

func (c *curious) After(v *detector.View) {
	for r := range v.Rules() {
		p := c.look(v, r)
		want, ok := c.foretold[r.ID]
		if !ok {
			continue
		}
		got := fmt.Sprint(p.Gathered)
		if slices.ContainsFunc(v.Fired(), func(a holdfast.Alert) bool { return a.Rule == r.ID }) {
			got = "fires"
		}
		if want != "" && got != want {
			c.t.Errorf("at event %d (%s) rule %s comes to %s, and %s was to be seen before", v.Position().Offset, v.Event().Type, r.ID, got, want)
		}
	}
}

func (c *curious) Pass(detector.Deadline) { c.passed++ }

func (c *curious) look(v *detector.View, r *rules.Rule) detector.Progress {
	for _, condition := range r.Conditions() {
		if v.Holds(r.ID, condition) {
			condition.Explain(v.Scope())
		}
	}
	v.Scope().Resolve()
	p, ok := v.Progress(r.ID, detector.MaxShown)
	if !ok {
		c.t.Errorf("there is no progress of rule %s", r.ID)
	}
	return p
}

// foretell says what a rule that counts will come to, by what can be seen before
// the event: "fires", or how many events it will have gathered; "" if that is not
// told apart here.
func (c *curious) foretell(v *detector.View, r *rules.Rule, p *detector.Progress) string {
	e := v.Event()
	excepted := slices.ContainsFunc(r.Exceptions, func(x rules.Exception) bool {
		return (!x.Ends || e.Time < x.Until) && v.Holds(r.ID, x.Match)
	})
	switch {
	case r.Cancel != nil && v.Holds(r.ID, r.Cancel.Match):
		return ""
	case p.Empty != nil:
		return "0"
	case !v.Holds(r.ID, r.Match), excepted, p.Open != nil && e.Time <= p.Open.Until:
		return fmt.Sprint(p.Gathered)
	}
	newest := e.Time
	for _, en := range p.Entries {
		newest = max(newest, en.Time)
	}
	count := 0
	for _, t := range append(p.Entries, detector.Entry{Time: e.Time}) {
		if p.Settings.Timespan == 0 || t.Time >= newest.Add(-p.Settings.Timespan) {
			count++
		}
	}
	switch {
	case count >= p.Settings.Count:
		return "fires"
	case v.Watermark() > newest.Add(p.Settings.Timespan+c.maxLateness):
		return "0" // the next event will not find it any more
	}
	return fmt.Sprint(count)
}

// TestObservedEngineDoesTheSame runs random trials with and without an observer that
// asks for all it can.
func TestObservedEngineDoesTheSame(t *testing.T) {
	t.Parallel()
	alerts, watcher := 0, &curious{t: t}
	for seed := range uint64(200) {
		trial := newTrial(seed)
		trial.options.MaxEntries = 0 // what a full group gives up is not foretold
		set, err := trial.compile()
		if err != nil {
			t.Fatal(err)
		}
		watcher.maxLateness = detector.Options{MaxLateness: trial.options.MaxLateness}.WithDefaults().MaxLateness
		var outs [2]detector.Output
		var stats [2]detector.Stats
		for i := range outs {
			engine, err := detector.New(detector.Options{Rules: set, Lateness: trial.options.Lateness, MaxLateness: trial.options.MaxLateness})
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				engine.Observe(watcher)
			}
			for j := range trial.inputs {
				engine.Process(trial.inputs[j].input(), &outs[i])
				if i == 1 {
					v := engine.Look(trial.inputs[0].input())
					for r := range v.Rules() {
						watcher.look(v, r)
					}
				}
			}
			engine.Finish(&outs[i])
			stats[i] = engine.Stats()
		}
		alerts += len(outs[0].Alerts)
		diff := cmp.Diff(outs[0].Alerts, outs[1].Alerts) + cmp.Diff(outs[0].Occurrences, outs[1].Occurrences) + cmp.Diff(stats[0], stats[1])
		if diff != "" {
			t.Fatalf("seed %d: the observed engine departs:\n%s\n%s\n(-alone +observed)\n%s", seed, trial.yaml(), trial.events(), diff)
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s\n%s", seed, trial.yaml(), trial.events())
		}
	}
	if alerts < 1000 || watcher.foretells < 1000 || watcher.passed < 100 {
		t.Errorf("%d alerts, %d foretold, %d deadlines: not what this is about", alerts, watcher.foretells, watcher.passed)
	}
}

// noted is a rule's progress at an event, in short.
type noted struct {
	rule string
	log  *[]string
}

func (n noted) Before(v *detector.View) { n.note(v, "before") }
func (n noted) After(v *detector.View)  { n.note(v, "after") }

func (n noted) Pass(d detector.Deadline) {
	what := "fires"
	if d.Open != nil {
		what = "falls into the alert"
	}
	*n.log = append(*n.log, fmt.Sprintf("deadline %v of #%d %s", d.At.Sub(start), d.Position.Offset, what))
}

func (n noted) note(v *detector.View, when string) {
	p, _ := v.Progress(n.rule, detector.MaxShown)
	what := []string{fmt.Sprintf("%s #%d%s:", when, v.Position().Offset, map[bool]string{true: " alert"}[v.Alert() != ""])}
	add := func(format string, args ...any) { what = append(what, fmt.Sprintf(format, args...)) }
	if p.Empty != nil {
		add("no group for want of %s", strings.Join(p.Empty, ", "))
	}
	if p.Gathered > 0 {
		add("gathered %d", p.Gathered)
	}
	for _, d := range p.Distinct {
		add("%s %d/%d", d.Field, d.Have, d.Need)
	}
	for _, chain := range p.Chains {
		last := len(chain) - 1
		add("chain to step %d at #%d", p.Step(last), chain[last].Evidence.Offset)
	}
	if p.Score != nil {
		add("score %g", p.Score.At(v.Event().Time))
	}
	if p.Surge != nil {
		add("bucket %d of limit %.2f, %d closed", p.Surge.Count, p.Surge.Limit, p.Surge.Closed)
	}
	if p.Open != nil {
		add("open until %v, %d more", p.Open.Until.Sub(start), p.Open.Occurrences)
	}
	for _, h := range p.Held {
		add("#%d held until %v", h.Position.Offset, h.Deadline.Sub(start))
	}
	if p.Settings.Override >= 0 {
		add("override %d", p.Settings.Override)
	}
	if fired := v.Fired(); len(fired) > 0 {
		add("fired %d", len(fired))
	}
	*n.log = append(*n.log, strings.Join(what, " "))
}

func TestProgress(t *testing.T) {
	type at struct {
		after time.Duration
		holdfast.Event
	}
	a, b := event("x.a"), event("x.b")
	for _, tt := range []struct {
		name, rules string
		events      []at
		want        string
	}{
		{
			"a count gathers, fires, suppresses, and forgets", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 1m, suppress: 10m}`,
			[]at{{0, a}, {time.Minute, a}, {2 * time.Minute, a}, {time.Hour, b}},
			`
before #0:
after #0: gathered 1
before #1: gathered 1
after #1: open until 11m0s, 0 more fired 1
before #2: open until 11m0s, 0 more
after #2: open until 11m0s, 1 more
before #3:
after #3:`,
		},
		{
			"what is too old is not shown, though nothing has dropped it", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 1m}`,
			[]at{{0, a}, {16*time.Minute + 5*time.Second, b}, {16*time.Minute + 6*time.Second, b}},
			`
before #0:
after #0: gathered 1
before #1: gathered 1
after #1: gathered 1
before #2:
after #2:`,
		},
		{
			"values and overrides", `
- {id: r, title: T, level: low, group_by: [account, channel], match: type == "x.a", distinct: {device.id: 2, attempt: 1}, timespan: 1m,
   overrides: [{match: account == "bob", timespan: 2m}]}`,
			[]at{{0, on("d1", "x.a")}, {0, holdfast.Event{Type: "x.a", Account: "bob", Channel: "sms", Device: holdfast.Device{ID: "d1"}}}},
			`
before #0: no group for want of channel
after #0: no group for want of channel
before #1: device.id 0/2 attempt 0/1 override 0
after #1: gathered 1 device.id 1/2 attempt 0/1 override 0`,
		},
		{
			"a sequence keeps a chain of each length", `
- {id: r, title: T, level: low, group_by: account, timespan: 1m, sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}, {match: type == "x.c"}]}`,
			[]at{{0, a}, {time.Second, a}, {2 * time.Second, b}, {3 * time.Minute, a}},
			`
before #0:
after #0: chain to step 0 at #0
before #1: chain to step 0 at #0
after #1: chain to step 0 at #1 chain to step 0 at #1
before #2: chain to step 0 at #1 chain to step 0 at #1
after #2: chain to step 1 at #2 chain to step 0 at #1 chain to step 0 at #1
before #3: chain to step 1 at #2 chain to step 0 at #1 chain to step 0 at #1
after #3: chain to step 0 at #3`,
		},
		{
			"a score decays", `
- {id: r, title: T, level: low, group_by: account, score: {threshold: 15, half_life: 1m, points: [{match: type == "x.a", add: 8}]}}`,
			[]at{{0, a}, {time.Minute, a}, {time.Minute, a}},
			`
before #0:
after #0: gathered 1 score 8
before #1: gathered 1 score 4
after #1: gathered 2 score 12
before #2: gathered 2 score 12
after #2: score 0 fired 1`,
		},
		{
			"a surge shows the bucket that the event falls into", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", surge: {bucket: 1m, min: 1, sigmas: 1, warmup: 1, half_life: 1h}}`,
			[]at{{0, a}, {time.Minute, a}, {time.Minute, a}, {time.Minute, a}},
			`
before #0:
after #0: gathered 1 bucket 1 of limit 1.00, 0 closed
before #1: gathered 1 bucket 0 of limit 2.00, 1 closed
after #1: gathered 2 bucket 1 of limit 2.00, 1 closed
before #2: gathered 2 bucket 1 of limit 2.00, 1 closed
after #2: gathered 3 bucket 2 of limit 2.00, 1 closed
before #3: gathered 3 bucket 2 of limit 2.00, 1 closed
after #3: bucket 3 of limit 2.00, 1 closed fired 1`,
		},
		{
			"alerts are held, answered and pass", `
- {id: r, title: T, level: low, group_by: account, match: type == "x.a", suppress: 2m, without: {match: type == "x.b", for: 1m}}`,
			[]at{{0, a}, {time.Second, b}, {2 * time.Second, a}, {3 * time.Second, a}, {2 * time.Minute, event("x.c")}},
			`
before #0:
after #0: #0 held until 1m0s
before #1: #0 held until 1m0s
after #1:
before #2:
after #2: #2 held until 1m2s
before #3: #2 held until 1m2s
after #3: #3 held until 1m3s #2 held until 1m2s
deadline 1m2s of #2 fires
deadline 1m3s of #3 falls into the alert
before #4: open until 3m2s, 1 more
after #4: open until 3m2s, 1 more`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRun(t, tt.rules)
			var log []string
			r.engine.Observe(noted{"r", &log})
			for _, e := range tt.events {
				r.at(e.after, e.Event)
			}
			want := strings.Split(strings.TrimSpace(tt.want), "\n")
			got := slices.DeleteFunc(log, func(line string) bool { return strings.Contains(line, " alert:") })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestObserverSeesAlertsAndEndsWhenAsked(t *testing.T) {
	r := newRun(t, `
- {id: a, title: T, level: low, group_by: account, match: type == "x.a"}
- {id: b, title: T, level: low, group_by: account, match: type == "alert" && rule == "a", count: 2, timespan: 1h}
- {id: off, title: T, level: low, status: deprecated, group_by: account, match: type == "x.a"}
`)
	var log []string
	r.engine.Observe(noted{"b", &log})
	r.at(0, event("x.a"))
	r.engine.Observe(nil)
	r.at(0, event("x.a"))
	want := []string{"before #0:", "after #0: fired 1", "before #0 alert:", "after #0 alert: gathered 1"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	v := r.engine.Look(detector.Input{Event: &holdfast.Event{Type: "x.a", Account: "ana", Time: start}})
	if _, ok := v.Progress("off", 1); ok {
		t.Error("a rule that is off has progress")
	}
}
