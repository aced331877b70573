package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
)

// unusable is why a partition can't be restored from a snapshot, as a metric
// label.
type unusable string

const (
	damaged    unusable = "damaged"
	newer      unusable = "version"    // of a form that this version doesn't know
	otherRules unusable = "rules"      // its rules are not kept, or this version reads them otherwise
	elsewhere  unusable = "journal"    // the journal says otherwise: its owner had lost the partition when it was written
	unreadable unusable = "unreadable" // the directory does not hand it out
	missing    unusable = "missing"    // it is current, and it isn't there
)

var unusableReasons = []unusable{damaged, newer, otherRules, elsewhere, unreadable, missing}

// restore gets a partition's state back from the newest good snapshot that is no
// newer than the current one; nil if there is none.
func (o *opening) restore(ctx context.Context) (*restored, error) {
	if o.claim.Snapshot < 0 {
		return nil, nil
	}
	begun := o.opts.Now()
	var names []snapshot.Name
	err := o.untilDone(ctx, o.partition, theSnapshots, func() (err error) {
		names, err = o.opts.Snapshots.List(ctx, o.opts.Topic, o.partition)
		return err
	})
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n snapshot.Name) bool { return n.Next > o.claim.Snapshot })
	if len(names) == 0 || names[0].Next < o.claim.Snapshot {
		o.metrics.unusable.WithLabelValues(string(missing)).Inc()
		o.opts.Logger.Error("The current snapshot is not there: replicas need a directory of snapshots that they share",
			"partition", o.partition, "offset", o.claim.Snapshot)
	}
	for _, name := range names {
		r, reason, err := o.read(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && reason == "":
			return nil, err
		case err != nil:
			o.metrics.unusable.WithLabelValues(string(reason)).Inc()
			o.opts.Logger.Error("A snapshot can't be used; trying the one before",
				"partition", o.partition, "offset", name.Next, "reason", string(reason), "error", err)
		default:
			o.opts.Logger.Info("The partition is restored from a snapshot", "partition", o.partition, "offset", name.Next,
				"journal_entries", len(r.journal), "seconds", o.opts.Now().Sub(begun).Seconds())
			return r, nil
		}
	}
	o.opts.Logger.Warn("No snapshot can be used: the partition is replayed from its oldest record, and nothing is known of those before",
		"partition", o.partition)
	return nil, nil
}

// read gets the state back from a snapshot. An error without a reason is none of
// the snapshot's.
func (o *opening) read(ctx context.Context, name snapshot.Name) (_ *restored, _ unusable, err error) {
	file, err := o.opts.Snapshots.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing, err
	}
	if err != nil {
		return nil, unreadable, err
	}
	defer func() { _ = file.Close() }() // it was only read
	const buffer = 256 << 10            // bytes
	reader, err := detector.OpenSnapshot(bufio.NewReaderSize(file, buffer))
	if err != nil {
		return nil, reasonOf(err), err
	}
	r := &restored{name: name, mark: reader.Mark()}
	if r.mark.Next != name.Next || reader.Partition() != name.Partition {
		return nil, damaged, fmt.Errorf("it is that of partition %d up to offset %d, under another's name", reader.Partition(), r.mark.Next)
	}
	if r.journal, err = o.journal(ctx, r.mark); err != nil {
		return nil, "", err
	}
	if !agrees(r.mark, r.journal) {
		return nil, elsewhere, errors.New("its state and the journal have parted: its writer had lost the partition by then")
	}
	r.journal = slices.DeleteFunc(r.journal, func(e store.Entry) bool { return e.Ordinal <= r.mark.Journal })
	if r.set, err = o.ruleSet(ctx, o.store, o.partition, r.mark.RuleSet); err != nil {
		if errors.Is(err, errRuleSet) {
			return nil, otherRules, err
		}
		return nil, "", err
	}
	if r.engine, err = reader.Restore(r.set.options(o.partition)); err != nil {
		return nil, reasonOf(err), err
	}
	return r, "", nil
}

// journal reads the entries that a snapshot may not know of: if it is not the
// current one, all entries, because then all of them tell whether it ever was.
func (o *opening) journal(ctx context.Context, m detector.Mark) (entries []store.Entry, err error) {
	after := int64(-1)
	if m.Next == o.claim.Snapshot {
		after = m.Next - 1
	}
	err = o.untilDone(ctx, o.partition, theStore, func() (err error) {
		entries, err = o.store.Journal(ctx, o.opts.Topic, o.partition, after)
		return err
	})
	return entries, err
}

// agrees reports whether a snapshot knows of every entry that stands before its
// end, and of none behind it.
func agrees(m detector.Mark, entries []store.Entry) bool {
	for _, e := range entries {
		if known := e.Ordinal <= m.Journal; known && e.After >= m.Next || !known && e.After < m.Next-1 {
			return false
		}
	}
	return true
}

func reasonOf(err error) unusable {
	switch {
	case errors.Is(err, detector.ErrSnapshotVersion):
		return newer
	case errors.Is(err, detector.ErrSnapshotRules):
		return otherRules
	case errors.Is(err, detector.ErrSnapshotDamaged):
		return damaged
	}
	return unreadable
}

// errRuleSet says that a rule set can't be had.
var errRuleSet = errors.New("the rule set can't be had")

// ruleSet gets a rule set by its hash. The error is an errRuleSet if the store
// does not have it, or this version can't read it or reads another one.
func (p *Pipeline) ruleSet(ctx context.Context, kept Store, partition int32, hash string) (*RuleSet, error) {
	if set := p.rules.Load(); set.Hash == hash {
		return set, nil
	}
	var content []byte
	err := p.untilDone(ctx, partition, theStore, func() (err error) {
		content, err = kept.RuleSet(ctx, hash)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", errRuleSet, err)
	}
	if err != nil {
		return nil, err
	}
	set, err := ReadRuleSet(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errRuleSet, hash, err)
	}
	return set, nil
}
