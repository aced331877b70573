package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/holdfastd/holdfast"
)

// EntryKind says what an [Entry] is.
type EntryKind string

// What is given a place in a partition's log, as it is spelt in the store.
const (
	RuleSetActivated EntryKind = "rule_set_activated" // Entry.RuleSet is in force from here on
	IdleWatermark    EntryKind = "idle_watermark"     // no record came, and the watermark moved to Entry.Watermark by the wall clock
	VerdictGiven     EntryKind = "verdict_given"      // Entry.Verdict was given about an alert
)

// Entry is what reached a partition from elsewhere, at its place among the
// partition's records. It has the field of its kind and no other's.
type Entry struct {
	// Ordinal is the entry's place in the partition's journal: consecutive, from
	// 1. The store gives it; AppendJournal does not look at it.
	Ordinal   int64
	After     int64 // the offset of the last record before it; -1 at the log's start
	Kind      EntryKind
	RuleSet   string           // the hash of a rule set that is kept
	Watermark holdfast.Instant // event time
	Verdict   json.RawMessage  // a [Verdict] of at most 64 KiB, kept byte for byte
}

// AppendJournal writes an entry at the end of the partition's journal, before
// anything acts on it, and returns its ordinal. An entry equal to the last one is that one: an append
// whose end isn't known can be tried again. (Two verdicts that are to count as
// two have to differ.)
//
// The error is an [ErrRefused] if the entry would change what has passed: its
// After is before that of the last one, or before a record of which something
// that follows was written (Claim.Written). So it is if the entry isn't sound,
// such as the activation of a rule set that isn't kept or a verdict that can't
// be read: a replay would meet it and go no further. It is an [ErrFenced] if the
// claim holds no longer.
func (s *Store) AppendJournal(ctx context.Context, c Claim, e Entry) (ordinal int64, err error) {
	if err = e.check(); err == nil {
		err = s.transact(ctx, func(ctx context.Context, t transaction) error {
			ordinal, err = s.appendJournal(ctx, t, c, e)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("append to the journal of %s: %w", c.name(), err)
	}
	return ordinal, nil
}

func (s *Store) appendJournal(ctx context.Context, t transaction, c Claim, e Entry) (ordinal int64, err error) {
	held, err := c.hold(ctx, t, -1)
	if err != nil {
		return 0, err
	}
	last := Entry{After: -1}
	err = t.query(ctx, last.scan, entries+" ORDER BY after_offset DESC, ordinal DESC LIMIT 1", c.Topic, c.Partition)
	switch {
	case err != nil:
		return 0, err
	case e.equal(last):
		return last.Ordinal, nil
	case e.After < last.After:
		return 0, refuse("an entry after offset %d can't follow one after offset %d", e.After, last.After)
	case e.After < held.Written-1:
		return 0, refuse("an entry after offset %d would change what followed from the records up to offset %d, and that is written", e.After, held.Written-1)
	}
	var ruleSet *string
	if e.Kind == RuleSetActivated {
		ruleSet = &e.RuleSet
		if err := ruleSetKept(ctx, t, e.RuleSet); err != nil {
			return 0, err
		}
	}
	_, err = t.exec(ctx, `
		INSERT INTO holdfast_journal (topic, partition, after_offset, ordinal, generation, stored, kind, rule_set, watermark, verdict)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		c.Topic, c.Partition, e.After, last.Ordinal+1, c.Generation, nanos(s.now()),
		string(e.Kind), ruleSet, int64(e.Watermark), string(e.Verdict))
	return last.Ordinal + 1, err
}

// Journal returns the partition's entries whose After is after or more, and those
// at the one place before, in the order in which they take effect: that of After,
// then that in which they were appended. All of them are those after -1.
//
// A snapshot whose first missing record is at Next needs those after Next-1, of
// which it may hold some already: their ordinals tell. By those at the place
// before it can be told whether it lacks any that stand earlier, however many
// there are: ordinals have no gaps.
//
// Nothing deletes entries, nor the rule sets they name: by them an alert can be
// explained and a run be judged. They are few: one for each change of rules, and
// on a quiet partition one for each deadline that the clock lets pass.
//
// The owner reads what it needs once it has the claim: no earlier owner can
// append after that. An entry of a kind that this version doesn't know is an
// [ErrRefused].
func (s *Store) Journal(ctx context.Context, topic string, partition int32, after int64) ([]Entry, error) {
	all := []Entry{}
	err := s.read(ctx, func(scan scan) error {
		var e Entry
		err := e.scan(scan)
		all = append(all, e)
		return err
	}, entries+`
		AND after_offset >= coalesce((
			SELECT max(after_offset) FROM holdfast_journal
			WHERE topic = $1 AND partition = $2 AND after_offset < $3), $3)
		ORDER BY after_offset, ordinal`, topic, partition, after)
	if err != nil {
		return nil, fmt.Errorf("read the journal of %s: %w", partitionName(topic, partition), err)
	}
	return all, nil
}

// entries selects those of a partition, for scan.
const entries = `
	SELECT after_offset, ordinal, kind, rule_set, watermark, verdict
	FROM holdfast_journal WHERE topic = $1 AND partition = $2`

func (e *Entry) scan(scan scan) error {
	var (
		kind, verdict string
		ruleSet       *string
		watermark     int64
	)
	if err := scan(&e.After, &e.Ordinal, &kind, &ruleSet, &watermark, &verdict); err != nil {
		return err
	}
	e.Kind, e.Watermark = EntryKind(kind), holdfast.Instant(watermark)
	if ruleSet != nil {
		e.RuleSet = *ruleSet
	}
	if verdict != "" {
		e.Verdict = json.RawMessage(verdict)
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("entry %d: %w", e.Ordinal, err)
	}
	return nil
}

// check refuses what is no entry.
func (e Entry) check() error {
	alone := Entry{After: e.After, Kind: e.Kind}
	switch e.Kind {
	case RuleSetActivated:
		if err := checkHash(e.RuleSet); err != nil {
			return err
		}
		alone.RuleSet = e.RuleSet
	case IdleWatermark:
		alone.Watermark = e.Watermark
	case VerdictGiven:
		if _, err := ReadVerdict(e.Verdict); err != nil {
			return err
		}
		alone.Verdict = e.Verdict
	default:
		return refuse("%q is no kind of entry that this version knows", e.Kind)
	}
	switch {
	case e.After < -1:
		return refuse("an entry after offset %d: -1 is the log's start", e.After)
	case !e.equal(alone):
		return refuse("an entry of the kind %s has the fields of another", e.Kind)
	}
	return nil
}

// equal says whether two entries say the same, whatever their ordinals.
func (e Entry) equal(o Entry) bool {
	return e.After == o.After && e.Kind == o.Kind && e.RuleSet == o.RuleSet &&
		e.Watermark == o.Watermark && string(e.Verdict) == string(o.Verdict)
}

// ruleSetKept refuses a rule set that isn't kept: no replay could get it.
func ruleSetKept(ctx context.Context, t transaction, hash string) error {
	kept, err := isKept(ctx, t.query, hash)
	if err == nil && !kept {
		err = refuse("the rule set %s is not kept: keep it before it is activated", hash)
	}
	return err
}
