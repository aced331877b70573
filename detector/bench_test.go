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

// BenchmarkProcess runs everyday events of 10,000 accounts, already decoded,
// through ten rules.
func BenchmarkProcess(b *testing.B) {
	engine, err := detector.New(detector.Options{Rules: compile(b, tenRules)})
	if err != nil {
		b.Fatal(err)
	}
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
	var out detector.Output
	b.ReportAllocs()
	begun := cpuTime()
	for i := 0; b.Loop(); i++ {
		e := &events[i%len(events)]
		e.Time = start.Add(time.Duration(i) * 10 * time.Millisecond)
		out.Reset()
		engine.Process(detector.Input{Event: e, Offset: int64(i)}, &out)
	}
	b.ReportMetric(float64(cpuTime()-begun)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what the process has used so far: on a shared machine, it says more
// than the time of day.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
