package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/store"
)

// logged is a record as the topic holds it.
type logged struct {
	offset int64
	time   time.Time // the broker's
	value  []byte
}

// place is where a record lies in the topic.
type place struct {
	partition int32
	offset    int64
}

// evidence is all that is left of a run: what went in, by partition, and what the
// daemons made of it.
type evidence struct {
	log     map[int32][]logged
	journal map[int32][]store.Entry
	alerts  []store.StoredAlert
	// deadLetters are the places of the records that are in the dead-letter
	// topic, however often each is there.
	deadLetters map[place]bool
}

// keep writes all of it to a folder, for whoever looks into a run that differs.
func (e evidence) keep(folder string) error {
	type line struct {
		Partition int32
		Offset    int64
		Time      time.Time
		Value     string
	}
	var log []line
	for _, partition := range slices.Sorted(maps.Keys(e.log)) {
		for _, r := range e.log[partition] {
			log = append(log, line{partition, r.offset, r.time, string(r.value)})
		}
	}
	for name, content := range map[string]any{"log.json": log, "journal.json": e.journal, "alerts.json": e.alerts} {
		text, err := json.MarshalIndent(content, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// judge replays a log and its journal as they would have gone without a fault,
// one event after the other.
type judge struct {
	engine detector.Options // but for partition and rules
	// sets are the rule sets of the run, by their hash.
	sets map[string]*rules.Set
	// initial is in force where a journal doesn't begin with a rule set.
	initial *rules.Set
}

// outcome is what should be in the store and in the dead-letter topic.
type outcome struct {
	alerts      map[string]holdfast.Alert
	occurrences map[string]holdfast.Occurrences
	deadLetters map[place]bool
	evicted     int64 // groups given up for want of room
}

// replay says what should have come out.
func (j judge) replay(e evidence) (outcome, error) {
	o := outcome{
		alerts: map[string]holdfast.Alert{}, occurrences: map[string]holdfast.Occurrences{}, deadLetters: map[place]bool{},
	}
	for _, partition := range slices.Sorted(maps.Keys(e.log)) {
		if err := j.replayPartition(partition, e.log[partition], e.journal[partition], &o); err != nil {
			return outcome{}, fmt.Errorf("replaying partition %d: %w", partition, err)
		}
	}
	return o, nil
}

func (j judge) replayPartition(partition int32, log []logged, journal []store.Entry, o *outcome) error {
	opts := j.engine
	opts.Partition, opts.Rules = partition, j.initial
	engine, err := detector.New(opts)
	if err != nil {
		return err
	}
	decoder := intake.NewDecoder(intake.Options{})
	var out detector.Output
	keep := func() error {
		defer out.Reset()
		for _, a := range out.Alerts {
			if _, twice := o.alerts[a.ID]; twice {
				return fmt.Errorf("the replay gives alert %s twice", a.ID)
			}
			o.alerts[a.ID] = a
		}
		for _, x := range out.Occurrences {
			o.occurrences[x.Alert] = x
		}
		return nil
	}
	for i := range log {
		r := &log[i]
		for len(journal) > 0 && journal[0].After < r.offset {
			if err := j.apply(engine, journal[0], &out); err != nil {
				return err
			}
			journal = journal[1:]
		}
		var event holdfast.Event
		// The daemon scans; Decode is the other of the two readers of events.
		if err := decoder.Decode(r.value, r.time, &event); err != nil {
			o.deadLetters[place{partition, r.offset}] = true
			continue
		}
		broker, err := holdfast.InstantOf(r.time)
		if err != nil {
			return err
		}
		engine.Process(detector.Input{Event: &event, Offset: r.offset, Broker: broker}, &out)
		if err := keep(); err != nil {
			return err
		}
	}
	for _, entry := range journal {
		if err := j.apply(engine, entry, &out); err != nil {
			return err
		}
	}
	o.evicted += engine.Stats().Evicted
	return keep()
}

func (j judge) apply(engine *detector.Engine, e store.Entry, out *detector.Output) error {
	switch e.Kind {
	case store.RuleSetActivated:
		set := j.sets[e.RuleSet]
		if set == nil {
			return errors.New("the journal activates a rule set that the run doesn't have")
		}
		engine.SetRules(set)
	case store.IdleWatermark:
		engine.Idle(e.Watermark, out)
	default:
		return fmt.Errorf("the judge doesn't know entries of the kind %s", e.Kind)
	}
	return nil
}

// findings are the differences between what should be and what is.
type findings struct {
	missing, extra, different []string
	deadLetters               []string
}

func (f findings) none() bool {
	return len(f.missing)+len(f.extra)+len(f.different)+len(f.deadLetters) == 0
}

// String lists the findings, the first few of each kind.
func (f findings) String() string {
	text := ""
	for _, of := range []struct {
		title string
		lines []string
	}{
		{"missing from the store", f.missing},
		{"in the store and not in the replay", f.extra},
		{"different in the store (-want +got)", f.different},
		{"dead letters", f.deadLetters},
	} {
		const most = 8
		if len(of.lines) > 0 {
			text += fmt.Sprintf("%s: %d\n", of.title, len(of.lines))
		}
		for _, line := range of.lines[:min(most, len(of.lines))] {
			text += "  " + line + "\n"
		}
	}
	return text
}

// compare holds what is against what should be. That the store has no alert
// twice its primary key sees to; the same attack under two ids is an extra alert.
func (o outcome) compare(e evidence) findings {
	var f findings
	stored := map[string]bool{}
	for _, got := range e.alerts {
		stored[got.ID] = true
		want, ok := o.alerts[got.ID]
		if !ok {
			f.extra = append(f.extra, describe(got.Alert))
			continue
		}
		wanted := o.occurrences[got.ID]
		wanted.Alert, got.Occurrences.Alert = got.ID, got.ID
		if diff := cmp.Diff(written(want, wanted), written(got.Alert, got.Occurrences)); diff != "" {
			f.different = append(f.different, got.ID+"\n"+diff)
		}
	}
	for id, want := range o.alerts {
		if !stored[id] {
			f.missing = append(f.missing, describe(want))
		}
	}
	for at := range o.deadLetters {
		if !e.deadLetters[at] {
			f.deadLetters = append(f.deadLetters, fmt.Sprintf("the rejected record at %+v is not among them", at))
		}
	}
	for at := range e.deadLetters {
		if !o.deadLetters[at] {
			f.deadLetters = append(f.deadLetters, fmt.Sprintf("the event at %+v is among them", at))
		}
	}
	for _, lines := range []*[]string{&f.missing, &f.extra, &f.different, &f.deadLetters} {
		slices.Sort(*lines)
	}
	return f
}

// describe names an alert in a finding.
func describe(a holdfast.Alert) string {
	return fmt.Sprintf("%s of %s at %s, triggered by offset %d of partition %d",
		a.ID, a.Account, a.Time, a.Trigger.Offset, a.Trigger.Partition)
}

// written is an alert with its occurrences as the store writes them, so that what
// is absent compares equal however memory spells it.
func written(a holdfast.Alert, o holdfast.Occurrences) any {
	text, err := json.Marshal(struct {
		Alert       holdfast.Alert
		Occurrences holdfast.Occurrences
	}{a, o})
	if err != nil {
		return err.Error()
	}
	var fields any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err.Error()
	}
	return fields
}
