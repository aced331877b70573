package detector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// start is the time at which test events begin.
var start = holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())

func compile(t testing.TB, yaml string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "rules.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// run feeds events to an engine and collects what comes out.
type run struct {
	testing.TB
	engine *detector.Engine
	out    detector.Output
	offset int64
}

func newRun(t testing.TB, yaml string) *run {
	t.Helper()
	engine, err := detector.New(detector.Options{Rules: compile(t, yaml)})
	if err != nil {
		t.Fatal(err)
	}
	return &run{TB: t, engine: engine}
}

// at feeds an event that happened some time after the start.
func (r *run) at(after time.Duration, e holdfast.Event) *run {
	e.Time = start.Add(after)
	if e.Account == "" {
		e.Account = "ana"
	}
	r.engine.Process(detector.Input{Event: &e, Offset: r.offset}, &r.out)
	r.offset++
	return r
}

// alerts lists what fired, as rule@offset[evidence].
func (r *run) alerts() []string {
	var all []string
	for _, a := range r.out.Alerts {
		var evidence []string
		for _, e := range a.Evidence {
			if e.Alert != "" {
				evidence = append(evidence, e.Alert[:strings.LastIndexByte(e.Alert, '-')])
			} else {
				evidence = append(evidence, fmt.Sprint(e.Offset))
			}
		}
		all = append(all, fmt.Sprintf("%s@%d[%s]", a.Rule, a.Trigger.Offset, strings.Join(evidence, " ")))
	}
	return all
}

func (r *run) want(alerts ...string) {
	r.Helper()
	if got := r.alerts(); !slices.Equal(got, alerts) {
		r.Errorf("alerts are %q, want %q", got, alerts)
	}
}

func event(kind string) holdfast.Event { return holdfast.Event{Type: kind} }

const three = `
- {id: three, title: T, level: low, group_by: account, match: type == "x.a", count: 3, timespan: 10m, suppress: 1h,
   cancel: {match: type == "x.ok", same: device.id}}
`

func on(device, kind string) holdfast.Event {
	return holdfast.Event{Type: kind, Device: holdfast.Device{ID: device}}
}

func TestCount(t *testing.T) {
	a := event("x.a")
	t.Run("fires at the count, with what is in the span", func(t *testing.T) {
		newRun(t, three).at(0, a).at(11*time.Minute, a).at(12*time.Minute, a).at(13*time.Minute, a).want("three@3[1 2 3]")
	})
	t.Run("an entry exactly a span old stays", func(t *testing.T) {
		newRun(t, three).at(0, a).at(5*time.Minute, a).at(10*time.Minute, a).want("three@2[0 1 2]")
	})
	t.Run("a late event can be the one to go", func(t *testing.T) {
		newRun(t, three).at(11*time.Minute, a).at(12*time.Minute, a).at(0, a).at(13*time.Minute, a).want("three@3[0 1 3]")
	})
	t.Run("groups are apart, and an event without one is not counted", func(t *testing.T) {
		b := holdfast.Event{Type: "x.a", Account: "bob"}
		newRun(t, three).at(0, a).at(1, b).at(2, a).at(3, b).at(4, a).want("three@4[0 2 4]")
		newRun(t, strings.Replace(three, "group_by: account", "group_by: [account, device.id]", 1)).
			at(0, a).at(1, a).at(2, a).want()
	})
	t.Run("cancel takes back what it equals", func(t *testing.T) {
		newRun(t, three).at(0, on("d1", "x.a")).at(1, on("d2", "x.a")).at(2, on("d1", "x.ok")).
			at(3, on("d1", "x.a")).at(4, on("d1", "x.a")).want("three@4[1 3 4]")
	})
	t.Run("an empty value equals nothing", func(t *testing.T) {
		newRun(t, three).at(0, a).at(1, a).at(2, event("x.ok")).at(3, a).want("three@3[0 1 3]")
	})
	t.Run("after canceling the newest, an older event counts again", func(t *testing.T) {
		newRun(t, three).at(0, on("d1", "x.a")).at(20*time.Minute, on("d2", "x.a")).at(20*time.Minute, on("d2", "x.ok")).
			at(time.Minute, on("d1", "x.a")).at(2*time.Minute, on("d1", "x.a")).at(3*time.Minute, on("d1", "x.a")).
			want("three@5[3 4 5]")
	})
}

func TestSuppression(t *testing.T) {
	a := event("x.a")
	r := newRun(t, three).at(0, a).at(1, a).at(2, a).at(time.Minute, a).at(2+time.Hour, a)
	r.want("three@2[0 1 2]")
	if len(r.out.Occurrences) != 1 || r.out.Occurrences[0].Count != 2 || r.out.Occurrences[0].Last.Offset != 4 {
		t.Errorf("occurrences are %+v: the event at suppressed-until itself is the second", r.out.Occurrences)
	}
	r.at(3+time.Hour, a).at(4+time.Hour, a).at(5+time.Hour, a).want("three@2[0 1 2]", "three@7[5 6 7]")

	never := strings.Replace(three, "suppress: 1h", "suppress: 0s", 1)
	newRun(t, never).at(0, a).at(0, a).at(0, a).at(0, a).at(0, a).at(0, a).want("three@2[0 1 2]", "three@5[3 4 5]")
}

func TestForgetting(t *testing.T) {
	a, tick := event("x.a"), event("x.tick")
	two := `- {id: two, title: T, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 1m}`
	// Forgotten is what the watermark has passed by the span and max_lateness:
	// 1m + 15m after the event, and the watermark is 5 s behind.
	edge := 16*time.Minute + 5*time.Second
	newRun(t, two).at(0, a).at(edge, tick).at(30*time.Second, a).want("two@2[0 2]")
	newRun(t, two).at(0, a).at(edge+1, tick).at(30*time.Second, a).want()
}

func TestBrokerTimeBoundsTheWatermark(t *testing.T) {
	r := newRun(t, three)
	e := holdfast.Event{Type: "x.a", Account: "ana", Time: start.Add(4 * time.Minute)}
	r.engine.Process(detector.Input{Event: &e, Broker: start}, &r.out)
	if w, ok := r.engine.Watermark(); !ok || w != start.Add(-5*time.Second) {
		t.Errorf("the watermark is %v: an event from the future moves it to no later than its broker time less lateness", w)
	}
	e.Time = start.Add(time.Minute)
	r.engine.Process(detector.Input{Event: &e, Offset: 1, Broker: start.Add(time.Hour)}, &r.out)
	if w, _ := r.engine.Watermark(); w != start.Add(55*time.Second) {
		t.Errorf("the watermark is %v: a late delivery moves it to no later than the event's own time less lateness", w)
	}
}

const steps = `
- id: steps
  title: T
  level: low
  group_by: account
  timespan: 10m
  suppress: 0s
  sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}]
  until: type == "x.until"
  exceptions: [{name: qa, match: device.id == "qa"}]
`

func TestSequence(t *testing.T) {
	a, b, until, other := event("x.a"), event("x.b"), event("x.until"), event("x.other")
	m := time.Minute
	t.Run("steps in order, others in between", func(t *testing.T) {
		newRun(t, steps).at(0, b).at(1, a).at(2, other).at(3, b).at(4, a).at(5, b).want("steps@5[1 4 5]")
	})
	t.Run("the chain that lasts longest is kept", func(t *testing.T) {
		newRun(t, steps).at(0, a).at(6*m, a).at(7*m, a).at(11*m, b).want("steps@3[1 2 3]")
	})
	t.Run("a chain that was extended can be extended otherwise", func(t *testing.T) {
		newRun(t, steps).at(5*m, a).at(0, a).at(6*m, a).at(14*m, b).want("steps@3[0 2 3]")
	})
	t.Run("until starts over", func(t *testing.T) {
		newRun(t, steps).at(0, a).at(1, a).at(2, until).at(3, b).at(4, a).at(5, a).at(6, b).want("steps@6[4 5 6]")
	})
	t.Run("an event serves one step", func(t *testing.T) {
		newRun(t, `
- {id: any, title: T, level: low, group_by: account, timespan: 1m, sequence: [{match: 'true', count: 3}]}`).
			at(0, a).at(1, a).want()
	})
	t.Run("excepted events don't count", func(t *testing.T) {
		newRun(t, steps).at(0, a).at(1, on("qa", "x.a")).at(2, b).want()
	})
	t.Run("suppression holds while it lasts, and until clears beneath it", func(t *testing.T) {
		suppressed := strings.Replace(steps, "suppress: 0s", "suppress: 5m", 1)
		r := newRun(t, suppressed).at(0, a).at(1, a).at(2, b).at(m, a).at(2*m, b).
			at(6*m, a).at(6*m, until).at(7*m, a).at(8*m, b)
		r.want("steps@2[0 1 2]")
		if len(r.out.Occurrences) != 1 || r.out.Occurrences[0].Count != 2 {
			t.Errorf("occurrences are %+v", r.out.Occurrences)
		}
	})
}

func TestExceptionsEndWithTheirDay(t *testing.T) {
	yaml := `
- {id: one, title: T, level: low, group_by: account, match: type == "x.a", exceptions: [{name: n, match: 'true', until: 2026-11-24}]}`
	a := event("x.a")
	newRun(t, yaml).at(16*time.Hour-1, a).at(16*time.Hour, a).want("one@1[1]")
}

func TestAlertsAreEvents(t *testing.T) {
	a := event("x.a")
	t.Run("first in, first out, in the order of the rules", func(t *testing.T) {
		newRun(t, `
- {id: upon-b, title: T, level: high, group_by: account, match: type == "alert" && rule == "b"}
- {id: a, title: T, level: low, group_by: account, match: type == "x.a"}
- {id: b, title: T, level: low, group_by: account, match: type == "x.a"}
- {id: upon-upon, title: T, level: high, group_by: account, match: type == "alert" && rule == "upon-b" && level == "high"}
- {id: both, title: T, level: high, group_by: account, timespan: 1h, sequence: [{match: type == "alert" && rule == "a"}, {match: type == "alert" && rule == "b"}]}
`).at(0, a).want("a@0[0]", "b@0[0]", "upon-b@0[b]", "both@0[a b]", "upon-upon@0[upon-b]")
	})
	t.Run("nobody sees an alert who does not ask", func(t *testing.T) {
		newRun(t, `
- {id: a, title: T, level: low, group_by: account, match: 'true'}
`).at(0, a).want("a@0[0]")
	})
	t.Run("a live rule does not build on one in test", func(t *testing.T) {
		const yaml = `
- {id: a, title: T, level: low, status: test, group_by: account, match: type == "x.a"}
- {id: upon, title: T, level: low, status: STATUS, group_by: account, match: type == "alert" && rule == "a"}
- {id: off, title: T, level: low, status: deprecated, group_by: account, match: type == "x.a"}
`
		newRun(t, strings.Replace(yaml, "STATUS", "stable", 1)).at(0, a).want("a@0[0]")
		newRun(t, strings.Replace(yaml, "STATUS", "test", 1)).at(0, a).want("a@0[0]", "upon@0[a]")
	})
	t.Run("an alert carries the fields of the event that completed it", func(t *testing.T) {
		newRun(t, `
- {id: a, title: T, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 1m}
- {id: upon, title: T, level: low, group_by: device.id, match: type == "alert" && rule == "a" && device.id == "d2"}
`).at(0, on("d1", "x.a")).at(1, on("d2", "x.a")).want("a@1[0 1]", "upon@1[a]")
	})
}

func TestIDsAreAFunctionOfTheInput(t *testing.T) {
	story := func() *run {
		r := newRun(t, three+steps)
		for i := range 40 {
			r.at(time.Duration(i)*time.Minute, event([]string{"x.a", "x.b"}[i%3/2]))
		}
		return r
	}
	first, second := story(), story()
	ids := map[string]bool{}
	for i, a := range first.out.Alerts {
		if second.out.Alerts[i].ID != a.ID {
			t.Errorf("alert %d is %s and then %s", i, a.ID, second.out.Alerts[i].ID)
		}
		ids[a.ID] = true
	}
	if len(ids) != len(first.out.Alerts) || len(ids) < 3 {
		t.Errorf("%d ids for %d alerts", len(ids), len(first.out.Alerts))
	}
}

// The ids are part of what is kept: an id that changes with a new version would
// send every alert of a replay once more.
func TestIDsStayTheSameFromVersionToVersion(t *testing.T) {
	r := newRun(t, `
- {id: two, title: T, level: low, group_by: [account, device.id], match: type == "x.a", count: 2, timespan: 1m, suppress: 0s}
- {id: upon, title: T, level: low, group_by: account, match: type == "alert"}
`).at(0, on("d1", "x.a")).at(1, on("d1", "x.a")).at(2, on("d2", "x.a")).at(3, on("d2", "x.a"))
	want := []string{"two-8b1bfc772ecf537f02cce10b", "upon-5de0a5bf148a031403b17a38", "two-8bb01f78b0801ae37ebf7144", "upon-2f09c0681dfd85d9f010ac63"}
	var got []string
	for _, a := range r.out.Alerts {
		got = append(got, a.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("ids are %q, want %q", got, want)
	}
}

func TestADeadlineInThePastPassesWithTheNextEvent(t *testing.T) {
	held := `- {id: held, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 1m}}`
	r := newRun(t, held).at(time.Hour, event("x.tick")).at(0, event("x.a"))
	r.want()
	r.at(time.Hour, event("x.tick")).want("held@1[1]")
	if got := r.out.Alerts[0].Time; got != start.Add(time.Minute) {
		t.Errorf("the alert's time is %v, not its deadline", got)
	}
}

func TestFinishPassesEveryDeadline(t *testing.T) {
	held := `- {id: held, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 1m}}`
	r := newRun(t, held).at(0, event("x.a"))
	r.want()
	r.engine.Finish(&r.out)
	r.want("held@0[0]")
}

func TestReloadKeepsHeldAlertsOfUnchangedRules(t *testing.T) {
	held := `- {id: held, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 1m}}`
	for name, want := range map[string][]string{"for: 1m": {"held@0[0]"}, "for: 2m": nil} {
		r := newRun(t, held).at(0, event("x.a"))
		r.engine.SetRules(compile(t, strings.Replace(held, "for: 1m", name, 1)))
		r.engine.Finish(&r.out)
		r.want(want...)
	}
}

func TestPromotionKeepsWindowsButNotTheShadowsSuppression(t *testing.T) {
	a := event("x.a")
	shadow := strings.Replace(three, "level: low", "level: low, status: test", 1)
	r := newRun(t, shadow).at(0, a).at(1, a)
	r.engine.SetRules(compile(t, three))
	r.at(2, a).want("three@2[0 1 2]")

	r = newRun(t, shadow).at(0, a).at(1, a).at(2, a)
	r.engine.SetRules(compile(t, three))
	r.at(3, a).at(4, a).at(5, a).want("three@2[0 1 2]", "three@5[3 4 5]")
}

func TestDuplicatesAreSeenOnce(t *testing.T) {
	e := holdfast.Event{ID: "1", Type: "x.a"}
	r := newRun(t, three).at(0, e).at(0, e).at(0, e)
	r.want()
	// The same id with anything else different is another event: an attacker
	// can't hide an event behind a used id.
	other := e
	other.Attempt = "2"
	r.at(0, other).at(1, e).want("three@4[0 3 4]")
	if got := r.engine.Stats().Duplicates; got != 2 {
		t.Errorf("%d duplicates, want 2", got)
	}
	// Events without an id are never duplicates.
	newRun(t, three).at(0, event("x.a")).at(0, event("x.a")).at(0, event("x.a")).want("three@2[0 1 2]")
}

func TestFullGroupsDropTheFirstToArrive(t *testing.T) {
	engine, err := detector.New(detector.Options{MaxEntries: 2, Rules: compile(t, three)})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{TB: t, engine: engine}
	for i := range 5 {
		r.at(time.Duration(i), event("x.a"))
	}
	r.want()
	if got := engine.Stats().Overflowed; got != 3 {
		t.Errorf("%d entries were dropped, want 3", got)
	}
}

func TestReloadKeepsTheWindowsOfUnchangedRules(t *testing.T) {
	a := event("x.a")
	changed := strings.Replace(three, "count: 3", "count: 2", 1)
	louder := strings.Replace(three, "level: low", "level: high", 1)

	r := newRun(t, three).at(0, a).at(1, a)
	r.engine.SetRules(compile(t, louder))
	r.at(2, a).want("three@2[0 1 2]")
	if got := r.out.Alerts[0].Level; got != holdfast.High {
		t.Errorf("the alert's level is %v, not that of the new file", got)
	}

	r = newRun(t, three).at(0, a).at(1, a)
	r.engine.SetRules(compile(t, changed))
	r.at(2, a).want()
}
