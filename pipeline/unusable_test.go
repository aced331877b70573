package pipeline_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfastd/holdfast/snapshot"
	"github.com/holdfastd/holdfast/stream"
)

// TestWithoutASnapshotOnlyAWholeLogWillDo has all snapshots be of a version that
// is not known, as after a step back to an earlier one. Retention may have deleted
// what they knew, and only the stream can tell.
func TestWithoutASnapshotOnlyAWholeLogWillDo(t *testing.T) {
	w := newWorld(t)
	set := ruleSet(t, livelyRules[0])
	r := w.start(set, nil)
	w.requests(4)
	r.readsAll(4)
	r.snapshots()
	w.requests(2)
	r.readsAll(2)
	r.stops()
	const version = 8 // where it is in the file
	otherVersion := func() {
		for _, path := range w.paths()[len(w.paths())-2:] {
			w.change(path, func(b []byte) []byte { b[version] ^= 0x80; return b })
		}
	}
	foreign := w.files()
	otherVersion()

	again := w.start(set, nil)
	if want := (stream.Resume{Next: 0}); again.resume != want {
		t.Errorf("it resumes at %+v, want %+v: from the oldest record, whatever is gone, would be a guess", again.resume, want)
	}
	if n := again.metric("holdfast_snapshots_unusable_total"); n != 2 {
		t.Errorf("%v snapshots are counted as unusable, want 2", n)
	}
	for range 3 {
		w.requests(2)
		again.readsAll(2)
		again.snapshots()
	}
	again.stops()
	w.judge()
	files := w.files()
	for _, name := range foreign {
		if !slices.Contains(files, name) {
			t.Errorf("the snapshot up to %d is removed, which the version that wrote it may need again", name.Next)
		}
	}
	if len(files) != len(foreign)+2 {
		t.Errorf("there are %v, want two besides", files)
	}

	otherVersion() // is back
	next := w.start(set, nil)
	if next.resume.Next != int64(len(w.log)) {
		t.Errorf("it resumes from %d, want %d", next.resume.Next, len(w.log))
	}
	w.requests(2)
	next.readsAll(2)
	next.stops()
	if files := w.files(); len(files) != 2 {
		t.Errorf("there are %v, want the newest two: who knows the others' version removes them", files)
	}
}

// shaky is a directory that fails for a while: first to open snapshots, then to
// read them.
type shaky struct {
	*snapshot.Dir
	opens, reads int // that still fail
}

func (s *shaky) Open(ctx context.Context, name snapshot.Name) (*snapshot.File, error) {
	if s.opens > 0 {
		s.opens--
		return nil, syscall.EMFILE
	}
	file, err := s.Dir.Open(ctx, name)
	if err == nil && s.reads > 0 {
		s.reads--
		file.ReadCloser = &torn{ReadCloser: file.ReadCloser, after: 100 * s.reads}
	}
	return file, err
}

// torn fails to be read after some bytes.
type torn struct {
	io.ReadCloser
	after int
}

func (r *torn) Read(b []byte) (int, error) {
	if r.after == 0 {
		return 0, syscall.EIO
	}
	n, err := r.ReadCloser.Read(b[:min(len(b), r.after)])
	r.after -= n
	return n, err
}

func TestADirectoryThatFailsForAWhileIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := ruleSet(t, livelyRules[0])
		r := w.start(set, nil)
		w.requests(4)
		r.readsAll(4)
		r.stops()

		w.snapshots = &shaky{Dir: w.dir, opens: 2, reads: 20}
		again := w.start(set, nil)
		if again.resume.Next != 4 {
			t.Errorf("it resumes from %d, want 4: the state is there", again.resume.Next)
		}
		if n := again.metric("holdfast_snapshots_unusable_total"); n != 0 {
			t.Errorf("%v snapshots are counted as unusable", n)
		}
		if log := w.logged(); !strings.Contains(log, "waits_for=snapshots") || !strings.Contains(log, "too many open files") {
			t.Errorf("nothing is said of what it waits for:\n%s", log)
		}
		if n := again.metric("holdfast_partitions_blocked"); n != 0 {
			t.Errorf("%v partitions are blocked once it works", n)
		}
		again.stops()
	})
}

// TestASnapshotOfWhoHadLostThePartitionIsNotTakenForTheCurrentOne has one that
// ends where the current one does.
func TestASnapshotOfWhoHadLostThePartitionIsNotTakenForTheCurrentOne(t *testing.T) {
	w := newWorld(t)
	first, second := ruleSet(t, livelyRules[0]), ruleSet(t, livelyRules[2])
	zombie := w.start(first, nil)
	w.requests(2)
	zombie.readsAll(2)
	r := w.start(first, nil)
	if err := r.pipeline.Use(second); err != nil {
		t.Fatal(err)
	}
	r.readsAll(1) // and the rules change after the first
	w.happens(time.Second, `"type":"x.a","account":"ben"`)
	r.readsAll(1)
	r.stops()
	if err := zombie.reads(1); err != nil {
		t.Fatalf("a batch without an alert: %v", err)
	}
	zombie.stops()
	if files := w.files(); len(files) != 2 || files[0].Next != 3 || files[1].Next != 3 {
		t.Fatalf("there are %v, want two up to 3", files)
	}
	w.change(w.paths()[0], func([]byte) []byte { return nil })

	w.requests(1)
	w.happens(time.Second, `"type":"x.b","account":"ana"`)
	again := w.start(second, nil)
	if again.resume.Next != 0 || !strings.Contains(w.logged(), "reason=journal") {
		t.Errorf("it resumes from %d, from the state of who did not know of the journal's rules", again.resume.Next)
	}
	again.readsAll(1)
	again.stops()
	w.judge()
}
