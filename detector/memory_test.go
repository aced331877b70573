package detector

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

// TestMemoryIsGivenBack looks inside: what is forgotten must not be kept.
func TestMemoryIsGivenBack(t *testing.T) {
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(`
rules:
  - {id: count, title: T, level: low, group_by: account, match: type == "x.a", count: 3, timespan: 1m}
  - {id: held, title: T, level: low, group_by: account, match: type == "x.a", without: {match: type == "x.b", for: 1m}}
  - {id: score, title: T, level: low, group_by: account, score: {threshold: 50, half_life: 10s, points: [{match: type == "x.a", add: 1}]}}
`)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Rules: set})
	if err != nil {
		t.Fatal(err)
	}
	var out Output
	const events = 200_000
	most := 0
	for i := range events {
		out.Reset()
		e.Process(Input{Offset: int64(i), Event: &holdfast.Event{
			ID: fmt.Sprint(i), Type: "x.a", Account: fmt.Sprint(i), Time: holdfast.Instant(i) * holdfast.Instant(time.Second),
		}}, &out)
		for _, r := range e.rules {
			most = max(most, r.stored)
		}
	}
	// A group lives for its span and max_lateness: not half an hour, and a
	// second each.
	if most > 30*60 {
		t.Errorf("a rule remembers %d groups at once", most)
	}
	if n := e.recent.Len(); n != 65_536 {
		t.Errorf("%d events are remembered, want 65,536", n)
	}
	words := e.arena.Words()
	for i := range 10_000 { // the hand has to go round
		e.Process(Input{Offset: int64(events + i), Event: &holdfast.Event{Type: "x.tick", Account: "x", Time: holdfast.Instant(2 * events * time.Second)}}, &out)
	}
	for _, r := range e.rules {
		if r.stored != 0 {
			t.Errorf("%s still holds %d groups", r.rule.ID, r.stored)
		}
	}
	for _, t2 := range e.groupings {
		if t2.Len() != 0 {
			t.Errorf("%d records are left", t2.Len())
		}
	}
	if len(e.deadlines.heap) != 0 {
		t.Errorf("%d deadlines are left", len(e.deadlines.heap))
	}
	if words > 4*8192 {
		t.Errorf("the arena takes %d words", words)
	}
}
