package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/store"
)

// unusable is why a partition can't be restored from a snapshot, as a metric
// label.
type unusable string

const (
	damaged    unusable = "damaged"
	newer      unusable = "version" // of a form that this version doesn't know
	otherRules unusable = "rules"   // its rules are not kept, or this version reads them otherwise
	elsewhere  unusable = "journal" // the journal says otherwise: its owner had lost the partition when it was written
	missing    unusable = "missing" // it is current, and it isn't there
)

var unusableReasons = []unusable{damaged, newer, otherRules, elsewhere, missing}

// restore gets a partition's state back from the newest good snapshot that is no
// newer than the current one; nil if there is none. It waits while the directory
// can't be read: only a snapshot that is of no use gives way to the one before.
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
	o.opts.Logger.Error("No snapshot can be used: the partition is replayed, if its log still begins where the topic did",
		"partition", o.partition)
	return nil, nil
}

// errParted says that a snapshot was written by who had lost the partition.
var errParted = errors.New("its state and the journal have parted: its writer had lost the partition by then")

// read gets the state back from a snapshot. An error without a reason is none of
// the snapshot's.
func (o *opening) read(ctx context.Context, name snapshot.Name) (*restored, unusable, error) {
	r := &restored{name: name}
	reason, err := o.reading(ctx, name, func(reader *detector.SnapshotReader, written time.Time) error {
		r.mark, r.written = reader.Mark(), written
		if r.mark.Next != name.Next || reader.Partition() != name.Partition {
			return fmt.Errorf("%w: it is that of partition %d up to offset %d, under another's name",
				detector.ErrSnapshotDamaged, reader.Partition(), r.mark.Next)
		}
		return nil
	})
	if err != nil {
		return nil, reason, err
	}
	if r.journal, err = o.journal(ctx, r.mark); err != nil {
		return nil, "", err
	}
	if !agrees(r.mark, r.journal) {
		return nil, elsewhere, errParted
	}
	r.journal = slices.DeleteFunc(r.journal, func(e store.Entry) bool { return e.Ordinal <= r.mark.Journal })
	if r.set, err = o.ruleSet(ctx, o.store, o.partition, r.mark.RuleSet); err != nil {
		if errors.Is(err, errRuleSet) {
			return nil, otherRules, err
		}
		return nil, "", err
	}
	reason, err = o.reading(ctx, name, func(reader *detector.SnapshotReader, _ time.Time) (err error) {
		if reader.Mark() != r.mark {
			return errParted // and has written another in its place just now
		}
		r.engine, err = reader.Restore(r.set.options(o.partition))
		return err
	})
	if err != nil {
		return nil, reason, err
	}
	return r, "", nil
}

// reading hands do an opened snapshot, and tries that again for as long as the
// directory does not hand out what is there: the state may be nowhere else.
func (o *opening) reading(
	ctx context.Context, name snapshot.Name, do func(*detector.SnapshotReader, time.Time) error,
) (unusable, error) {
	var found error // by which no other try will come out otherwise
	err := o.untilDone(ctx, o.partition, theSnapshots, func() error {
		const buffer = 256 << 10 // bytes
		file, err := o.opts.Snapshots.Open(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			found = err
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w; to go on without this snapshot, remove it", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		source := &source{r: file}
		reader, err := detector.OpenSnapshot(bufio.NewReaderSize(source, buffer))
		if err == nil {
			err = do(reader, file.Written)
		}
		if source.failed != nil {
			return fmt.Errorf("%w; to go on without this snapshot, remove it", source.failed)
		}
		found = err
		return nil
	})
	if err == nil {
		err = found
	}
	return reasonOf(err), err
}

// source tells a snapshot that ends early from one that could not be read.
type source struct {
	r      io.Reader
	failed error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// journal reads the entries that a snapshot may not know of, and the last before
// them, which tell whether it knows all that it should. The current one is held
// against them as well: who had lost the partition may have written another that
// ends at the same offset.
func (o *opening) journal(ctx context.Context, m detector.Mark) (entries []store.Entry, err error) {
	err = o.untilDone(ctx, o.partition, theStore, func() (err error) {
		entries, err = o.store.Journal(ctx, o.opts.Topic, o.partition, m.Next-1)
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
	case errors.Is(err, errParted):
		return elsewhere
	case errors.Is(err, fs.ErrNotExist):
		return missing
	}
	return ""
}

// errRuleSet says that a rule set can't be had.
var errRuleSet = errors.New("the rule set can't be had")

// ruleSet gets a rule set by its hash. The error is an errRuleSet if the store
// does not have it, or this version can't read it or reads another one.
func (p *Pipeline) ruleSet(ctx context.Context, kept Store, partition int32, hash string) (*RuleSet, error) {
	if set := p.configured(); set.Hash == hash {
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
	if set.Hash != hash {
		return nil, fmt.Errorf("%w: %s: this version reads another one, %s", errRuleSet, hash, set.Hash)
	}
	return set, nil
}
