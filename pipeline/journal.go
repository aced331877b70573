package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/store"
)

// What reaches the engine from elsewhere: on a replay, out of the journal; once
// that is exhausted, through it.

// catchUp lets the entries of the journal take effect that stand before the
// record at an offset.
func (p *processor) catchUp(ctx context.Context, before int64) error {
	for len(p.pending) > 0 && p.pending[0].After < before {
		e := p.pending[0]
		p.pending = p.pending[1:]
		if err := p.apply(ctx, e); err != nil {
			return fmt.Errorf("replaying the journal of partition %d: %w", p.partition, err)
		}
		p.ordinal = e.Ordinal
	}
	return nil
}

func (p *processor) apply(ctx context.Context, e store.Entry) error {
	switch e.Kind {
	case store.RuleSetActivated:
		if p.last < 0 && len(p.pending) > 0 && p.pending[0].Kind == store.RuleSetActivated && p.pending[0].After < p.next {
			return nil // nothing has met it: the records are gone
		}
		set, err := p.ruleSet(ctx, p.store, p.partition, e.RuleSet)
		if errors.Is(err, errRuleSet) {
			// No flag goes on without it: what alerts there are would be a guess.
			return fmt.Errorf("%w; it is in force after offset %d: get it back from a backup of the store if it is gone; "+
				"if this version can't read it, let the version that wrote it put rules in force that both read, "+
				"and stop it in good order, so that nothing before is replayed", err, e.After)
		}
		if err != nil {
			return err
		}
		p.put(set)
	case store.IdleWatermark:
		p.engine.Idle(e.Watermark, &p.out)
	case store.VerdictGiven:
		input, err := verdict(e)
		if err != nil {
			return err
		}
		p.engine.Process(input, &p.out)
	default:
		return fmt.Errorf("entry %d is of the kind %q, which this version does not know", e.Ordinal, e.Kind)
	}
	return nil
}

// put puts a rule set in force.
func (p *processor) put(set *RuleSet) {
	p.engine.Configure(set.options(p.partition))
	p.inForce, p.known = set, true
	p.metrics.inForce(p.partition, set.Hash)
}

// replays reports whether the journal or what was written says what follows from
// the next records: nothing may come in between.
func (p *processor) replays() bool { return len(p.pending) > 0 || p.next < p.claim.Written }

// activate puts the configured rule set in force, if it isn't.
func (p *processor) activate(ctx context.Context) error {
	set := p.configured()
	if p.replays() || p.known && set.Hash == p.inForce.Hash {
		return nil
	}
	err := p.untilDone(ctx, p.partition, theStore, func() error { return p.store.KeepRuleSet(ctx, set.Hash, set.content) })
	if err != nil {
		return err
	}
	if err := p.append(ctx, store.Entry{Kind: store.RuleSetActivated, RuleSet: set.Hash}); err != nil {
		return err
	}
	p.put(set)
	p.opts.Logger.Info("Rules are in force", "partition", p.partition, "from_offset", p.next, "rule_set", set.Hash)
	return nil
}

// pass lets the deadlines pass that are before the watermark by the clock, which
// read asOf when the log was known to hold nothing more. By the time that this
// runs the log may hold more: what was waited for since, such as the store, must
// not let a deadline pass whose answer has come meanwhile.
//
// The watermark moves only if a deadline is due. DESIGN 3.5 has it move whenever
// the partition is idle; then each idle partition would write a row to the
// journal every idle_after, for good, where nothing comes of it but forgetting.
// What is to be forgotten is forgotten when an event next reaches it, by the
// watermark as that event has moved it. A replay does the same.
func (p *processor) pass(ctx context.Context, asOf time.Time) error {
	deadline, waits := p.engine.NextDeadline()
	now, err := holdfast.InstantOf(asOf)
	if err != nil || !waits || p.replays() {
		return nil //nolint:nilerr // a clock that is centuries off moves nothing
	}
	watermark := now.Add(-p.inForce.engine.Lateness)
	if deadline >= watermark {
		return nil
	}
	if err := p.append(ctx, store.Entry{Kind: store.IdleWatermark, Watermark: watermark}); err != nil {
		return err
	}
	p.engine.Idle(watermark, &p.out)
	return nil
}

// append writes an entry to the journal, behind the last record, before anything
// acts on it.
func (p *processor) append(ctx context.Context, e store.Entry) error {
	e.After = p.next - 1
	return p.untilDone(ctx, p.partition, theStore, func() error {
		ordinal, err := p.store.AppendJournal(ctx, p.claim, e)
		if err == nil {
			p.ordinal = ordinal
		}
		return err
	})
}
