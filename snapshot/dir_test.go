package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir, path := open(t)
	name := snapshot.Name{Topic: "events", Partition: 3, Next: 120, Generation: 7}
	write(t, dir, name, "the first")
	write(t, dir, name, "the second, in its place")
	written := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(path, "events", files(t, path)[0]), written, written); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, name); got != "the second, in its place" {
		t.Errorf("the snapshot holds %q", got)
	}
	if at := opened(t, dir, name).Written; !at.Equal(written) {
		t.Errorf("it was written at %v, want %v", at, written)
	}
	if err := dir.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a removed snapshot gives %v, want fs.ErrNotExist", err)
	}
	if err := dir.Remove(t.Context(), name); err != nil {
		t.Errorf("removing what another process has removed: %v", err)
	}
}

func TestListingIsNewestFirstAndOfOnePartition(t *testing.T) {
	dir, path := open(t)
	want := []snapshot.Name{
		{Topic: "events", Partition: 1, Next: 1000, Generation: 1},
		{Topic: "events", Partition: 1, Next: 900, Generation: 3}, // of two at one offset, the later owner's
		{Topic: "events", Partition: 1, Next: 900, Generation: 2},
		{Topic: "events", Partition: 1, Next: 0, Generation: 9},
	}
	for _, i := range []int{2, 0, 3, 1} {
		write(t, dir, want[i], "x")
	}
	write(t, dir, snapshot.Name{Topic: "events", Partition: 10, Next: 5000}, "another partition's")
	write(t, dir, snapshot.Name{Topic: "others", Partition: 1, Next: 5000}, "another topic's")
	for _, foreign := range []string{
		"README", "0000000001-0000000000000000005-0000000000000000005.snapshot.gz", "1-5-5.snapshot",
		"9999999999-0000000000000000005-0000000000000000005.snapshot", // no int32
	} {
		if err := os.WriteFile(filepath.Join(path, "events", foreign), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, dir, "events", 1); !slices.Equal(got, want) {
		t.Errorf("the listing is\n%v, want\n%v", got, want)
	}
	if got := list(t, dir, "never-written", 1); len(got) != 0 {
		t.Errorf("a topic without snapshots lists %v", got)
	}
}

func TestNobodyElseReadsASnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "snapshots")
	dir, err := snapshot.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, snapshot.Name{Topic: "events"}, "x")
	err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o", filepath.Base(path), mode)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFailedWriteLeavesWhatWasThere(t *testing.T) {
	broken := errors.New("the engine has no more")
	name := snapshot.Name{Topic: "events", Next: 10}
	for title, c := range map[string]struct {
		write func(cancel context.CancelFunc, w io.Writer) error
		want  error
	}{
		"the content fails": {func(_ context.CancelFunc, w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("half of it ", 100_000))
			return errors.Join(err, broken)
		}, broken},
		"the context ends in the middle": {func(cancel context.CancelFunc, w io.Writer) error {
			cancel()
			_, err := io.WriteString(w, strings.Repeat("half of it ", 100_000))
			return err
		}, context.Canceled},
		"the context ends before the last bytes": {func(cancel context.CancelFunc, w io.Writer) error {
			_, err := io.WriteString(w, "few")
			cancel()
			return err
		}, context.Canceled},
	} {
		t.Run(title, func(t *testing.T) {
			dir, path := open(t)
			write(t, dir, name, "good")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := dir.Write(ctx, name, func(w io.Writer) error { return c.write(cancel, w) })
			if !errors.Is(err, c.want) {
				t.Errorf("the error is %v, want %v", err, c.want)
			}
			if got := read(t, dir, name); got != "good" {
				t.Errorf("the snapshot before it holds %q now", got)
			}
			if got := files(t, path); len(got) != 1 {
				t.Errorf("the failed write leaves %q", got)
			}
		})
	}
}

// TestAFullDiskFailsTheWriteAndLeavesNothing lets the kernel refuse to write on:
// in the middle of the content, and with its last bytes.
func TestAFullDiskFailsTheWriteAndLeavesNothing(t *testing.T) {
	dir, path := open(t)
	if err := os.Mkdir(filepath.Join(path, "events"), 0o700); err != nil {
		t.Fatal(err)
	}
	const room = 64 << 10
	restore := limitFileSize(t, room)
	for _, size := range []int{room + 1, 10 << 20} {
		err := dir.Write(t.Context(), snapshot.Name{Topic: "events", Next: 77}, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("x", size))
			return err
		})
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "up to offset 77") {
			t.Errorf("%d bytes: the error is %v, want one that names the snapshot and the cause", size, err)
		}
	}
	restore()
	if got := files(t, path); len(got) != 0 {
		t.Errorf("the failed writes leave %q", got)
	}
	if err := dir.Write(t.Context(), snapshot.Name{Topic: "events"}, func(io.Writer) error { return syscall.ENOSPC }); err == nil ||
		!strings.Contains(err.Error(), "make room on the file system of "+path) {
		t.Errorf("a full disk is reported as %v, without what to do", err)
	}
}

func TestOpeningRemovesWhatTheDeadLeftUnfinished(t *testing.T) {
	dir, path := open(t)
	name := snapshot.Name{Topic: "events", Partition: 1, Next: 5}
	write(t, dir, name, "whole")
	unfinished := func(file string, age time.Duration) {
		t.Helper()
		at := filepath.Join(path, "events", file)
		if err := os.WriteFile(at, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(at, when, when); err != nil {
			t.Fatal(err)
		}
	}
	const file = "0000000001-0000000000000000009-0000000000000000002.snapshot"
	unfinished(file+".partial-111", 2*time.Hour)
	unfinished(file+".partial-222", time.Minute)
	unfinished("operators-own.partial-1", 2*time.Hour)
	if _, err := snapshot.OpenDir(path); err != nil {
		t.Fatal(err)
	}
	want := []string{"0000000001-0000000000000000005-0000000000000000000.snapshot", file + ".partial-222", "operators-own.partial-1"}
	if got := files(t, path); !slices.Equal(got, want) {
		t.Errorf("after opening there are\n%q, want\n%q", got, want)
	}
	if got := list(t, dir, "events", 1); !slices.Equal(got, []snapshot.Name{name}) {
		t.Errorf("the listing is %v, want the whole snapshot alone", got)
	}
}

// TestALaterOwnerClearsAwayAnEarlierOnesUnfinishedWrite has an owner write on
// that doesn't know that the partition has gone to another.
func TestALaterOwnerClearsAwayAnEarlierOnesUnfinishedWrite(t *testing.T) {
	dir, path := open(t)
	name := func(partition int32, generation int64) snapshot.Name {
		return snapshot.Name{Topic: "events", Partition: partition, Next: 50, Generation: generation}
	}
	err := dir.Write(t.Context(), name(1, 3), func(w io.Writer) error {
		write(t, dir, name(1, 2), "an earlier owner's")
		write(t, dir, name(2, 9), "another partition's")
		if n := len(files(t, path)); n != 3 {
			t.Errorf("there are %d files, want two and the unfinished one", n)
		}
		write(t, dir, name(1, 4), "the later owner's")
		_, err := io.WriteString(w, "too late")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "a later owner") {
		t.Errorf("the earlier owner's write ends with %v", err)
	}
	if got, want := list(t, dir, "events", 1), []snapshot.Name{name(1, 4), name(1, 2)}; !slices.Equal(got, want) {
		t.Errorf("the listing is %v, want %v", got, want)
	}
	if n := len(files(t, path)); n != 3 {
		t.Errorf("%d files are left, want 3", n)
	}
}

func TestNamesThatAreNoneAreRefused(t *testing.T) {
	dir, path := open(t)
	for _, name := range []snapshot.Name{
		{},
		{Topic: "."},
		{Topic: ".."},
		{Topic: "../outside"},
		{Topic: "a/b"},
		{Topic: `a\b`},
		{Topic: "a\x00"},
		{Topic: "a\n"},
		{Topic: "ä"},
		{Topic: strings.Repeat("a", 250)},
		{Topic: "a", Partition: -1},
		{Topic: "a", Next: -1},
		{Topic: "a", Generation: -1},
	} {
		never := func(io.Writer) error { t.Errorf("%+v is written", name); return nil }
		if err := dir.Write(t.Context(), name, never); err == nil {
			t.Errorf("%+v can be written", name)
		}
		if content, err := dir.Open(t.Context(), name); err == nil {
			_ = content.Close()
			t.Errorf("%+v can be opened", name)
		}
		if err := dir.Remove(t.Context(), name); err == nil {
			t.Errorf("%+v can be removed", name)
		}
	}
	if _, err := dir.List(t.Context(), "../outside", 0); err == nil {
		t.Error("a listing reaches outside of the directory")
	}
	if got := files(t, path); len(got) != 0 {
		t.Errorf("the directory holds %q", got)
	}
	for _, topic := range []string{"events", ".hidden", "...", "-x_Y.9", strings.Repeat("a", 249)} {
		write(t, dir, snapshot.Name{Topic: topic}, "x")
	}
}

// TestAListingShowsOnlyWholeSnapshots lists and reads while others write, replace
// and remove.
func TestAListingShowsOnlyWholeSnapshots(t *testing.T) {
	dir, _ := open(t)
	const writers, rounds = 4, 25
	whole := strings.Repeat("0123456789abcdef", 4096)
	done := make(chan struct{})
	var work sync.WaitGroup
	for generation := range int64(writers) {
		work.Go(func() {
			for next := range int64(rounds) {
				// One generation, so that no writer clears away another's file.
				name := snapshot.Name{Topic: "events", Next: next*writers + generation}
				write(t, dir, name, whole)
				if next%2 == 0 {
					if err := dir.Remove(t.Context(), name); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	go func() { work.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, name := range list(t, dir, "events", 0) {
			content, err := dir.Open(t.Context(), name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(content)
			if closed := content.Close(); err != nil || closed != nil {
				t.Fatal(err, closed)
			}
			if string(got) != whole {
				t.Fatalf("%v holds %d bytes, want all %d", name, len(got), len(whole))
			}
		}
	}
	if n, want := len(list(t, dir, "events", 0)), writers*(rounds/2); n != want {
		t.Errorf("%d snapshots are left, want %d", n, want)
	}
}

func ExampleDir() {
	path, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(path) }()
	dir, err := snapshot.OpenDir(path)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	name := snapshot.Name{Topic: "events", Partition: 2, Next: 4711, Generation: 1}
	err = dir.Write(ctx, name, func(w io.Writer) error {
		_, err := io.WriteString(w, "state of the partition")
		return err
	})
	if err != nil {
		panic(err)
	}
	names, err := dir.List(ctx, "events", 2)
	if err != nil {
		panic(err)
	}
	fmt.Println(names[0].Next)
	// Output: 4711
}

func open(t *testing.T) (dir *snapshot.Dir, path string) {
	t.Helper()
	path = t.TempDir()
	dir, err := snapshot.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir, path
}

func write(t *testing.T, dir *snapshot.Dir, name snapshot.Name, content string) {
	t.Helper()
	err := dir.Write(t.Context(), name, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func opened(t *testing.T, dir *snapshot.Dir, name snapshot.Name) *snapshot.File {
	t.Helper()
	file, err := dir.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func read(t *testing.T, dir *snapshot.Dir, name snapshot.Name) string {
	t.Helper()
	got, err := io.ReadAll(opened(t, dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func list(t *testing.T, dir *snapshot.Dir, topic string, partition int32) []snapshot.Name {
	t.Helper()
	names, err := dir.List(t.Context(), topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// files are the names of all files in the directory's folders, in order.
func files(t *testing.T, path string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(path, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths
}

// limitFileSize has the kernel refuse files larger than size, until restored.
func limitFileSize(t *testing.T, size uint64) (restore func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limited := before
	limited.Cur = size
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	restore = sync.OnceFunc(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(restore) // if the test ends early
	return restore
}
