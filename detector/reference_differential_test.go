package detector_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// TestEngineAgreesWithReference compares the engine with the reference on random
// trials, as far as the engine supports their rules. HOLDFAST_SEEDS is how many
// trials; -run TestEngineAgreesWithReference/17 repeats the one of seed 17, which
// must be among them.
func TestEngineAgreesWithReference(t *testing.T) {
	t.Parallel()
	trials := 600
	if text := os.Getenv("HOLDFAST_SEEDS"); text != "" {
		var err error
		if trials, err = strconv.Atoi(text); err != nil {
			t.Fatalf("HOLDFAST_SEEDS: %v", err)
		}
	}
	alerts, ran := map[string]int{}, 0
	for seed := range trials {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			ran++
			trial := newTrial(uint64(seed))
			r, diff := trial.compare()
			if diff != "" {
				trial = trial.minimized()
				_, diff = trial.compare()
				t.Fatalf("the engine departs from the reference:\n\n%s\n%s\n(-reference +engine)\n%s", trial.yaml(), trial.events(), diff)
			}
			if r == nil {
				return
			}
			alerts["all"] += len(r.fired)
			for _, a := range r.fired {
				for _, name := range operators(a.rule) {
					alerts[name]++
				}
			}
		})
	}
	t.Logf("alerts by operator: %v", alerts)
	if ran == trials && alerts["all"] < trials {
		t.Errorf("%d alerts in %d trials compare little", alerts["all"], trials)
	}
}

func (in *refInput) input() detector.Input {
	return detector.Input{Event: &in.Event, Offset: in.Offset, Broker: in.Broker}
}

// restarted returns the engine that a snapshot of another one gives. The other
// one goes on for a few events before the snapshot is written: that must not
// show in it.
func restarted(engine *detector.Engine, opts detector.Options, next []refInput) (*detector.Engine, error) {
	snapshot := engine.Snapshot(detector.Mark{})
	var out detector.Output
	for _, in := range next[:min(5, len(next))] {
		engine.Process(in.input(), &out)
	}
	var file bytes.Buffer
	if err := snapshot.Write(&file); err != nil {
		return nil, err
	}
	reader, err := detector.OpenSnapshot(&file)
	if err != nil {
		return nil, err
	}
	return reader.Restore(opts)
}

// reference runs the reference over the trial's events with the given rules.
func (t *trial) reference(set *rules.Set, finish bool) *reference {
	r := newReference(set, t.options)
	for _, in := range t.inputs {
		r.process(in)
	}
	if finish {
		r.finish()
	}
	return r
}

// compare runs engine and reference over those rules that the engine supports,
// and returns how their alerts differ. The reference is nil if the trial can't
// tell: there is no such rule, or rounding decides.
func (t *trial) compare() (*reference, string) {
	set, err := t.compile()
	if err != nil {
		return nil, ""
	}
	if len(set.Rules) == 0 {
		return nil, ""
	}
	r := t.reference(set, true)
	if r.doubtful {
		return nil, ""
	}
	opts := detector.Options{
		Rules: set, Lateness: t.options.Lateness, MaxLateness: t.options.MaxLateness, MaxEntries: t.options.MaxEntries,
	}
	engine, err := detector.New(opts)
	if err != nil {
		return r, err.Error()
	}
	var out detector.Output
	for i := range t.inputs {
		if slices.Contains(t.restarts, i) {
			if engine, err = restarted(engine, opts, t.inputs[i:]); err != nil {
				return r, err.Error()
			}
		}
		engine.Process(t.inputs[i].input(), &out)
	}
	engine.Finish(&out)
	return r, cmp.Diff(referenceLines(r), engineLines(set, &out))
}

// referenceLines writes the reference's alerts in firing order, and then what
// fed them while they suppressed. DESIGN does not say whether an alert that is
// suppressed at its deadline does, so rules with `without` are left out of that.
func referenceLines(r *reference) []string {
	var alerts, occurrences []string
	for _, a := range r.fired {
		alerts = append(alerts, a.String())
		if a.occurrences > 0 && a.rule.Without == nil {
			occurrences = append(occurrences, fmt.Sprintf("%s occurs %d times, last at %d", a.event().name(), a.occurrences, a.last))
		}
	}
	slices.Sort(occurrences)
	return append(alerts, occurrences...)
}

// engineLines writes the engine's alerts as referenceLines does.
func engineLines(set *rules.Set, out *detector.Output) []string {
	var alerts, occurrences []string
	names, holding := map[string]string{}, map[string]bool{}
	for _, a := range out.Alerts {
		names[a.ID] = fmt.Sprintf("%s@%d", a.Rule, a.Trigger.Offset)
		holding[a.ID] = slices.ContainsFunc(set.Rules, func(r *rules.Rule) bool { return r.ID == a.Rule && r.Without != nil })
		var group, evidence []string
		for _, v := range a.Group {
			group = append(group, v.Value)
		}
		for _, e := range a.Evidence {
			name := fmt.Sprint(e.Offset)
			if e.Alert != "" {
				name = names[e.Alert]
			}
			evidence = append(evidence, name)
		}
		alerts = append(alerts, fmt.Sprintf("%s %s %s %q trigger %d evidence %v count %d",
			a.Rule, a.Level, a.Time, group, a.Trigger.Offset, evidence, a.Count))
	}
	for _, o := range out.Occurrences {
		if !holding[o.Alert] {
			occurrences = append(occurrences, fmt.Sprintf("%s occurs %d times, last at %d", names[o.Alert], o.Count, o.Last.Offset))
		}
	}
	slices.Sort(occurrences)
	return append(alerts, occurrences...)
}

// minimized drops events, rules and lines of rules, for as long as engine and
// reference still differ.
func (t *trial) minimized() *trial {
	best := *t
	differs := func(smaller trial) bool {
		if _, diff := smaller.compare(); diff == "" {
			return false
		}
		best = smaller
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for size := max(1, len(best.inputs)/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(best.inputs); {
				next := best
				next.inputs = slices.Delete(slices.Clone(best.inputs), at, at+size)
				if differs(next) {
					smaller = true
				} else {
					at += size
				}
			}
		}
		for i := range slices.Backward(best.restarts) {
			next := best
			next.restarts = slices.Delete(slices.Clone(best.restarts), i, i+1)
			smaller = differs(next) || smaller
		}
		for i := len(best.rules) - 1; i >= 0; i-- {
			next := best
			next.rules = slices.Delete(slices.Clone(best.rules), i, i+1)
			if differs(next) {
				smaller = true
				continue
			}
			for line := len(best.rules[i]) - 1; line > 0; line-- {
				for lines := len(best.rules[i]) - line; lines > 0; lines-- {
					next := best
					next.rules = slices.Clone(best.rules)
					next.rules[i] = slices.Delete(slices.Clone(best.rules[i]), line, line+lines)
					if differs(next) {
						smaller = true
						break
					}
				}
			}
		}
		for _, reset := range []func(*refOptions){
			func(o *refOptions) { o.Lateness = 0 },
			func(o *refOptions) { o.MaxLateness = 0 },
			func(o *refOptions) { o.MaxEntries = 0 },
		} {
			next := best
			reset(&next.options)
			if next.options != best.options && differs(next) {
				smaller = true
			}
		}
		for i := range best.inputs {
			for _, blank := range []func(*refInput){
				func(in *refInput) { in.Event.ID = "" },
				func(in *refInput) { in.Event.Channel = "" },
				func(in *refInput) { in.Event.Attempt = "" },
				func(in *refInput) { in.Event.Phone = "" },
				func(in *refInput) { in.Event.Device = holdfast.Device{} },
				func(in *refInput) { in.Event.Client = holdfast.Client{} },
				func(in *refInput) { in.Broker = 0 },
			} {
				next := best
				next.inputs = slices.Clone(best.inputs)
				blank(&next.inputs[i])
				if !slices.EqualFunc(next.inputs, best.inputs, func(a, b refInput) bool { return cmp.Equal(a, b) }) && differs(next) {
					smaller = true
				}
			}
		}
	}
	return &best
}

// events lists the trial's options and events for people.
func (t *trial) events() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lateness %v, max_lateness %v, max_entries %d (0: the default), restarts before events %v\n",
		t.options.Lateness, t.options.MaxLateness, t.options.MaxEntries, t.restarts)
	for _, in := range t.inputs {
		e := in.Event
		fmt.Fprintf(&b, "%4d %s %s account %s", in.Offset, e.Time.Std().Format("15:04:05"), e.Type, e.Account)
		for _, field := range [][2]string{
			{"id", e.ID},
			{"channel", e.Channel},
			{"attempt", e.Attempt},
			{"device", e.Device.ID},
			{"trusted", []string{"", "false", "true"}[e.Device.Trusted]},
			{"ip", e.Client.IP},
			{"phone", e.Phone},
		} {
			if field[1] != "" {
				fmt.Fprintf(&b, ", %s %s", field[0], field[1])
			}
		}
		if in.Broker != 0 {
			fmt.Fprintf(&b, ", broker %s", in.Broker.Std().Format("15:04:05"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
