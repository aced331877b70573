package workbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// TestAWindowIsAPartOfTheWhole compares the alerts of a window with those of a run
// over everything that lie in it.
func TestAWindowIsAPartOfTheWhole(t *testing.T) {
	path := attacks(t, 10_000)
	since, until := instant(t, "2026-11-24T09:00:00Z"), instant(t, "2026-11-24T10:00:00Z")
	run := func(w Window, n int) ([]string, Summary) {
		var out bytes.Buffer
		b := Backtest{
			Rules: compiled(t, byAccount), Window: w, Reporter: JSONReporter{W: &out}, Diagnostics: new(bytes.Buffer), CountAccounts: true,
		}
		summary, err := b.run(t.Context(), n, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Collect(strings.Lines(out.String())), summary
	}
	all, _ := run(Window{}, 1)
	var want []string
	for _, line := range all {
		var a struct{ Time holdfast.Instant }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if a.Time >= since && a.Time < until {
			want = append(want, line)
		}
	}
	if len(want) < 100 || len(want) > len(all)-100 {
		t.Fatalf("%d alerts of %d are in the window", len(want), len(all))
	}
	for n := 1; n <= 3; n++ {
		got, summary := run(Window{Since: &since, Until: &until}, n)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d engines (-part of all +window):\n%.2000s", n, diff)
		}
		if summary.First < since || summary.Last >= until || summary.WarmUp < 3000 || summary.Counted < 3000 || summary.Outside < 1000 || summary.Accounts != 60 {
			t.Errorf("%d engines: the summary is %+v", n, summary)
		}
	}
	cold, summary := run(Window{From: &since, Since: &since, Until: &until}, 1)
	if summary.WarmUp != 0 || cmp.Equal(want, cold) {
		t.Errorf("without warming up, the same %d alerts come, and %d events were to warm up", len(cold), summary.WarmUp)
	}
}

func TestOccurrencesOfWhatIsNotReportedDontCount(t *testing.T) {
	path := attacks(t, 10_000)
	since := instant(t, "2026-11-24T09:00:00Z")
	var out bytes.Buffer
	b := Backtest{Rules: compiled(t, byAccount), Window: Window{Since: &since}, Reporter: JSONReporter{W: &out}, Diagnostics: new(bytes.Buffer)}
	summary, err := b.Run(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := (&Backtest{Rules: b.Rules, Reporter: JSONReporter{W: new(bytes.Buffer)}, Diagnostics: new(bytes.Buffer)}).Run(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for rule, all := range whole.Occurrences {
		if n := summary.Occurrences[rule]; n <= 0 || n >= all {
			t.Errorf("of %d occurrences of %s, %d count", all, rule, n)
		}
	}
	if len(whole.Occurrences) < 3 {
		t.Errorf("little occurred: %v", whole.Occurrences)
	}
}

// TestInstantZeroIsABound: 1970 is a time as any other.
func TestInstantZeroIsABound(t *testing.T) {
	path := attacks(t, 100)
	var zero holdfast.Instant
	for _, test := range []struct {
		window                   Window
		counted, warmUp, outside bool
	}{
		{Window{Until: &zero}, false, false, true},
		{Window{Since: &zero, From: &zero}, true, false, false},
	} {
		b := Backtest{Rules: compiled(t, byAccount), Window: test.window, Reporter: full{}, Diagnostics: new(bytes.Buffer)}
		s, err := b.run(t.Context(), 1, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		if s.Counted > 0 != test.counted || s.WarmUp > 0 != test.warmUp || s.Outside > 0 != test.outside {
			t.Errorf("%+v: the summary is %+v", test.window, s)
		}
	}
}

// TestAnAccountThatOnlyHasAnAlertCounts: an alert that was held back fires when
// its account has long been silent.
func TestAnAccountThatOnlyHasAnAlertCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	text := `{"time":"2026-11-24T07:59:00Z","type":"x.added","account":"ana"}
{"time":"2026-11-24T07:59:01Z","type":"x.added","account":"ben"}
{"time":"2026-11-24T08:20:00Z","type":"x.tick","account":"cem"}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set := compiled(t, `
rules:
- {id: held, title: T, level: high, group_by: account, match: type == "x.added", without: {match: type == "x.confirmed", for: 10m}}
`)
	since := instant(t, "2026-11-24T08:00:00Z")
	for _, exact := range []bool{true, false} {
		var page bytes.Buffer
		b := Backtest{
			Rules: set, Window: Window{Since: &since}, Reporter: &TableReporter{W: &page}, Diagnostics: new(bytes.Buffer),
			CountAccounts: exact, EstimateAccounts: !exact,
		}
		if _, err := b.Run(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(page.String(), "2 alerts on 2 of 3 accounts (67%)") {
			t.Errorf("the page is\n%s", &page)
		}
	}
}

// TestDividedAccountsGiveTheSameReport is TestDividedAccountsGiveTheSame for the
// page.
func TestDividedAccountsGiveTheSameReport(t *testing.T) {
	path := attacks(t, 20_000)
	pages := map[int]string{}
	for n := 1; n <= 3; n++ {
		var page bytes.Buffer
		b := Backtest{
			Rules: compiled(t, byAccount), Reporter: &TableReporter{W: &page, Plan: asLevelsAsk}, Diagnostics: new(bytes.Buffer), EstimateAccounts: true,
		}
		if _, err := b.run(t.Context(), n, []string{path}); err != nil {
			t.Fatal(err)
		}
		pages[n] = page.String()
	}
	if !strings.Contains(pages[1], "of 60 accounts (100%)") {
		t.Errorf("the page is\n%s", pages[1])
	}
	for n := 2; n <= 3; n++ {
		if diff := cmp.Diff(pages[1], pages[n]); diff != "" {
			t.Errorf("%d engines (-one +several):\n%s", n, diff)
		}
	}
}

// TestContendersDontDisturbEachOther runs several sets at once, and each alone.
func TestContendersDontDisturbEachOther(t *testing.T) {
	path := attacks(t, 10_000)
	sets := []string{byAccount, everyEvent, strings.ReplaceAll(byAccount, "count: 3", "count: 2")}
	outputs := make([]bytes.Buffer, len(sets))
	var contenders []Contender
	for i, yaml := range sets {
		contenders = append(contenders, Contender{Rules: compiled(t, yaml), Reporter: JSONReporter{W: &outputs[i]}})
	}
	together, err := RunAll(t.Context(), Events{Files: []string{path}, Diagnostics: new(bytes.Buffer)}, contenders...)
	if err != nil {
		t.Fatal(err)
	}
	for i, yaml := range sets {
		var out bytes.Buffer
		b := Backtest{Rules: compiled(t, yaml), Reporter: JSONReporter{W: &out}, Diagnostics: new(bytes.Buffer)}
		summary, err := b.Run(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out.String(), outputs[i].String()); diff != "" {
			t.Errorf("set %d (-alone +together):\n%.2000s", i, diff)
		}
		if diff := cmp.Diff(summary, together[i]); diff != "" {
			t.Errorf("summary of set %d (-alone +together):\n%.2000s", i, diff)
		}
	}
}

// full is a reporter that has had enough.
type full struct{ err error }

func (full) NeedsIDs() bool                      { return false }
func (f full) Alert(*holdfast.Alert, *IDs) error { return f.err }
func (full) Finish(Summary) error                { return nil }

func TestAReporterThatFailsEndsTheRun(t *testing.T) {
	broken := errors.New("broken pipe")
	_, err := RunAll(t.Context(), Events{Files: []string{attacks(t, 5000)}, Diagnostics: new(bytes.Buffer)},
		Contender{Rules: compiled(t, byAccount), Reporter: JSONReporter{W: new(bytes.Buffer)}},
		Contender{Rules: compiled(t, byAccount), Reporter: full{broken}})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

func TestProgressIsToldOfEveryByte(t *testing.T) {
	plain := attacks(t, 5000)
	text, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(t.TempDir(), "events.ndjson.zst")
	if err := os.WriteFile(packed, encoder.EncodeAll(text, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, name := range []string{plain, packed} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	var told []int64
	b := Backtest{
		Rules: compiled(t, byAccount), Reporter: full{}, Diagnostics: new(bytes.Buffer),
		Progress: func(n int64) { told = append(told, n) },
	}
	if _, err := b.run(t.Context(), 1, []string{plain, packed}); err != nil {
		t.Fatal(err)
	}
	if len(told) < 10 || !slices.IsSorted(told) || told[len(told)-1] != total {
		t.Errorf("of %d bytes, %v were told", total, told)
	}
}

// recorded is a log of some partitions.
type recorded map[int32][]Record

func (r recorded) Partitions() []int32 {
	ids := make([]int32, 0, len(r))
	for id := range r {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Read hands on records in batches of three, in memory that it uses again.
func (r recorded) Read(_ context.Context, id int32, f func([]Record) error) error {
	var memory []byte
	for batch := range slices.Chunk(r[id], 3) {
		memory = memory[:0]
		batch = slices.Clone(batch)
		for i := range batch {
			at := len(memory)
			memory = append(memory, batch[i].Value...)
			batch[i].Value = memory[at:]
		}
		if err := f(batch); err != nil {
			return err
		}
		for i := range memory {
			memory[i] = 'x'
		}
	}
	return nil
}

// TestEachPartitionHasAnEngineOfItsOwn runs over a log with gaps, tombstones, bad
// and oversized records, and records of the future.
func TestEachPartitionHasAnEngineOfItsOwn(t *testing.T) {
	broker := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	event := func(id string) []byte {
		return []byte(`{"id":"` + id + `","time":"2026-11-24T08:00:00Z","type":"code.rejected","account":"ana","device":{"id":"d"}}`)
	}
	future := []byte(`{"id":"f","time":"2026-11-24T09:00:00Z","type":"code.rejected","account":"ana","device":{"id":"d"}}`)
	log := recorded{
		7: {{10, broker, event("a")}, {11, broker, nil}, {4_000_000_000_000, broker, event("b")}, {4_000_000_000_001, broker, future}},
		3: {
			{0, broker, event("c")},
			{1, broker, []byte("no event")},
			{2, broker, bytes.Repeat([]byte("y"), maxLine+1)},
			{3, time.Time{}, event("d")},
			{9, time.Time{}, []byte(" ")},
		},
	}
	var out, diagnostics bytes.Buffer
	b := Backtest{
		Rules: compiled(t, byAccount), Log: log, Engine: detector.Options{}, Reporter: JSONReporter{W: &out, Partitions: true}, Diagnostics: &diagnostics,
	}
	summary, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var a struct {
			Rule     string
			Evidence []struct {
				Partition int32
				Offset    int64
				ID        string
			}
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(a.Rule, a.Evidence))
	}
	want := []string{"wrong[{3 0 c} {3 3 d}]", "wrong[{7 10 a} {7 4000000000000 b}]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if summary.Events != 4 || summary.BadLines != 5 {
		t.Errorf("the summary is %+v", summary)
	}
	for _, want := range []string{
		"partition 3, offset 1: invalid_json", "partition 3, offset 2: too_large", "partition 3, offset 9: invalid_json",
		"partition 7, offset 11: invalid_json", "partition 7, offset 4000000000001: future_time",
	} {
		if !strings.Contains(diagnostics.String(), want) {
			t.Errorf("%q is not among the diagnostics:\n%s", want, &diagnostics)
		}
	}
}
