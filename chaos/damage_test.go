package chaos

import (
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast/snapshot"
)

// newest returns the newest snapshot file of each partition.
func newest(directory string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*", "*.snapshot"))
	if err != nil {
		return nil, err
	}
	// Names begin with the partition, padded, and go on with the offset.
	slices.Sort(paths)
	slices.Reverse(paths)
	partition := func(path string) string { return filepath.Base(path)[:min(10, len(filepath.Base(path)))] }
	return slices.CompactFunc(paths, func(a, b string) bool { return partition(a) == partition(b) }), nil
}

// tear cuts a file off, as a file system does that had not written all of it.
func tear(path string, random *rand.Rand) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("tearing a snapshot: %w", err)
	}
	if err := os.Truncate(path, random.Int64N(max(1, info.Size()))); err != nil {
		return fmt.Errorf("tearing a snapshot: %w", err)
	}
	return nil
}

// flip turns one bit of a file over.
func flip(path string, random *rand.Rand) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("flipping a bit of a snapshot: %w", err)
	}
	if len(content) > 0 {
		content[random.IntN(len(content))] ^= 1 << random.IntN(8)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("flipping a bit of a snapshot: %w", err)
	}
	return nil
}

// TestTheNewestSnapshotsAreDamaged holds the above against the files that there
// are: a run whose faults miss them proves nothing.
func TestTheNewestSnapshotsAreDamaged(t *testing.T) {
	path := t.TempDir()
	dir, err := snapshot.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name snapshot.Name, content string) {
		t.Helper()
		err := dir.Write(t.Context(), name, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for partition := range int32(12) {
		for next := range int64(3) {
			content := "older"
			if next == 2 {
				content = "newest"
			}
			write(snapshot.Name{Topic: "events", Partition: partition, Next: next * 99, Generation: 10 - next}, content)
		}
	}
	contents := func(paths []string) []string {
		t.Helper()
		var all []string
		for _, p := range paths {
			content, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(content))
		}
		return all
	}
	found, err := newest(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(found); len(got) != 12 || slices.ContainsFunc(got, func(c string) bool { return c != "newest" }) {
		t.Errorf("the newest of 12 partitions are %q", got)
	}

	random := rand.New(rand.NewPCG(1, 0))
	for _, p := range found[:6] {
		if err := tear(p, random); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range found[6:] {
		if err := flip(p, random); err != nil {
			t.Fatal(err)
		}
	}
	damaged := contents(found)
	for _, torn := range damaged[:6] {
		if len(torn) >= len("newest") || !strings.HasPrefix("newest", torn) {
			t.Errorf("%q is no torn snapshot", torn)
		}
	}
	for _, flipped := range damaged[6:] {
		n := 0
		for i := range min(len(flipped), len("newest")) {
			n += bits.OnesCount8(flipped[i] ^ "newest"[i])
		}
		if len(flipped) != len("newest") || n != 1 {
			t.Errorf("%q differs in %d bits, want one", flipped, n)
		}
	}
}
