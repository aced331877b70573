package detector_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// tenRules is a file as a security team would have it: most events meet few of
// its rules.
const tenRules = `
- {id: burst, title: T, level: medium, group_by: account, match: type == "code.requested" && !device.trusted, count: 5, timespan: 15m, suppress: 1h, cancel: {match: type == "code.accepted", same: device.id}}
- {id: voice, title: T, level: high, group_by: account, timespan: 30m, sequence: [{match: type == "code.requested" && channel == "sms" && !device.trusted, count: 2}, {match: type == "code.requested" && channel == "voice" && !device.trusted}], until: type == "code.accepted" && device.trusted}
- {id: wrong, title: T, level: high, group_by: account, match: type == "code.rejected" && !device.trusted, count: 3, timespan: 10m, suppress: 1h}
- {id: takeover, title: T, level: critical, group_by: account, timespan: 3h, sequence: [{match: 'type == "alert" && rule in ["burst", "voice", "wrong"]'}, {match: type == "session.started" && !device.trusted}]}
- {id: stuffing, title: T, level: low, group_by: client.ip, match: type == "login.failed", count: 25, timespan: 10m, distinct: {account: 15}}
- {id: failures, title: T, level: low, group_by: account, match: type == "login.failed", count: 10, timespan: 30m}
- {id: change, title: T, level: low, group_by: account, match: type == "account.changed" && device.age < duration("3h")}
- {id: sim, title: T, level: low, group_by: account, timespan: 1h, sequence: [{match: type == "sim.changed"}, {match: type == "code.accepted"}, {match: type == "session.started"}]}
- {id: unanswered, title: T, level: low, group_by: [account, attempt], match: type == "code.requested" && channel == "voice", without: {match: type == "code.accepted", for: 10m}}
- {id: score, title: T, level: low, group_by: account, score: {threshold: 50, half_life: 30m, points: [{match: type == "login.failed", add: 10}, {match: type == "code.rejected", add: 15}]}}
`

// everyday makes logins of 10,000 accounts, four events each.
func everyday() []holdfast.Event {
	events := make([]holdfast.Event, 1<<16)
	for i := range events {
		who := i / 4 * 7919 % 10_000
		events[i] = holdfast.Event{
			ID: fmt.Sprint("e", i), Account: fmt.Sprint("u_", who), Attempt: fmt.Sprint("a_", i/4), Channel: []string{"sms", "sms", "voice", "app"}[i/4%4],
			Type:    []string{"code.requested", "code.delivered", "code.accepted", "session.started"}[i%4],
			Session: fmt.Sprint("s_", i/4), Device: holdfast.Device{ID: fmt.Sprint("d_", who), Trusted: holdfast.Trusted},
			Client: holdfast.Client{IP: fmt.Sprint("203.0.113.", i%250), Country: "DE", ASN: 3320},
		}
		if i%7 == 0 {
			events[i].Device.Trusted = holdfast.Untrusted
		}
	}
	return events
}

// BenchmarkProcess runs everyday events of 10,000 accounts, already decoded,
// through ten rules.
func BenchmarkProcess(b *testing.B) { benchmark(b, tenRules, everyday()) }

// BenchmarkOperators runs events through one rule each, all of which it takes in:
// those of 10,000 groups, where not said otherwise.
func BenchmarkOperators(b *testing.B) {
	const common = "title: T, level: low, group_by: account"
	for _, bm := range []struct{ name, rule string }{
		{"none", `{id: r, ` + common + `, match: type == "x.other"}`},
		{"count", `{id: r, ` + common + `, match: type startsWith "c", count: 1000, timespan: 2h}`},
		{"cancel", `{id: r, ` + common + `, match: type == "code.requested", count: 1000, timespan: 2h, cancel: {match: type == "code.accepted", same: attempt}}`},
		{"distinct", `{id: r, ` + common + `, match: type startsWith "c", distinct: {attempt: 1000}, timespan: 2h}`},
		{"sequence", `{id: r, ` + common + `, timespan: 2h, sequence: [{match: type == "code.requested"}, {match: type == "code.delivered"}, {match: type == "x.never"}]}`},
		{"without", `{id: r, ` + common + `, match: type == "code.requested", without: {match: type == "code.accepted", for: 10m}}`},
		{"score", `{id: r, ` + common + `, score: {threshold: 1000, half_life: 10m, points: [{match: type startsWith "c", add: 1}]}}`},
		{"surge", `{id: r, ` + common + `, match: type startsWith "c", surge: {bucket: 5m, min: 1000, sigmas: 6, warmup: 12, half_life: 1d}}`},
		{"one group of all", `{id: r, title: T, level: low, group_by: all, match: type startsWith "c", count: 10000, timespan: 1s}`},
	} {
		b.Run(bm.name, func(b *testing.B) { benchmark(b, "- "+bm.rule, everyday()) })
	}
}

func benchmark(b *testing.B, yaml string, events []holdfast.Event) {
	engine, err := detector.New(detector.Options{Rules: compile(b, yaml)})
	if err != nil {
		b.Fatal(err)
	}
	var out detector.Output
	const batch = 64
	inputs := make([]detector.Input, batch)
	b.ReportAllocs()
	begun, i := cpuTime(), 0
	for b.Loop() {
		if i%batch == 0 {
			for j := range inputs {
				e := &events[(i+j)%len(events)]
				e.Time = start.Add(time.Duration(i+j) * 10 * time.Millisecond)
				inputs[j] = detector.Input{Event: e, Offset: int64(i + j)}
			}
			out.Reset()
			engine.ProcessAll(inputs, &out)
		}
		i++
	}
	b.ReportMetric(float64(cpuTime()-begun)/float64(b.N), "cpu-ns/op")
}

// TestSteadyStateAllocatesNothing runs events that don't fire through ten rules.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	engine, err := detector.New(detector.Options{Rules: compile(t, tenRules)})
	if err != nil {
		t.Fatal(err)
	}
	events := everyday()
	var out detector.Output
	next := 0
	process := func() {
		e := &events[next%len(events)]
		e.Time = start.Add(time.Duration(next) * 10 * time.Millisecond)
		engine.Process(detector.Input{Event: e, Offset: int64(next)}, &out)
		next++
	}
	for len(out.Alerts) == 0 && next < 20*len(events) { // until memory is as large as it gets
		process()
	}
	const runs = 100_000
	allocations := testing.AllocsPerRun(1, func() { // of all of them: an average is rounded down
		for range runs / 2 {
			process()
		}
	})
	if allocations > 50 {
		t.Errorf("%v allocations in %d events", allocations, runs/2)
	}
	if fired := len(out.Alerts); fired > runs/1000 {
		t.Errorf("%d alerts: not what this is about", fired)
	}
}

// cpuTime is what the process has used so far: on a shared machine, it says more
// than the time of day.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
