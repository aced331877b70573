package workbench

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
)

const everyEvent = `
rules:
- {id: any, title: T, level: low, group_by: client.ip, match: type == "x.a", suppress: 0s}
`

const anEvent = `{"time":"2026-11-24T08:00:00Z","type":"x.a","account":"ana","client":{"ip":"203.0.113.7"}}` + "\n"

// told is a reporter that says on a channel when it is told of an alert.
type told chan string

func (told) NeedsIDs() bool { return false }

func (c told) Alert(a *holdfast.Alert, _ *IDs) error {
	c <- a.Rule
	return nil
}

func (c told) Finish(Summary) error {
	close(c)
	return nil
}

func TestAlertsDontWaitForMoreOfAPipe(t *testing.T) {
	in, out := io.Pipe()
	alerts, done := make(told), make(chan error, 1)
	go func() {
		b := Backtest{Rules: compiled(t, everyEvent), Reporter: alerts, Diagnostics: io.Discard, Stdin: in}
		_, err := b.Run(t.Context(), Stdin)
		done <- err
	}()
	for range 3 {
		if _, err := io.WriteString(out, anEvent); err != nil {
			t.Fatal(err)
		}
		if rule := <-alerts; rule != "any" {
			t.Errorf("alert of %q", rule)
		}
	}
	if err := errors.Join(out.Close(), <-done); err != nil {
		t.Error(err)
	}
}

func TestWhatComesBeforeAnErrorCounts(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, strings.Repeat(anEvent, 5)); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil { // no end
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.ndjson.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	alerts := make(told, 10)
	b := Backtest{Rules: compiled(t, everyEvent), Reporter: alerts, Diagnostics: io.Discard}
	_, err := b.Run(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "line 6") || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v", err)
	}
	if n := len(alerts); n != 5 {
		t.Errorf("%d alerts, want 5", n)
	}
}

// pieces reads a text in pieces of a size.
type pieces struct {
	text string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(p.size, len(b))], p.text)
	p.text = p.text[n:]
	return n, nil
}

// TestLinesAreCutTheSameHoweverTheyCome reads short, empty and long lines in
// pieces of any size.
func TestLinesAreCutTheSameHoweverTheyCome(t *testing.T) {
	const most = 70_000 // a block holds twice as much
	long := strings.Repeat("x", 4*most)
	text := "a\r\n\n" + long[:most] + "\n" + long[:most+1] + "\n" + long + "\nb\n" + long + "\nend"
	want := []string{"a", "", long[:most], long[:most+1] + " long", long[:most+1] + " long", "b", long[:most+1] + " long", "end"}
	for _, size := range []int{1, 7, 4096, 65_536, most, 2 * most, 1 << 20} {
		var got []string
		l := lineReader{r: &pieces{text, size}, most: most}
		for err := error(nil); err == nil; {
			var b block
			if err = l.fill(&b); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			for _, line := range b.lines {
				s := string(line.bytes)
				if line.long {
					s += " long"
				}
				got = append(got, s)
			}
		}
		if !cmp.Equal(got, want) {
			t.Errorf("in pieces of %d bytes: %d lines, want %d, or others", size, len(got), len(want))
		}
	}
}
