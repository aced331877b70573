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

	"github.com/holdfastd/holdfast"
)

func testStoredOnce(t *testing.T, address string) {
	s := open(t, address, Options{})
	a, b := fresh(t, "a"), fresh(t, "b")

	if w := write(t, s, b, a, b); !cmp.Equal(w.New, []holdfast.Alert{b, a}) {
		t.Errorf("new = %v, want b and a, once each and in the batch's order", ids(w.New))
	}
	changed := b
	changed.Title = "something else"
	if w := write(t, s, changed); len(w.New) != 0 {
		t.Errorf("new = %v at the second write, want none", ids(w.New))
	}

	stored, err := s.Alert(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, stored.Alert); diff != "" {
		t.Errorf("what is read is not what was written first (-written +read):\n%s", diff)
	}
	if n := count(t, s, "holdfast_actions"); n != 2 {
		t.Errorf("%d actions, want 2", n)
	}
	if n := count(t, s, "river_job"); n != 2 {
		t.Errorf("%d jobs, want 2", n)
	}
}

func testTwoWriters(t *testing.T, address string) {
	const rounds, size = 10, 100
	stores := []*Store{open(t, address, Options{}), open(t, address, Options{})}
	for round := range rounds {
		var batch []holdfast.Alert
		for i := range size {
			batch = append(batch, fresh(t, fmt.Sprintf("alert-%d-%03d", round, i)))
		}
		// Together, and in opposite orders.
		written := make([]Written, len(stores))
		errs := make([]error, len(stores))
		var wg sync.WaitGroup
		for i, s := range stores {
			own := slices.Clone(batch)
			if i > 0 {
				slices.Reverse(own)
			}
			c := claim(t, s, int32(i))
			wg.Go(func() { written[i], errs[i] = s.Write(t.Context(), Batch{Claim: c, Alerts: own}) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		all := append(ids(written[0].New), ids(written[1].New)...)
		slices.Sort(all)
		if !slices.Equal(all, ids(batch)) {
			t.Errorf("%d alerts were reported as new, want each of %d once", len(all), size)
		}
	}
	if n := count(t, stores[0], "river_job"); n != rounds*size {
		t.Errorf("%d jobs, want %d", n, rounds*size)
	}
}

func testLargeBatch(t *testing.T, address string) {
	const alerts = 2000
	s := open(t, address, Options{})
	b := Batch{Claim: claim(t, s, 0), Next: 77}
	for i := range alerts {
		a := fresh(t, fmt.Sprintf("alert-%04d", i))
		b.Alerts = append(b.Alerts, a)
		b.Occurrences = append(b.Occurrences, holdfast.Occurrences{Alert: a.ID, Count: 3, Last: a.Trigger})
	}
	w, err := s.Write(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(w.New), ids(b.Alerts)) {
		t.Errorf("%d new, want all %d in the batch's order", len(w.New), alerts)
	}
	if n := count(t, s, "holdfast_alerts WHERE occurrences = 3"); n != alerts {
		t.Errorf("%d alerts have their occurrences, want %d", n, alerts)
	}
	if n := count(t, s, "river_job"); n != alerts {
		t.Errorf("%d jobs, want %d", n, alerts)
	}
}

func testLargeBatchCutShort(t *testing.T, address string) {
	const alerts = 2500
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := open(t, address, Options{Plan: func(a holdfast.Alert) []holdfast.Action {
		if a.ID == "alert-1500" {
			cancel() // in the second of three transactions
		}
		return noticePlan(a)
	}})
	b := Batch{Claim: claim(t, s, 0), Next: 77}
	for i := range alerts {
		b.Alerts = append(b.Alerts, fresh(t, fmt.Sprintf("alert-%04d", i)))
	}
	slices.Reverse(b.Alerts[:1000]) // the order of writing is the batch's, not the ids'
	b.Occurrences = []holdfast.Occurrences{{Alert: "alert-0000", Count: 3, Last: b.Alerts[0].Trigger}}

	w, err := s.Write(ctx, b)
	if err == nil {
		t.Fatal("the write was not cut short")
	}
	if !slices.Equal(ids(w.New), ids(b.Alerts[:1000])) {
		t.Errorf("%d new beside the error, want the first 1000", len(w.New))
	}
	if n := count(t, s, "holdfast_alerts WHERE occurrences = 0 AND id < 'alert-1000'"); n != 1000 || count(t, s, "holdfast_alerts") != n {
		t.Errorf("%d of the first 1000 alerts are stored, among %d", n, count(t, s, "holdfast_alerts"))
	}
	if n := count(t, s, "holdfast_partition_owner WHERE written = 77"); n != 1 {
		t.Error("other rules could still make something else follow from its records")
	}
	if w, err = s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(w.New), ids(b.Alerts[1000:])) {
		t.Errorf("%d new at the second write, want the other %d", len(w.New), alerts-1000)
	}
	if n := count(t, s, "river_job"); n != alerts {
		t.Errorf("%d jobs, want %d", n, alerts)
	}
	if n := count(t, s, "holdfast_alerts WHERE occurrences = 3"); n != 1 {
		t.Error("the occurrences at the batch's end were not written")
	}
}

func testLargeBatchFenced(t *testing.T, address string) {
	const alerts = 2500
	other := open(t, address, Options{})
	taken := false
	s := open(t, address, Options{Plan: func(a holdfast.Alert) []holdfast.Action {
		if a.ID == "alert-1500" && !taken { // between the first transaction and the second
			taken = true
			claim(t, other, 0)
		}
		return noticePlan(a)
	}})
	b := Batch{Claim: claim(t, s, 0), Next: 77}
	for i := range alerts {
		b.Alerts = append(b.Alerts, fresh(t, fmt.Sprintf("alert-%04d", i)))
	}
	w, err := s.Write(t.Context(), b)
	if !errors.Is(err, ErrFenced) || len(w.New) != 1000 {
		t.Errorf("%d new, %v; want the 1000 before the other claim, and fenced", len(w.New), err)
	}
	if _, err := s.Write(t.Context(), b); !errors.Is(err, ErrFenced) {
		t.Errorf("written again: %v", err)
	}
	if n := count(t, s, "holdfast_alerts"); n != 1000 {
		t.Errorf("%d alerts are stored, want the 1000 before the other claim", n)
	}
	if n := count(t, s, "holdfast_partition_owner WHERE written = 77"); n != 1 {
		t.Error("other rules could still make something else follow from its records")
	}
}

func testNothing(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	c.Written = 5
	s.db.close() // nothing asks it
	for _, b := range []Batch{{}, {Claim: c, Next: 5}, {Claim: c, Next: 4}} {
		if _, err := s.Write(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Write(t.Context(), Batch{Claim: c, Next: 6}); err == nil {
		t.Error("a batch that moves Written was not written")
	}
}

func testAllOrNothing(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	// River's table is missing when the jobs are to be inserted, last of all.
	execute(t, s, "ALTER TABLE river_job RENAME TO gone")
	if _, err := s.Write(t.Context(), Batch{Claim: c, Alerts: []holdfast.Alert{fresh(t, "a")}}); err == nil {
		t.Error("the write did not fail")
	}
	if n := count(t, s, "holdfast_alerts") + count(t, s, "holdfast_actions"); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
	execute(t, s, "ALTER TABLE gone RENAME TO river_job")
	if w := write(t, s, fresh(t, "a")); len(w.New) != 1 {
		t.Error("the alert was not new when it was written again")
	}
}

func testRecordedOnly(t *testing.T, address string) {
	now := time.Date(2026, 11, 24, 8, 34, 0, 0, time.UTC)
	s := open(t, address, Options{
		Now:          func() time.Time { return now },
		MaxActionAge: time.Minute,
		Plan: func(a holdfast.Alert) []holdfast.Action {
			if a.Rule == "unplanned" {
				return nil
			}
			return noticePlan(a)
		},
	})
	at := func(id string, age time.Duration) holdfast.Alert {
		a := fresh(t, id)
		a.Time = holdfast.Instant(now.Add(-age).UnixNano())
		return a
	}
	shadow, unplanned, old := at("shadow", 0), at("unplanned", 0), at("old", time.Minute+1)
	shadow.Status = holdfast.Test
	unplanned.Rule = "unplanned"
	oldShadow, oldUnplanned := shadow, unplanned
	oldShadow.ID, oldShadow.Time = "old shadow", old.Time
	oldUnplanned.ID, oldUnplanned.Time = "old unplanned", old.Time

	w := write(t, s, at("young", time.Minute), old, at("ahead", -time.Minute), shadow, unplanned, oldShadow, oldUnplanned, old, at("last", 0))
	if len(w.New) != 8 || w.TooOld != 1 {
		t.Errorf("%d alerts are new, %d of them too old; want 8 and 1", len(w.New), w.TooOld)
	}
	if w := write(t, s, old); len(w.New) != 0 || w.TooOld != 0 {
		t.Errorf("a replay has %d new alerts, %d of them too old", len(w.New), w.TooOld)
	}
	for id, want := range map[string]int{"young": 1, "ahead": 1, "last": 1, "old": 0, "shadow": 0, "unplanned": 0, "old shadow": 0, "old unplanned": 0} {
		a, err := s.Alert(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Actions) != want {
			t.Errorf("%s has %d actions, want %d", id, len(a.Actions), want)
		}
		if !a.Stored.Equal(now) {
			t.Errorf("%s was stored at %s, want the clock's %s", id, a.Stored, now)
		}
	}
	if n := count(t, s, "river_job"); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
}

func testOccurrences(t *testing.T, address string) {
	s := open(t, address, Options{})
	c := claim(t, s, 0)
	a := fresh(t, "a")
	at := func(count, offset int64) holdfast.Occurrences {
		return holdfast.Occurrences{Alert: "a", Count: count, Last: holdfast.Position{Partition: 1, Offset: offset, Time: a.Time}}
	}
	for _, step := range []struct {
		write []holdfast.Occurrences
		want  holdfast.Occurrences
	}{
		{nil, holdfast.Occurrences{Alert: "a"}},
		{[]holdfast.Occurrences{at(2, 11)}, at(2, 11)},
		{[]holdfast.Occurrences{at(1, 9)}, at(2, 11)}, // a replay
		{[]holdfast.Occurrences{at(3, 12), at(5, 20), at(4, 13)}, at(5, 20)},
		{[]holdfast.Occurrences{{Alert: "nobody", Count: 9}}, at(5, 20)},
	} {
		if _, err := s.Write(t.Context(), Batch{Claim: c, Alerts: []holdfast.Alert{a}, Occurrences: step.write}); err != nil {
			t.Fatal(err)
		}
		stored, err := s.Alert(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, stored.Occurrences); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.write, diff)
		}
	}
}

func testHostileText(t *testing.T, address string) {
	s := open(t, address, Options{})
	for i, account := range []string{
		"a\x00b", "a\uFFFDb", "\xff\xfe", strings.Repeat("x", 10_000), "sha256:" + strings.Repeat("0", 64), `'; DROP TABLE holdfast_alerts; --`,
	} {
		a := fresh(t, fmt.Sprintf("hostile-%d", i))
		a.Account = account
		write(t, s, a)
		found, err := s.Alerts(t.Context(), Query{Account: account})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].ID != a.ID {
			t.Errorf("account %.20q has %d alerts, want its own one", account, len(found))
		}
	}
	for _, id := range []string{"a\x00b", "\xff", strings.Repeat("x", 10_000)} {
		if _, err := s.Alert(t.Context(), id); !isNotFound(err) {
			t.Errorf("alert %.20q: %v, want not found", id, err)
		}
	}
}

func ids(alerts []holdfast.Alert) []string {
	all := make([]string, len(alerts))
	for i, a := range alerts {
		all[i] = a.ID
	}
	return all
}
