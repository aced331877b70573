package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/pipeline"
	"github.com/holdfastd/holdfast/store"
)

// TestTheStoreInMemoryIsLikeTheRealOne makes the same calls to both, in the same
// order: what the other tests find out by the one has to hold by the other.
func TestTheStoreInMemoryIsLikeTheRealOne(t *testing.T) {
	const fatal = "fatal" // the alert before which a write's context ends
	die := func() {}
	plan := func(a holdfast.Alert) {
		if a.ID == fatal {
			die()
		}
	}
	kept, err := store.Open(t.Context(), store.Options{
		URL:  "sqlite://" + t.TempDir() + "/holdfast.db",
		Plan: func(a holdfast.Alert) []holdfast.Action { plan(a); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := kept.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	memory := newMemory()
	memory.plan = plan

	alert := func(id string) holdfast.Alert {
		at := holdfast.Instant(began.UnixNano())
		return holdfast.Alert{
			ID: id, Rule: "r", Level: holdfast.Low, Status: holdfast.Stable, Account: "ana", Time: at,
			Trigger: holdfast.Position{Offset: 7, Time: at},
		}
	}
	many := func(n int, last ...string) (all []holdfast.Alert) {
		for i := range n {
			all = append(all, alert(fmt.Sprintf("many-%04d", i)))
		}
		for _, id := range last {
			all = append(all, alert(id))
		}
		return all
	}
	const verdict = `{"id":"v","time":"2026-11-24T08:00:00Z","account":"ana"}`
	// A step takes the claims that were made before, oldest first.
	type step func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error)
	last := func(claims *[]store.Claim) store.Claim { return (*claims)[len(*claims)-1] }
	claim := func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
		c, err := s.Claim(ctx, topic, 0)
		*claims = append(*claims, c)
		return c, err
	}
	write := func(next int64, alerts []holdfast.Alert, occurrences ...holdfast.Occurrences) step {
		return func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
			w, err := s.Write(ctx, store.Batch{Claim: last(claims), Next: next, Alerts: alerts, Occurrences: occurrences})
			ids := []string{}
			for _, a := range w.New {
				ids = append(ids, a.ID)
			}
			return fmt.Sprint(ids, w.TooOld), err
		}
	}
	entry := func(e store.Entry) step {
		return func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
			return s.AppendJournal(ctx, last(claims), e)
		}
	}
	journal := func(after int64) step {
		return func(ctx context.Context, s pipeline.Store, _ *[]store.Claim) (any, error) {
			return s.Journal(ctx, topic, 0, after)
		}
	}
	keep := func(hash, content string) step {
		return func(ctx context.Context, s pipeline.Store, _ *[]store.Claim) (any, error) {
			return nil, s.KeepRuleSet(ctx, hash, []byte(content))
		}
	}
	read := func(hash string) step {
		return func(ctx context.Context, s pipeline.Store, _ *[]store.Claim) (any, error) {
			content, err := s.RuleSet(ctx, hash)
			return string(content), err
		}
	}
	current := func(next int64) step {
		return func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
			return nil, s.MakeCurrent(ctx, last(claims), next)
		}
	}
	// late makes a call with the oldest claim.
	late := func(do step) step {
		return func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
			oldest := (*claims)[:1:1]
			return do(ctx, s, &oldest)
		}
	}
	startOver := func(ctx context.Context, s pipeline.Store, claims *[]store.Claim) (any, error) {
		c, err := s.StartOver(ctx, last(claims))
		if err == nil {
			*claims = append(*claims, c)
		}
		return c, err
	}
	occurrences := func(id string, count, offset int64) holdfast.Occurrences {
		return holdfast.Occurrences{Alert: id, Count: count, Last: holdfast.Position{Offset: offset, Time: 1}}
	}
	idle := func(after int64, watermark holdfast.Instant) store.Entry {
		return store.Entry{After: after, Kind: store.IdleWatermark, Watermark: watermark}
	}
	calls := []struct {
		name string
		want error // that the call's wraps
		do   step
	}{
		{"a first claim", nil, claim},
		{"nothing to write", nil, write(-1, nil)},
		{"an alert", nil, write(8, many(1))},
		{"the alert again, and another", nil, write(9, many(2))},
		{"occurrences", nil, write(10, nil, occurrences("many-0000", 2, 9), occurrences("nobody", 3, 9))},
		{"occurrences that go back", nil, write(10, nil, occurrences("many-0000", 1, 7))},
		{"an earlier Next, and a row", nil, write(3, many(1))},
		{"the claim after that", nil, claim},
		{"an alert of who was fenced", store.ErrFenced, late(write(11, many(1, "late")))},
		{"a Next of who was fenced", store.ErrFenced, late(write(11, nil))},
		{"nothing of who was fenced", nil, late(write(-1, nil))},
		{"a snapshot of who was fenced", store.ErrFenced, late(current(11))},
		{"an entry of who was fenced", store.ErrFenced, late(entry(idle(11, 1)))},
		{"a start of who was fenced", store.ErrFenced, late(startOver)},

		{"an entry before what is written", store.ErrRefused, entry(idle(8, 1))},
		{"an entry", nil, entry(idle(9, 1))},
		{"the entry again", nil, entry(idle(9, 1))},
		{"one like it", nil, entry(idle(9, 2))},
		{"rules that are not kept", store.ErrRefused, entry(store.Entry{After: 10, Kind: store.RuleSetActivated, RuleSet: "h"})},
		{"rules that are not kept, to be read", store.ErrNotFound, read("h")},
		{"rules without a hash", store.ErrRefused, keep("", "x")},
		{"rules", nil, keep("h", "x")},
		{"the rules again", nil, keep("h", "y")},
		{"rules of nothing", nil, keep("i", "")},
		{"the rules, to be read", nil, read("h")},
		{"the rules of nothing, to be read", nil, read("i")},
		{"rules that are kept", nil, entry(store.Entry{After: 10, Kind: store.RuleSetActivated, RuleSet: "h"})},
		{"rules of nothing that are kept", nil, entry(store.Entry{After: 10, Kind: store.RuleSetActivated, RuleSet: "i"})},
		{"an entry before the last", store.ErrRefused, entry(idle(9, 3))},
		{"an entry before the log", store.ErrRefused, entry(idle(-2, 3))},
		{"an entry of two kinds", store.ErrRefused, entry(store.Entry{After: 12, Kind: store.IdleWatermark, RuleSet: "h"})},
		{"an entry of no kind", store.ErrRefused, entry(store.Entry{After: 12})},
		{"an entry of another kind", store.ErrRefused, entry(store.Entry{After: 12, Kind: "later"})},
		{"no verdict", store.ErrRefused, entry(store.Entry{After: 12, Kind: store.VerdictGiven, Verdict: []byte(`{}`)})},
		{"a verdict", nil, entry(store.Entry{After: 14, Kind: store.VerdictGiven, Verdict: []byte(verdict)})},
		{"the journal", nil, journal(-1)},
		{"the journal from an entry's place", nil, journal(10)},
		{"the journal from between", nil, journal(12)},
		{"the journal's end", nil, journal(20)},

		{"a snapshot", nil, current(15)},
		{"the snapshot again", nil, current(15)},
		{"a snapshot that goes back", store.ErrRefused, current(14)},
		{"a snapshot of nothing", store.ErrRefused, current(-1)},
		{"the claim after a snapshot", nil, claim},
		{"an entry before the snapshot", store.ErrRefused, entry(idle(13, 1))},

		{"a large write that is cut short", context.Canceled, write(30, many(1500, fatal), occurrences("many-1499", 4, 29))},
		{"an entry in the middle of it", store.ErrRefused, entry(idle(20, 1))},
		{"the claim after that", nil, claim},
		{"the large write again", nil, write(30, many(1500), occurrences("many-1499", 4, 29))},
		{"a write that is cut short at once", context.Canceled, write(40, []holdfast.Alert{alert(fatal)})},
		{"an entry behind what is written", nil, entry(idle(29, 1))},

		{"starting over", nil, startOver},
		{"what is left of the journal", nil, journal(-1)},
		{"what is left of the rules", nil, read("h")},
		{"an entry from the start", nil, entry(idle(-1, 1))},
		{"the last claim", nil, claim},
	}
	var ofKept, ofMemory []store.Claim
	result := func(name string, want error, do step, s pipeline.Store, claims *[]store.Claim) string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		die = cancel
		got, err := do(ctx, s, claims)
		if !errors.Is(err, want) {
			t.Errorf("%s, of a %T: %v, want %v", name, s, err, want)
		}
		return fmt.Sprintf("%+v", got)
	}
	for _, c := range calls {
		if diff := cmp.Diff(result(c.name, c.want, c.do, kept, &ofKept), result(c.name, c.want, c.do, memory, &ofMemory)); diff != "" {
			t.Errorf("%s (-real +in memory):\n%s", c.name, diff)
		}
	}
	w := &world{t: t, store: kept}
	alerts, counts := w.stored()
	if diff := cmp.Diff(spelt(t, alerts), spelt(t, memory.alerts)); diff != "" || len(alerts) != 1500 {
		t.Errorf("%d alerts (-real +in memory):\n%s", len(alerts), diff)
	}
	if diff := cmp.Diff(counts, memory.occurrences); diff != "" {
		t.Errorf("occurrences (-real +in memory):\n%s", diff)
	}
}
