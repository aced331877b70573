package simulate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/workbench/labels"
	"github.com/holdfastd/holdfast/workbench/simulate"
)

// simulated is a simulation with what was written.
func simulated(t testing.TB, opts simulate.Options) ([]byte, []labels.Label) {
	t.Helper()
	var out bytes.Buffer
	_, attacks, err := simulate.Run(t.Context(), opts, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), attacks
}

// each decodes every line and hands it on.
func each(t testing.TB, lines []byte, visit func(e *holdfast.Event)) {
	t.Helper()
	decoder := intake.NewDecoder(intake.Options{})
	var e holdfast.Event
	for line := range bytes.Lines(lines) {
		if err := decoder.Decode(bytes.TrimSuffix(line, []byte("\n")), time.Time{}, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		visit(&e)
	}
}

func small() simulate.Options {
	return simulate.Options{Accounts: 300, Days: 3, Seed: 7, Attacks: simulate.DefaultAttacks}
}

// golden is the hash of the shipped sample's events: they are the same on every
// machine. A change of the simulation changes it, and the sample with it.
const golden = "9d0aa9809ef0a2a1b44aa44ffdf7a2208c9aa3582a42d54c8277d95c5e777c19"

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	first, attacks := simulated(t, small())
	again, attacksAgain := simulated(t, small())
	if !bytes.Equal(first, again) || len(attacks) != len(attacksAgain) {
		t.Error("the same options give other events")
	}
	sum := sha256.Sum256(first)
	if got := hex.EncodeToString(sum[:]); got != golden {
		t.Errorf("the events have the hash %s, want %s", got, golden)
	}
	other := small()
	other.Seed++
	if different, _ := simulated(t, other); bytes.Equal(first, different) {
		t.Error("another seed gives the same events")
	}
}

func TestTrafficIsPlausible(t *testing.T) {
	opts := simulate.Options{Accounts: 4000, Days: 7, Seed: 3}
	events, attacks := simulated(t, opts)
	types, hours := map[string]int{}, [24]int{}
	var newest holdfast.Instant
	disorder, late, total := 0, 0, 0
	each(t, events, func(e *holdfast.Event) {
		total++
		types[e.Type]++
		if e.Client.Country == "DE" {
			hours[e.Time.Std().UTC().Hour()]++
		}
		if e.Time < newest {
			disorder++
		}
		if e.Time < newest.Add(-5*time.Second) {
			late++
		}
		newest = max(newest, e.Time)
	})
	within := func(what string, got, low, high float64) {
		t.Helper()
		if got < low || got > high {
			t.Errorf("%s: %.5g, want %g to %g", what, got, low, high)
		}
	}
	share := func(a, b string) float64 { return float64(types[a]) / float64(types[b]) }
	within("events of an account and day", float64(total)/float64(opts.Accounts*opts.Days), 2, 8)
	within("bytes of an event", float64(len(events))/float64(total), 250, 450)
	within("share of events out of order", float64(disorder)/float64(total), 0.0005, 0.1)
	within("share of late events", float64(late)/float64(total), 0.00001, 0.001)
	within("delivery failures", share("code.delivery_failed", "code.delivered"), 0.005, 0.03)
	within("wrong codes", share("code.rejected", "code.accepted"), 0.03, 0.2)
	within("wrong passwords", share("login.failed", "login.succeeded"), 0.04, 0.25)
	within("sessions used again for one started", share("x.session.seen", "session.started"), 3, 30)
	within("night to evening in Germany", float64(hours[2]+hours[3])/float64(hours[18]+hours[19]), 0.01, 0.25)
	for _, eventType := range holdfast.EventTypes {
		if made := eventType == holdfast.TypeAlert || eventType == holdfast.TypeOwnerDenied || eventType == holdfast.TypeOwnerConfirmed; types[eventType] == 0 && !made {
			t.Errorf("no event is a %s", eventType)
		}
	}
	t.Logf("%d events, %d attacks, %v", total, len(attacks), types)
}

func TestBadOptionsAreRefused(t *testing.T) {
	good := simulate.Options{Accounts: 10, Days: 1, Attacks: 1}
	for name, spoil := range map[string]func(*simulate.Options){
		"no accounts":      func(o *simulate.Options) { o.Accounts = 0 },
		"a million days":   func(o *simulate.Options) { o.Days = 1_000_000 },
		"negative attacks": func(o *simulate.Options) { o.Attacks = -1 },
		"not a number":     func(o *simulate.Options) { o.Attacks = math.NaN() },
		"long ago":         func(o *simulate.Options) { o.Start = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		opts := good
		spoil(&opts)
		if _, _, err := simulate.Run(t.Context(), opts, io.Discard); !errors.Is(err, simulate.ErrOptions) {
			t.Errorf("%s: %v, want an error of the options", name, err)
		}
	}
}

func TestACanceledSimulationStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := simulate.Run(ctx, small(), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was canceled", err)
	}
}

func FuzzOptions(f *testing.F) {
	f.Add(10, 1, uint64(0), int64(0), 0.0)
	f.Add(300, 3, uint64(7), int64(1_790_000_000), 50.0)
	f.Add(-1, 367, uint64(1), int64(-1), -0.5)
	f.Fuzz(func(t *testing.T, accounts, days int, seed uint64, start int64, attacks float64) {
		opts := simulate.Options{Accounts: accounts % 500, Days: days % 12, Seed: seed, Start: time.Unix(start, 0), Attacks: attacks}
		var out bytes.Buffer
		summary, all, err := simulate.Run(t.Context(), opts, &out)
		if err != nil {
			if !errors.Is(err, simulate.ErrOptions) {
				t.Fatal(err)
			}
			return
		}
		n, named := int64(0), map[string]bool{}
		each(t, out.Bytes(), func(e *holdfast.Event) {
			n++
			named[e.Account] = true
		})
		if n != summary.Events || len(all) != summary.Attacks || len(named) != summary.Accounts {
			t.Errorf("%d events of %d accounts and %d labels, the summary has %+v", n, len(named), len(all), summary)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	events := int64(0)
	for b.Loop() {
		summary, _, err := simulate.Run(b.Context(), simulate.Options{Accounts: 20_000, Days: 7, Seed: 1, Attacks: simulate.DefaultAttacks}, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		events += summary.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
