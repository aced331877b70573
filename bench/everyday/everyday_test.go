package everyday_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/bench/everyday"
	"github.com/holdfastd/holdfast/intake"
)

// TestTrafficIsWhatTheBenchmarksSay holds the traffic to what docs/benchmarks.md
// says of it.
func TestTrafficIsWhatTheBenchmarksSay(t *testing.T) {
	const events = 500_000
	traffic := everyday.New(everyday.Options{})
	decoder := intake.NewDecoder(intake.Options{})
	var e, read holdfast.Event
	var line []byte
	var first, newest holdfast.Instant
	size, disorder := 0, 0
	types, accounts := map[string]int{}, map[string]bool{}
	for i := range events {
		traffic.Next(&e)
		line = intake.Append(line[:0], &e)
		if err := decoder.Decode(line, time.Time{}, &read); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		size += len(line)
		types[e.Type]++
		accounts[e.Account] = true
		if i == 0 {
			first = e.Time
		}
		if e.Time < newest {
			disorder++
		}
		newest = max(newest, e.Time)
	}
	if mean := size / events; mean < 340 || mean > 360 {
		t.Errorf("an event has %d bytes, want about 350", mean)
	}
	if rate := events / newest.Sub(first).Seconds(); rate < 50 || rate > 66 {
		t.Errorf("%.1f events a second of event time, want about 58", rate)
	}
	if share := float64(disorder) / events; share < 0.001 || share > 0.1 {
		t.Errorf("%.4f of the events are out of order, want some", share)
	}
	for _, eventType := range holdfast.EventTypes {
		if made := eventType == holdfast.TypeAlert || eventType == holdfast.TypeOwnerDenied || eventType == holdfast.TypeOwnerConfirmed; types[eventType] == 0 && !made {
			t.Errorf("no event is a %s", eventType)
		}
	}
	if n := len(accounts); n < 25_000 {
		t.Errorf("%d accounts", n)
	}
	t.Logf("%d bytes an event, %d accounts, %.4f out of order, %v", size/events, len(accounts), float64(disorder)/events, types)
}

func TestTrafficRepeats(t *testing.T) {
	write := func(opts everyday.Options) []byte {
		traffic := everyday.New(opts)
		var e holdfast.Event
		var lines []byte
		for range 5000 {
			traffic.Next(&e)
			lines = append(intake.Append(lines, &e), '\n')
		}
		return lines
	}
	if !bytes.Equal(write(everyday.Options{}), write(everyday.Options{})) {
		t.Error("the same options give other events")
	}
	if bytes.Equal(write(everyday.Options{}), write(everyday.Options{Seed: 2})) {
		t.Error("another seed gives the same events")
	}
}

func TestInTurnComesToEveryAccount(t *testing.T) {
	const accounts = 1000
	traffic := everyday.New(everyday.Options{Accounts: accounts, InTurn: true})
	seen := map[string]bool{}
	var e holdfast.Event
	for range 6 * accounts {
		traffic.Next(&e)
		seen[e.Account] = true
	}
	if len(seen) != accounts {
		t.Errorf("%d of %d accounts", len(seen), accounts)
	}
}
