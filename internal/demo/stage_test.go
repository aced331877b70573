package demo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/internal/demo"
)

// play runs a stage for a time, which passes at once, and returns what it
// produced, read back. Every event is checked on the way. It fills in OnScene;
// during is told each scene and may be nil.
func play(t *testing.T, opts demo.StageOptions, length time.Duration, during func(*demo.Stage, demo.Scene, []holdfast.Event)) []holdfast.Event {
	t.Helper()
	var played []holdfast.Event
	synctest.Test(t, func(t *testing.T) {
		var stage *demo.Stage
		opts.OnScene = func(scene demo.Scene) {
			if during != nil {
				during(stage, scene, played)
			}
		}
		var err error
		if stage, err = demo.NewStage(opts); err != nil {
			t.Fatal(err)
		}
		decoder := intake.NewDecoder(intake.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		err = stage.Run(ctx, func(_ context.Context, events []demo.Event) error {
			for _, e := range events {
				var event holdfast.Event
				if err := decoder.Decode(e.Value, time.Now(), &event); err != nil {
					t.Fatalf("%v: %s", err, e.Value)
				}
				if e.Key != event.Account || !e.Time.Equal(event.Time.Std()) {
					t.Fatalf("the record (%s, %v) differs from its event: %s", e.Key, e.Time, e.Value)
				}
				if e.Time.After(time.Now()) {
					t.Fatalf("at %v, an event of the future: %s", time.Now(), e.Value)
				}
				if n := len(played); n > 0 && event.Time < played[n-1].Time {
					t.Fatalf("out of order: %s", e.Value)
				}
				played = append(played, event)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return played
}

// attackers reports whether an event is the attacker's, by the address.
func attackers(e holdfast.Event) bool { return strings.HasPrefix(e.Client.IP, "203.0.113.") }

// only returns the events for which keep is true.
func only(events []holdfast.Event, keep func(holdfast.Event) bool) []holdfast.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e holdfast.Event) bool { return !keep(e) })
}

// opening is when a stage in synctest begins.
var opening = holdfast.Instant(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())

func TestStageIsAFunctionOfItsSeed(t *testing.T) {
	t.Parallel()
	var scenes [3]string
	run := func(i int, seed uint64) []holdfast.Event {
		return play(t, demo.StageOptions{Seed: seed}, 90*time.Second, func(_ *demo.Stage, scene demo.Scene, _ []holdfast.Event) {
			scenes[i] += scene.Time.String() + scene.Account + scene.Text
		})
	}
	first, again, other := run(0, 7), run(1, 7), run(2, 8)
	if diff := cmp.Diff(first, again); diff != "" || scenes[0] != scenes[1] {
		t.Errorf("the same seed plays another play:\n%s", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("another seed plays the same play")
	}
}

func TestStageIsBusyAndItsEventsAreItsOwn(t *testing.T) {
	t.Parallel()
	events := play(t, demo.StageOptions{Seed: 1}, 10*time.Minute, nil)
	ids := map[string]bool{}
	types := map[string]int{}
	live := 0
	for _, e := range events {
		if ids[e.ID] {
			t.Fatalf("two events have the id %s", e.ID)
		}
		ids[e.ID] = true
		types[e.Type]++
		if e.Time >= opening {
			live++
		}
	}
	if rate := live / 600; rate < 15 || rate > 50 {
		t.Errorf("%d events a second", rate)
	}
	for _, typ := range []string{
		holdfast.TypeCodeRequested, holdfast.TypeCodeDelivered, holdfast.TypeCodeRejected, holdfast.TypeCodeAccepted,
		holdfast.TypeCodeExpired, holdfast.TypeLoginFailed, holdfast.TypeLoginSucceeded,
		holdfast.TypeSessionStarted, holdfast.TypeSessionEnded, "x.message.sent",
	} {
		if types[typ] == 0 {
			t.Errorf("no %s in ten minutes", typ)
		}
	}
}

func TestStageOwnersWereThereBefore(t *testing.T) {
	t.Parallel()
	events := play(t, demo.StageOptions{Seed: 1}, time.Second, nil)
	for _, account := range []string{"ana", "ben", "u_1174"} {
		long := only(events, func(e holdfast.Event) bool {
			return e.Account == account && e.Type == holdfast.TypeSessionStarted && e.Device.Trusted == holdfast.Trusted &&
				e.Time < opening.Add(-7*24*time.Hour)
		})
		use := only(events, func(e holdfast.Event) bool {
			return e.Account == account && strings.HasPrefix(e.Type, "x.") && len(long) > 0 && e.Session == long[0].Session
		})
		if len(long) == 0 || len(use) == 0 {
			t.Errorf("%s: %d trusted sessions of the past weeks, used %d times", account, len(long), len(use))
		}
	}
}

func TestStageNeverRaisesAGraveAlertByItself(t *testing.T) {
	t.Parallel()
	events := play(t, demo.StageOptions{Seed: 3, Accounts: 100}, 40*time.Minute, nil)
	peaceful := only(events, func(e holdfast.Event) bool { return !attackers(e) && e.Time >= opening })
	requested := map[string][]holdfast.Event{} // account: from untrusted devices, without a code accepted since
	rejected := map[string][]holdfast.Event{}
	newDevices := 0
	for _, e := range peaceful {
		if e.Device.Trusted == holdfast.Trusted {
			continue
		}
		switch e.Type {
		case holdfast.TypeCodeRequested:
			newDevices++
			if e.Channel == "voice" {
				t.Errorf("a voice call of nobody's attack: %+v", e)
			}
			requested[e.Account] = recent(append(requested[e.Account], e), 15*time.Minute)
			if len(requested[e.Account]) > 2 {
				t.Errorf("a burst of nobody's attack: %+v", requested[e.Account])
			}
		case holdfast.TypeCodeRejected:
			rejected[e.Account] = recent(append(rejected[e.Account], e), 15*time.Minute)
			if len(rejected[e.Account]) > 2 {
				t.Errorf("wrong codes of nobody's attack: %+v", rejected[e.Account])
			}
		case holdfast.TypeCodeAccepted:
			delete(requested, e.Account)
		case holdfast.TypeSessionStarted:
			t.Errorf("a session on a device that stays untrusted: %+v", e)
		}
	}
	if newDevices == 0 {
		t.Error("in 40 minutes, nobody logs in on a new device")
	}
}

func recent(events []holdfast.Event, span time.Duration) []holdfast.Event {
	newest := events[len(events)-1].Time
	return only(events, func(e holdfast.Event) bool { return newest.Sub(e.Time) <= span })
}

func TestStagePassesTimeItWasHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stage, err := demo.NewStage(demo.StageOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+2*time.Minute)
		defer cancel()
		calls, after := 0, 0
		err = stage.Run(ctx, func(_ context.Context, events []demo.Event) error {
			if calls++; calls == 100 {
				time.Sleep(time.Hour) //nolint:forbidigo // passes at once in the bubble
			} else if calls > 100 {
				after += len(events)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if after < 1000 || after > 6000 {
			t.Errorf("%d events in two minutes after a break of an hour", after)
		}
	})
}

func TestStageEndsWithItsContextAndOnAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cancel bool
		err    error
	}{
		{"the context ends while producing", true, context.Canceled},
		{"the broker fails", false, errors.New("no broker")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stage, err := demo.NewStage(demo.StageOptions{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err = stage.Run(ctx, func(context.Context, []demo.Event) error {
				if c.cancel {
					cancel()
				}
				return c.err
			})
			if c.cancel && err != nil || !c.cancel && !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestStageContacts(t *testing.T) {
	t.Parallel()
	stage, err := demo.NewStage(demo.StageOptions{Accounts: 1000, Owner: "u_1002"})
	if err != nil {
		t.Fatal(err)
	}
	contacts := stage.Contacts()
	if len(contacts) != 1000 || contacts[0].Account != "u_1002" {
		t.Fatalf("%d contacts, first %s", len(contacts), contacts[0].Account)
	}
	accounts, phones, locales := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, c := range contacts {
		accounts[c.Account], phones[c.Phone] = true, true
		locales[c.Locale]++
		if len(c.Phone) != len("+12015550100") || c.Phone[5:10] != "55501" {
			t.Errorf("%s is not kept for fiction", c.Phone)
		}
		if _, err := time.LoadLocation(c.TimeZone); err != nil {
			t.Error(err)
		}
	}
	if len(accounts) != 1000 || len(phones) != 1000 {
		t.Errorf("%d accounts with %d numbers", len(accounts), len(phones))
	}
	if locales["en"] < 300 || locales["de"] < 300 || len(locales) != 2 {
		t.Errorf("locales: %v", locales)
	}
}

func TestStageOptionsOutOfRange(t *testing.T) {
	t.Parallel()
	for _, opts := range []demo.StageOptions{{Accounts: -1}, {Accounts: 1001}, {Pace: -1}, {AttackEvery: -1}} {
		if _, err := demo.NewStage(opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
}
