package chaos

import (
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast/snapshot"
)

// fileOf is where a directory keeps a snapshot.
func fileOf(directory string, n snapshot.Name) string {
	return filepath.Join(directory, n.Topic, fmt.Sprintf("%010d-%019d-%019d.snapshot", n.Partition, n.Next, n.Generation))
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

// TestSnapshotsAreDamaged holds the above against the files that there are: a run
// whose faults miss them proves nothing.
func TestSnapshotsAreDamaged(t *testing.T) {
	path := t.TempDir()
	dir, err := snapshot.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	const content = "content"
	random := rand.New(rand.NewPCG(1, 0))
	damaged := func(number int32, do func(string, *rand.Rand) error) string {
		t.Helper()
		name := snapshot.Name{Topic: topic, Partition: number, Next: 99, Generation: 3}
		err := dir.Write(t.Context(), name, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := do(fileOf(path, name), random); err != nil {
			t.Fatal(err)
		}
		file, err := dir.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		got, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	for number := range int32(6) {
		if torn := damaged(number, tear); len(torn) >= len(content) || !strings.HasPrefix(content, torn) {
			t.Errorf("%q is no torn snapshot", torn)
		}
		flipped, n := damaged(number, flip), 0
		for i := range min(len(flipped), len(content)) {
			n += bits.OnesCount8(flipped[i] ^ content[i])
		}
		if len(flipped) != len(content) || n != 1 {
			t.Errorf("%q differs in %d bits, want one", flipped, n)
		}
	}
}
