package detector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

func TestAFloodOfGroupsPushesOutTheFlood(t *testing.T) {
	engine, err := detector.New(detector.Options{MaxGroups: 10, Rules: compile(t, `
- {id: three, title: T, level: low, group_by: account, match: type == "x.a", count: 3, timespan: 10m, suppress: 1h}
- {id: steps, title: T, level: low, group_by: account, timespan: 10m, sequence: [{match: type == "x.a", count: 2}, {match: type == "x.b"}]}
`)})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{TB: t, engine: engine}
	ofAna := func(kind string) holdfast.Event { return holdfast.Event{Type: kind, Account: "ana"} }
	r.at(0, ofAna("x.a")).at(1, ofAna("x.a"))
	for i := range 1000 {
		r.at(time.Second, holdfast.Event{Type: "x.a", Account: fmt.Sprint("made-up-", i)})
	}
	r.at(2*time.Second, ofAna("x.a")).at(2*time.Second, ofAna("x.b"))
	r.want("three@1002[0 1 1002]", "steps@1003[1 1002 1003]")
	if got := engine.Stats().Evicted; got != 2*991 {
		t.Errorf("%d groups made room, want 991 of each rule", got)
	}
	// What suppresses an alert goes last: the alert would be raised once more.
	for i := range 1000 {
		r.at(time.Minute, holdfast.Event{Type: "x.a", Account: fmt.Sprint("made-up-again-", i/2)})
	}
	r.at(time.Minute, ofAna("x.a")).at(time.Minute, ofAna("x.a")).at(time.Minute, ofAna("x.a"))
	r.want("three@1002[0 1 1002]", "steps@1003[1 1002 1003]")
}

func TestEvictionIsAFunctionOfTheInput(t *testing.T) {
	story := func() *run {
		engine, err := detector.New(detector.Options{MaxGroups: 5, Rules: compile(t, three+steps)})
		if err != nil {
			t.Fatal(err)
		}
		r := &run{TB: t, engine: engine}
		for i := range 5000 {
			r.at(time.Duration(i)*time.Second, holdfast.Event{
				Type:    []string{"x.a", "x.b"}[i%5/4],
				Account: fmt.Sprint(i * i % 17),
			})
		}
		return r
	}
	first, second := story(), story()
	if len(first.out.Alerts) < 50 {
		t.Fatalf("only %d alerts", len(first.out.Alerts))
	}
	second.want(first.alerts()...)
}
