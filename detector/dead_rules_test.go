package detector_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// TestARuleThatIsCalledDeadNeverFires checks random rules, and shows the engine
// random events: what check says can never fire must not.
func TestARuleThatIsCalledDeadNeverFires(t *testing.T) {
	t.Parallel()
	trials := 2500
	if testing.Short() {
		trials = 500
	}
	dead, alive := 0, 0
	for seed := range uint64(trials) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		yaml, maxEntries := g.doubtfulRule(), pick(g, 0, 0, 2)
		set, found := rules.Check([]rules.Source{{Name: "rules.yaml", Content: []byte(yaml)}}, rules.Options{MaxEntries: maxEntries})
		if set == nil {
			t.Fatalf("seed %d makes no rules: %v\n%s", seed, found, yaml)
		}
		said := ""
		for _, d := range found {
			if d.Severity == diag.Error && strings.HasPrefix(d.Message, "the rule can never fire") {
				said = d.Message
			}
		}
		engine, err := detector.New(detector.Options{Rules: set, MaxEntries: maxEntries})
		if err != nil {
			t.Fatal(err)
		}
		fired := g.fires(engine)
		if said != "" && fired {
			t.Fatalf("seed %d: %s, and it fires:\n%s", seed, said, yaml)
		}
		if said != "" {
			dead++
		}
		if fired {
			alive++
		}
	}
	t.Logf("of %d rules, %d are called dead and %d fire", trials, dead, alive)
	if dead < trials/10 || alive < trials/10 {
		t.Errorf("of %d rules, %d are called dead and %d fire: too few to tell much", trials, dead, alive)
	}
}

// fires shows an engine events, and reports whether rule `c` fires.
func (g generator) fires(engine *detector.Engine) bool {
	var out detector.Output
	for i := range 60 {
		e := holdfast.Event{
			ID: fmt.Sprint(i), Time: start.Add(time.Duration(i) * tick), Account: "ana",
			Type: pick(g, "x.a", "x.b", "x.c"), Channel: pick(g, "", "sms", "voice"),
		}
		e.Device.ID, e.Device.Trusted = "d1", pick(g, holdfast.Untrusted, holdfast.Trusted)
		engine.Process(detector.Input{Event: &e, Offset: int64(i)}, &out)
	}
	engine.Finish(&out)
	for _, a := range out.Alerts {
		if a.Rule == "c" {
			return true
		}
	}
	return false
}

// doubtfulRule makes a rule `c` whose conditions are likely to stand in each
// other's way. It may build on `a` and `b`.
func (g generator) doubtfulRule() string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for _, source := range []string{"a", "b"} {
		fmt.Fprintf(&b, "- {id: %s, title: T, level: %s, group_by: account, match: type == \"x.%s\"}\n", source, pick(g, "low", "high"), source)
	}
	b.WriteString("- id: c\n  title: T\n  level: high\n  group_by: account\n")
	add := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	about := pick(g, "", `type == "alert" && `, `type == "alert" && rule in ["a", "b"] && `)
	condition := func() string { return about + g.joined(2) }
	switch pick(g, "count", "count", "distinct", "sequence", "score") {
	case "count":
		add("match: '%s'", condition())
		add("count: %d", pick(g, 1, 1, 2, 3))
		if g.percent(50) {
			add("overrides: [{match: '%s', count: %d}]", condition(), pick(g, 1, 2, 3))
		}
		g.cancel(add, condition)
	case "distinct":
		add("match: '%s'", condition())
		add("distinct: {%s: %d}", pick(g, "channel", "type", "rule", "level"), pick(g, 1, 2, 3))
		g.cancel(add, condition)
	case "sequence":
		add("sequence: [{match: '%s'}, {match: '%s'}]", condition(), condition())
		if g.percent(60) {
			add("until: '%s'", condition())
		}
	case "score":
		add("score: {threshold: 2, half_life: 1h, points: [{match: '%s', add: 2}, {match: '%s', add: 1}]}", condition(), condition())
		return b.String() + g.exception(condition)
	}
	add("timespan: 10m")
	add("suppress: 0s")
	return b.String() + g.exception(condition)
}

func (g generator) cancel(add func(string, ...any), condition func() string) {
	if g.percent(60) {
		add("cancel: {match: '%s'}", condition())
	}
}

func (g generator) exception(condition func() string) string {
	if g.percent(70) {
		return ""
	}
	return fmt.Sprintf("  exceptions: [{name: quiet, match: '%s'}]\n", condition())
}

// joined is a condition of so many levels.
func (g generator) joined(depth int) string {
	if depth == 0 || g.percent(30) {
		return pick(g, `type == "x.a"`, `type == "x.b"`, `type != "x.a"`, `type == "alert"`, `channel == "sms"`, `channel == "voice"`, `channel != "sms"`,
			`rule == "a"`, `rule == "b"`, `rule in ["a", "b"]`, `rule != "a"`, `level == "high"`, `level == "low"`, `level != "low"`, `level != "high"`,
			`device.trusted`, `!device.trusted`, `travel.kmh >= 0`)
	}
	return pick(g, "", "", "", "!") + "(" + g.joined(depth-1) + pick(g, " && ", " || ") + g.joined(depth-1) + ")"
}
