package workbench

import (
	"cmp"
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/rules"
)

// evaluator takes events through one engine or several.
type evaluator interface {
	process(events []detector.Input, out *detector.Output) error
	finish(out *detector.Output)
	stats() detector.Stats
}

// whole is one engine for all accounts.
type whole struct{ *detector.Engine }

func (w whole) process(events []detector.Input, out *detector.Output) error {
	w.ProcessAll(events, out)
	return nil
}

func (w whole) finish(out *detector.Output) { w.Finish(out) }
func (w whole) stats() detector.Stats       { return w.Stats() }

// divisible reports whether the events of one account can be evaluated without
// those of others: no rule looks across accounts, and none waits for a deadline,
// which any account's events let pass.
func divisible(set *rules.Set) bool {
	return !slices.ContainsFunc(set.Rules, func(r *rules.Rule) bool {
		return r.Status != holdfast.Deprecated && (!r.ByAccount() || r.Without != nil)
	})
}

// shards divide the accounts among engines, which work side by side. What is a
// matter of the whole input is settled before: which events are delivered twice,
// and how far the watermark has moved. So the same comes out as of one engine, as
// long as no group has to make room for another.
//
// They take no [detector.Input.Broker], by which an engine bounds the watermark:
// events of files have none, and a log, whose records have one, is not divided.
type shards struct {
	engines    []*detector.Engine
	options    detector.Options
	seed       maphash.Seed
	duplicates *detector.Duplicates
	duplicated int64
	watermark  holdfast.Instant
	started    bool // the watermark has a value
	inputs     [][]detector.Input
	outputs    []detector.Output
}

func newShards(n int, opts detector.Options) (*shards, error) {
	s := &shards{
		options: opts.WithDefaults(), seed: maphash.MakeSeed(), duplicates: detector.NewDuplicates(),
		inputs: make([][]detector.Input, n), outputs: make([]detector.Output, n),
	}
	for range n {
		e, err := detector.New(opts)
		if err != nil {
			return nil, err
		}
		s.engines = append(s.engines, e)
	}
	return s, nil
}

// errIndivisible says that groups may have to make room for others, which only
// one engine for all of them can decide.
var errIndivisible = errors.New("a rule has more groups than max_groups")

func (s *shards) process(events []detector.Input, out *detector.Output) error {
	for i := range s.engines {
		s.inputs[i] = s.inputs[i][:0]
		s.outputs[i].Reset()
	}
	for _, in := range events {
		if s.duplicates.Seen(in.Event) {
			s.duplicated++
			continue
		}
		if moved := in.Event.Time.Add(-s.options.Lateness); !s.started || moved > s.watermark {
			s.watermark, s.started = moved, true
		}
		in.Watermark, in.Single = s.watermark, true
		of := maphash.String(s.seed, in.Event.Account) % uint64(len(s.engines))
		s.inputs[of] = append(s.inputs[of], in)
	}
	var work sync.WaitGroup
	for i, e := range s.engines[1:] {
		work.Go(func() { e.ProcessAll(s.inputs[i+1], &s.outputs[i+1]) })
	}
	s.engines[0].ProcessAll(s.inputs[0], &s.outputs[0])
	work.Wait()

	begun := 0
	for i, e := range s.engines {
		out.Alerts = append(out.Alerts, s.outputs[i].Alerts...)
		out.Occurrences = append(out.Occurrences, s.outputs[i].Occurrences...)
		begun += e.GroupsBegun()
	}
	if begun > s.options.MaxGroups {
		return errIndivisible
	}
	// Those of one event are all of one engine.
	slices.SortStableFunc(out.Alerts, func(a, b holdfast.Alert) int { return cmp.Compare(a.Trigger.Offset, b.Trigger.Offset) })
	return nil
}

func (s *shards) finish(*detector.Output) {} // nothing is held

func (s *shards) stats() detector.Stats {
	all := detector.Stats{Duplicates: s.duplicated}
	for _, e := range s.engines {
		of := e.Stats()
		all.Events += of.Events
		all.Late += of.Late
		all.Overflowed += of.Overflowed
	}
	return all
}
