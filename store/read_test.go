package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfastd/holdfast"
)

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func testAlerts(t *testing.T, address string) {
	s := open(t, address, Options{})
	var all []holdfast.Alert
	for i := range 10 {
		a := fresh(t, fmt.Sprintf("alert-%d", i))
		a.Time = a.Time.Add(-time.Duration(i/2) * time.Second) // two of each time
		if i%2 == 1 {
			a.Rule, a.Account, a.Level = "voice-fallback", "bob", holdfast.High
		}
		all = append(all, a)
	}
	base := all[0].Time
	for i := range all {
		all[i].Time = base.Add(-time.Duration(i/2) * time.Second)
	}
	write(t, s, all...)

	page := func(q Query) string {
		t.Helper()
		alerts, err := s.Alerts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range alerts {
			names = append(names, strings.TrimPrefix(a.ID, "alert-"))
			if len(a.Actions) != 1 || a.Actions[0].State != Pending {
				t.Errorf("%s has the actions %+v, want one that is pending", a.ID, a.Actions)
			}
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		query Query
		want  string
	}{
		{Query{}, "1 0 3 2 5 4 7 6 9 8"},
		{Query{Limit: 3}, "1 0 3"},
		{Query{Limit: 3, Before: "alert-3"}, "2 5 4"},
		{Query{Account: ana, Limit: 2, Before: "alert-2"}, "4 6"},
		{Query{Rule: "voice-fallback"}, "1 3 5 7 9"},
		{Query{Level: holdfast.High, Limit: 2}, "1 3"},
		{Query{Level: holdfast.Critical}, ""},
		{Query{Rule: "voice-fallback", Account: ana}, ""},
		{Query{Before: "alert-8"}, ""},
		{Query{Before: "no such alert"}, ""},
		{Query{Limit: 1_000_000}, "1 0 3 2 5 4 7 6 9 8"},
	} {
		if got := page(c.query); got != c.want {
			t.Errorf("%+v: %s, want %s", c.query, got, c.want)
		}
	}
	if _, err := s.Alert(t.Context(), "no such alert"); !isNotFound(err) {
		t.Errorf("got %v, want not found", err)
	}
}

func testMessages(t *testing.T, address string) {
	now := time.Date(2026, 11, 24, 8, 34, 0, 0, time.UTC)
	s := open(t, address, Options{Now: func() time.Time { return now }})
	message := func(alert string, channel holdfast.Channel, age time.Duration) holdfast.Message {
		return holdfast.Message{
			Alert: alert, Account: ana, Channel: channel, Level: holdfast.High, Locale: "de",
			Title: "Codes", Body: "Jemand hat Codes angefordert.", Created: now.Add(-age),
		}
	}
	old, text, recent := message("old", holdfast.InApp, time.Hour), message("new", holdfast.SMS, time.Second), message("new", holdfast.InApp, 0)
	second := recent
	second.Body = "something else"
	other := message("other", holdfast.InApp, 0)
	other.Account = "bob"
	for _, m := range []holdfast.Message{old, text, recent, second, other} {
		if err := s.PutMessage(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	check := func(limit int, want ...holdfast.Message) {
		t.Helper()
		got, err := s.Messages(t.Context(), ana, limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	}
	check(0, recent, text, old)
	check(1, recent)

	seen := func(alert string, want bool) {
		t.Helper()
		if got, err := s.Seen(t.Context(), alert); err != nil || got != want {
			t.Errorf("%s seen: %t, %v; want %t", alert, got, err, want)
		}
	}
	seen("new", false)
	for range 2 {
		if err := s.MarkSeen(t.Context(), "new"); err != nil {
			t.Fatal(err)
		}
		if recent.Seen.IsZero() {
			recent.Seen, text.Seen = now, now
		}
		now = now.Add(time.Minute) // the second time doesn't count
	}
	seen("new", true)
	seen("old", false)
	seen("nobody's", false)
	check(0, recent, text, old)
	if err := s.MarkSeen(t.Context(), "nobody's"); !isNotFound(err) {
		t.Errorf("got %v, want not found", err)
	}
}

func testCountDelivered(t *testing.T, address string) {
	begun := time.Now()
	s := open(t, address, Options{
		Plan: func(a holdfast.Alert) []holdfast.Action {
			sms := noticePlan(a)[0]
			sms.Channel = holdfast.SMS
			return append(noticePlan(a), sms, holdfast.Action{Kind: holdfast.TerminateSessions})
		},
		Work: func(_ context.Context, job holdfast.Job) (holdfast.Outcome, error) {
			if job.Alert.ID == "fails" {
				return holdfast.Outcome{State: holdfast.Failed}, nil
			}
			return holdfast.Outcome{State: holdfast.Done}, nil
		},
	})
	bob := fresh(t, "bob's")
	bob.Account = "bob"
	high, critical := fresh(t, "high"), fresh(t, "critical")
	high.Level, critical.Level = holdfast.High, holdfast.Critical
	low := fresh(t, "low")
	low.Level = holdfast.Low
	write(t, s, low, high, critical, fresh(t, "fails"), bob)
	for _, id := range []string{"low", "high", "critical", "fails", "bob's"} {
		await(t, s, id, "the actions to end", func(a StoredAlert) bool {
			return !slices.ContainsFunc(a.Actions, func(a StoredAction) bool { return !ended(a.State) })
		})
	}
	for _, c := range []struct {
		account string
		channel holdfast.Channel
		level   holdfast.Level
		since   time.Time
		want    int
	}{
		{ana, holdfast.SMS, 0, begun, 3},
		{ana, holdfast.InApp, 0, begun, 3},
		{ana, holdfast.SMS, holdfast.High, begun, 2},
		{ana, holdfast.SMS, holdfast.Critical, begun, 1},
		{"bob", holdfast.SMS, 0, begun, 1},
		{"eve", holdfast.SMS, 0, begun, 0},
		{ana, holdfast.SMS, 0, time.Now().Add(time.Minute), 0},
	} {
		if n, err := s.CountDelivered(t.Context(), c.account, c.channel, c.level, c.since); err != nil || n != c.want {
			t.Errorf("%s, %s: %d, %v; want %d", c.account, c.channel, n, err, c.want)
		}
	}
}

func testWatch(t *testing.T, address string) {
	s := open(t, address, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	leaving, staying := s.Watch(ctx), s.Watch(t.Context())

	write(t, s, fresh(t, "a"))
	write(t, s, fresh(t, "b"))
	receive(t, leaving)
	receive(t, staying)
	select {
	case <-staying:
		t.Error("two changes before a receive gave two signals")
	default:
	}
	c := claim(t, s, 0)
	appendJournal(t, s, c, Entry{After: 3, Kind: IdleWatermark, Watermark: 1})
	if _, err := s.Write(t.Context(), Batch{Claim: c, Next: 4}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-staying:
		t.Error("what is the owner's alone gave a signal")
	default:
	}
	cancel()
	if _, open := <-leaving; open {
		t.Error("a signal came where the end was due")
	}
	if err := s.PutMessage(t.Context(), holdfast.Message{Alert: "a", Account: ana}); err != nil {
		t.Fatal(err)
	}
	receive(t, staying)
	closeStore(t, s)
	if _, open := <-staying; open {
		t.Error("the channel outlives the store")
	}
	if _, open := <-s.Watch(t.Context()); open {
		t.Error("a closed store is watched")
	}
}

func testMetrics(t *testing.T, address string) {
	registry := prometheus.NewPedanticRegistry()
	hold := make(chan struct{})
	s := open(t, address, quick(Options{
		Registerer: registry,
		Work: func(context.Context, holdfast.Job) (holdfast.Outcome, error) {
			<-hold
			return holdfast.Outcome{State: holdfast.Done}, nil
		},
	}))
	if n := testutil.ToFloat64(s.metrics.up); n != 1 {
		t.Errorf("up is %v, want 1", n)
	}
	write(t, s, fresh(t, "a"))
	if err := s.countWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(s.metrics.waiting); n != 1 {
		t.Errorf("%v jobs wait, want 1", n)
	}
	if n := testutil.CollectAndCount(s.metrics.write); n != 1 {
		t.Errorf("%d write histograms, want 1", n)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	close(hold)
	awaitState(t, s, "a", 0, holdfast.Done)
	c := claim(t, s, 0)
	closeStore(t, s)

	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	if n := testutil.ToFloat64(s.metrics.up); n != 0 {
		t.Errorf("up is %v, want 0", n)
	}
	if _, err := s.Write(t.Context(), Batch{Claim: c, Alerts: []holdfast.Alert{fresh(t, "b")}}); err == nil {
		t.Error("a closed store can be written to")
	}
}

func testMigrateTogether(t *testing.T, address string) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), Options{URL: address})
			if err != nil {
				t.Error(err)
				return
			}
			closeStore(t, s)
		})
	}
	wg.Wait()
	s := open(t, address, Options{})
	if n := count(t, s, "holdfast_migrations"); n != 2 {
		t.Errorf("%d migrations were applied, want 2", n)
	}
}

func testNewerTables(t *testing.T, address string) {
	s := open(t, address, Options{})
	execute(t, s, "INSERT INTO holdfast_migrations (version) VALUES (1000)")
	closeStore(t, s)
	_, err := Open(t.Context(), Options{URL: address})
	if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v, want a refusal for good", err)
	}
}

func testVersion1(t *testing.T, address string) {
	s := open(t, address, Options{})
	write(t, s, fresh(t, "a"), fresh(t, "b"))
	before, err := s.Alerts(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"holdfast_journal", "holdfast_rule_sets", "holdfast_partition_owner"} {
		execute(t, s, "DROP TABLE "+table)
	}
	execute(t, s, "DELETE FROM holdfast_migrations WHERE version > 1")
	closeStore(t, s)

	s = open(t, address, Options{Work: done})
	for _, id := range []string{"a", "b"} {
		awaitState(t, s, id, 0, holdfast.Done)
	}
	after, err := s.Alerts(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	if len(before) != 2 || !slices.EqualFunc(before, after, func(a, b StoredAlert) bool { return cmp.Equal(a.Alert, b.Alert) }) {
		t.Errorf("the alerts were %v and are %v", before, after)
	}
	c := claim(t, s, 0)
	if c.Generation != 1 {
		t.Errorf("the first claim is of generation %d", c.Generation)
	}
	if w, err := s.Write(t.Context(), Batch{Claim: c, Next: 3, Alerts: []holdfast.Alert{before[0].Alert, fresh(t, "c")}}); err != nil || len(w.New) != 1 {
		t.Errorf("%v are new, %v; want c alone", ids(w.New), err)
	}
}
