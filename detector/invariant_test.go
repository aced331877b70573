package detector

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

func engineOf(t *testing.T, yaml string, opts Options) *Engine {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte("rules:\n" + yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts.Rules = set
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestWhatIsCountedIsThere counts, while all kinds of state come and go, what the
// engine keeps count of: a count that drifts gives up groups too early, or ones
// that are gone.
func TestWhatIsCountedIsThere(t *testing.T) {
	for _, maxGroups := range []int{12, 1000} {
		e := engineOf(t, `
- {id: count, title: T, level: high, group_by: account, match: type == "x.a", count: 3, timespan: 20s, suppress: 10s, cancel: {match: type == "x.c", same: device.id}}
- {id: all, title: T, level: low, group_by: account, match: type == "x.a", count: 3, timespan: 20s, cancel: {match: type == "x.c"}}
- {id: steps, title: T, level: low, group_by: account, timespan: 20s, sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}], until: type == "x.c"}
- {id: held, title: T, level: low, group_by: [account, attempt], match: type == "x.b", without: {match: type == "x.c", for: 10s}}
- {id: score, title: T, level: low, group_by: account, score: {threshold: 30, half_life: 5s, points: [{match: type == "x.a", add: 10}]}}
- {id: surge, title: T, level: low, group_by: client.ip, match: type == "x.a", surge: {bucket: 5s, min: 2, sigmas: 1, warmup: 2, half_life: 10s}}
`, Options{MaxGroups: maxGroups, MaxLateness: 5 * time.Second})
		random := rand.New(rand.NewPCG(1, 1))
		var out Output
		for i := range 20_000 {
			event := holdfast.Event{
				Type: []string{"x.a", "x.a", "x.b", "x.c", "session.started"}[random.IntN(5)], Account: fmt.Sprint(random.IntN(40)),
				Attempt: fmt.Sprint(random.IntN(3)), Device: holdfast.Device{ID: fmt.Sprint(random.IntN(2))},
				Client: holdfast.Client{IP: fmt.Sprint(random.IntN(20))}, Session: fmt.Sprint(random.IntN(100)),
				Time: holdfast.Instant(time.Duration(i+random.IntN(5)) * time.Second / 2),
			}
			out.Reset()
			e.Process(Input{Event: &event, Offset: int64(i)}, &out)
			if i%10 == 0 {
				e.recount(t, i)
			}
			if t.Failed() {
				return
			}
		}
		if (e.stats.Evicted > 1000) != (maxGroups == 12) {
			t.Errorf("%d groups had to go", e.stats.Evicted)
		}
	}
}

// recount compares what the engine keeps count of with what there is.
func (e *Engine) recount(t *testing.T, event int) {
	t.Helper()
	held := 0
	for _, r := range e.rules {
		stored := 0
		for record := range r.grouping.Records() {
			class := classes
			if r.grouping.Used(record) {
				g := e.look(r, &place{exists: true, record: record})
				if g.stored {
					stored++
					class = e.classOf(&g)
				}
				if g.held != 0 {
					held += int(e.arena.Read(g.held)[heldCount])
				}
			}
			if r.victims == nil || record >= r.victims.known {
				continue
			}
			for c := range r.victims.byClass {
				if next, ok := r.victims.byClass[c].Next(record); (ok && next == record) != (c == class) {
					t.Errorf("event %d: group %d of %s is of class %d, and not noted so", event, record, r.rule.ID, class)
				}
			}
		}
		if stored != r.stored {
			t.Errorf("event %d: %s has %d groups and counts %d", event, r.rule.ID, stored, r.stored)
		}
	}
	if held != e.deadlines.waits {
		t.Errorf("event %d: %d alerts are held and %d counted", event, held, e.deadlines.waits)
	}
}

func TestMadeUpAccountsAreSoonForgotten(t *testing.T) {
	e := engineOf(t, `
- {id: grave, title: T, level: high, group_by: account, match: type == "login.failed", count: 3, timespan: 1m, suppress: 10m}
`, Options{MaxGroups: 1000})
	var out Output
	const accounts = 20_000
	for i := range 3 * accounts {
		out.Reset()
		e.Process(Input{Offset: int64(i), Event: &holdfast.Event{
			Type: "login.failed", Account: fmt.Sprint("made-up-", i/3), Time: holdfast.Instant(time.Duration(i) * time.Second),
		}}, &out)
		if len(out.Alerts) != i%3/2 {
			t.Fatalf("event %d: %d alerts", i, len(out.Alerts))
		}
	}
	if n := e.groupings[0].Len(); n > 2000 {
		t.Errorf("%d of %d accounts are still remembered", n, accounts)
	}
}

func TestAnsweredAlertsTakeNoMemory(t *testing.T) {
	e := engineOf(t, `
- {id: held, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 1w}}
`, Options{})
	var out Output
	for i := range 100_000 {
		kind := []string{"x.a", "x.b"}[i%2]
		e.Process(Input{Offset: int64(i), Event: &holdfast.Event{Type: kind, Account: "ana", Time: holdfast.Instant(i)}}, &out)
	}
	if n := len(e.deadlines.heap); n > 2000 {
		t.Errorf("%d deadlines of alerts that are answered", n)
	}
	if words := e.arena.Words(); words > 4*8192 {
		t.Errorf("the arena takes %d words", words)
	}
}

// TestAJumpOfTheWatermarkFreesWhatItForgets jumps by as long as the circle of dues
// could take for a future.
func TestAJumpOfTheWatermarkFreesWhatItForgets(t *testing.T) {
	for _, days := range []int{20, 120, 200, 227, 300} {
		e := engineOf(t, `
- {id: two, title: T, level: low, group_by: account, match: type == "x.a", count: 2, timespan: 1m}
`, Options{})
		var out Output
		for i := range 1000 {
			e.Process(Input{Offset: int64(i), Event: &holdfast.Event{Type: "x.a", Account: fmt.Sprint(i), Time: holdfast.Instant(i)}}, &out)
		}
		later := holdfast.Instant(time.Duration(days) * 24 * time.Hour)
		for i := range 2000 {
			e.Process(Input{Offset: int64(i), Event: &holdfast.Event{Type: "x.b", Account: "b", Time: later + holdfast.Instant(i)}}, &out)
		}
		if n := e.rules[0].stored; n != 0 {
			t.Errorf("%d days later there are %d groups", days, n)
		}
	}
}

// TestAProfileIsForgottenWhetherSweptOrNot asks for the same profile with and
// without events in between that would have swept it away.
func TestAProfileIsForgottenWhetherSweptOrNot(t *testing.T) {
	for _, between := range []int{0, 5000} {
		e := engineOf(t, `
- {id: known, title: T, level: low, group_by: account, match: type == "x.a" && (country.known || network.known || device.known || sim.age < duration("9w"))}
`, Options{})
		var out Output
		client := holdfast.Client{Country: "DE", ASN: 3320}
		offset := int64(0)
		process := func(event holdfast.Event) {
			e.Process(Input{Offset: offset, Event: &event}, &out)
			offset++
		}
		const day = holdfast.Instant(24 * time.Hour)
		process(holdfast.Event{Type: "sim.changed", Account: "ana"})
		process(holdfast.Event{Type: "session.started", Account: "ana", Client: client, Session: "s", Device: holdfast.Device{ID: "d"}})
		for i := range between {
			process(holdfast.Event{Type: "x.b", Account: "bob", Time: 91*day + holdfast.Instant(i)})
		}
		process(holdfast.Event{Type: "x.a", Account: "ana", Client: client, Time: 92 * day, Device: holdfast.Device{ID: "d"}})
		if len(out.Alerts) != 0 {
			t.Errorf("with %d events in between, something is known after 92 days", between)
		}
	}
}
