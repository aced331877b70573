package workbench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

// readAll reads all lines of an input.
func readAll(ctx context.Context, name string, stdin io.Reader) ([]string, error) {
	var all []string
	err := eachBlock(ctx, []string{name}, stdin, maxLine, nil, func(b *block) (*block, error) {
		for _, l := range b.lines {
			all = append(all, string(l.bytes))
		}
		return b, nil
	})
	return all, err
}

func TestWhatIsCompressedIsKnownByItsBeginning(t *testing.T) {
	const text = "one\ntwo\n"
	var gz, zst bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&gz), zstdWriter(t, &zst)} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"plain": text, "gzip": gz.String(), "zstd": zst.String()} {
		path := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, of := range []string{path, Stdin} {
			got, err := readAll(t.Context(), of, byteByByte{strings.NewReader(content)})
			if err != nil || strings.Join(got, " ") != "one two" {
				t.Errorf("%s, as %s: %q, %v", name, of, got, err)
			}
		}
	}
	for _, short := range []string{"", "{}", "\x1f"} {
		if got, err := readAll(t.Context(), Stdin, strings.NewReader(short)); err != nil || strings.Join(got, "") != short {
			t.Errorf("%q is read as %q, %v", short, got, err)
		}
	}
	if _, err := readAll(t.Context(), Stdin, strings.NewReader("\x1f\x8b\x00\x00")); err == nil || !strings.Contains(err.Error(), "the standard input") {
		t.Errorf("what only begins like gzip is read: %v", err)
	}
}

func zstdWriter(t *testing.T, w io.Writer) io.WriteCloser {
	t.Helper()
	z, err := zstd.NewWriter(w)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// byteByByte reads a byte at a time, as a slow pipe brings them.
type byteByByte struct{ io.Reader }

func (r byteByByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(1, len(b))]) }

// TestReadingEndsWithItsContextThoughThePipeIsQuiet ends the context while a read is
// under way: of what has no deadline, the read is left behind until the source ends.
func TestReadingEndsWithItsContextThoughThePipeIsQuiet(t *testing.T) {
	for name, first := range map[string]string{"before anything came": "", "after a line": "one\n"} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			in, out := io.Pipe()
			reading := &noticed{Reader: in, quiet: make(chan struct{}), after: len(first)}
			done := make(chan error, 1)
			go func() {
				_, err := readAll(ctx, Stdin, reading)
				done <- err
			}()
			if first != "" { // which a pipe would bring as a read of nothing
				if _, err := io.WriteString(out, first); err != nil {
					t.Fatal(err)
				}
			}
			<-reading.quiet
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("reading ends with %v", err)
			}
			if err := out.Close(); err != nil { // ends the read that was left behind
				t.Fatal(err)
			}
		})
	}
}

// noticed says when it is read from after so many bytes.
type noticed struct {
	io.Reader
	quiet chan struct{}
	after int
}

func (n *noticed) Read(b []byte) (int, error) {
	if n.after <= 0 {
		close(n.quiet)
	}
	read, err := n.Reader.Read(b)
	n.after -= read
	return read, err
}

// TestAReadWithADeadlineIsNotLeftBehind reads from a pipe of the system, which has
// deadlines: nothing is left when reading has ended.
func TestAReadWithADeadlineIsNotLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(in.Close(), out.Close()); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	r := newInterruptible(ctx, in)
	read := make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		read <- err
	}()
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Errorf("reading ends with %v", err)
	}
	if len(r.reads) > 0 {
		t.Error("a read is left behind")
	}
}
