package workbench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/detector"
)

const tick = `{"time":"2026-11-24T08:00:00Z","type":"x.tick","account":"ana"}` + "\n"

// inFolder writes files into a folder of their own and goes there, so that their
// names are short.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheFirstBadLinesOfEachFileAreShown(t *testing.T) {
	inFolder(t, map[string]string{
		"a": strings.Repeat("no event\n", 21) + tick + strings.Repeat("no event\n", 10_000),
		"b": tick + strings.Repeat("no event\n", 20),
		"c": "", "d": "\n\n",
		"e": strings.Repeat("no event\n", 21) + tick,
	})
	var want []string
	bad := func(name string, from, to int) {
		for n := from; n <= to; n++ {
			want = append(want, fmt.Sprintf("%s:%d: invalid_json: the event is not JSON (at byte 1)", name, n))
		}
	}
	bad("a", 1, 20)
	want = append(want, "a: … and 10,001 more bad lines")
	bad("b", 2, 21)
	for range 2 { // the same file once more is another one
		bad("e", 1, 20)
		want = append(want, "e: … and 1 more bad line")
	}
	var said bytes.Buffer
	b := Backtest{Rules: compiled(t, byAccount), Reporter: full{}, Diagnostics: &said}
	summary, err := b.Run(t.Context(), "a", "b", "c", "d", "e", "e")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(said.String()), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if summary.BadLines != 10_021+20+21+21 {
		t.Errorf("%d bad lines are counted", summary.BadLines)
	}
}

// TestBadLinesAreSaidOnceWhenTheAccountsCannotBeDivided: what the first attempt has
// said is not said again.
func TestBadLinesAreSaidOnceWhenTheAccountsCannotBeDivided(t *testing.T) {
	path := attacks(t, 5000)
	said := make(map[int]string)
	for n := 1; n <= 2; n++ {
		var diagnostics bytes.Buffer
		b := Backtest{
			Engine: detector.Options{MaxGroups: 100}, Rules: compiled(t, byAccount), Reporter: full{}, Diagnostics: &diagnostics,
		}
		if _, err := b.run(t.Context(), n, []string{path, path}); err != nil {
			t.Fatal(err)
		}
		said[n] = diagnostics.String()
	}
	if diff := cmp.Diff(said[1], said[2]); diff != "" || strings.Count(said[1], "\n") != 42 {
		t.Errorf("(-one engine +two):\n%s", diff)
	}
}

func TestAFileWithoutAnyEventEndsTheRun(t *testing.T) {
	inFolder(t, map[string]string{"good": tick, "readme.md": "# Read me\n\nNothing.\n"})
	for _, files := range [][]string{{"readme.md"}, {"readme.md", "good"}, {"good", "readme.md"}} {
		var page, said bytes.Buffer
		b := Backtest{Rules: compiled(t, byAccount), Reporter: &TableReporter{W: &page}, Diagnostics: &said}
		summary, err := b.Run(t.Context(), files...)
		none, ok := errors.AsType[*NoEventError](err)
		if !ok || none.File != "readme.md" || err.Error() != "no line of readme.md is an event: is it JSON lines?" {
			t.Errorf("%v: error is %v", files, err)
		}
		if page.Len() > 0 || summary.BadLines != 2 || strings.Count(said.String(), "readme.md:") != 2 {
			t.Errorf("%v: %+v\n%s%s", files, summary, &said, &page)
		}
	}
	b := Backtest{Rules: compiled(t, byAccount), Reporter: full{}, Diagnostics: new(bytes.Buffer), Stdin: strings.NewReader("x\n")}
	if _, err := b.Run(t.Context(), Stdin); err == nil || !strings.HasPrefix(err.Error(), "no line of the standard input is an event") {
		t.Errorf("error is %v", err)
	}
	b.Log, b.Stdin = recorded{0: {{Value: []byte("x")}}}, nil // a topic may hold whatever it likes
	if _, err := b.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
