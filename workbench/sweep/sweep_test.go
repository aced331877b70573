package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/golden"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/workbench"
	"github.com/holdfastd/holdfast/workbench/labels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// burst is a rule whose title is no friend of a page.
const burst = `rules:
- {id: burst, title: "</script><b>A & B", level: medium, group_by: account, match: type == "code.requested", count: 3, timespan: 10m, suppress: 0s, respond: [{notify_owner: code_burst}]}
- {id: other, title: Other, level: high, group_by: account, match: type == "code.requested"}
- {id: off, title: Off, level: high, status: deprecated, group_by: account, match: type == "x.a"}
- {id: numbers, title: Numbers, level: high, group_by: all, match: type == "x.a", count: 2, timespan: 1h}
`

func compiled(t *testing.T) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(burst)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func settings(t *testing.T, namesAndValues ...string) []Setting {
	t.Helper()
	var all []Setting
	for i := 0; i < len(namesAndValues); i += 2 {
		s, err := ParseSetting(namesAndValues[i], namesAndValues[i+1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func instant(t *testing.T, clock string) holdfast.Instant {
	t.Helper()
	i, err := holdfast.ParseInstant("2026-11-24T" + clock + ":00Z")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// requests writes events: of each account its times on one day.
func requests(t *testing.T, accountsAndTimes ...string) string {
	t.Helper()
	var text strings.Builder
	for _, line := range accountsAndTimes {
		account, times, _ := strings.Cut(line, " ")
		for clock := range strings.FieldsSeq(times) {
			fmt.Fprintf(&text, `{"time":"2026-11-24T%s:00Z","type":"code.requested","account":%q}`+"\n", clock, account)
		}
	}
	return write(t, text.String())
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func swept(t *testing.T, opts Options, path string) *Result {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	var bad bytes.Buffer
	r, err := s.Run(t.Context(), workbench.Events{Files: []string{path}, Diagnostics: &bad})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// story is two attacks and one owner in a hurry, over exactly a day.
func story(t *testing.T) (Options, string) {
	t.Helper()
	attack := func(account, from, to, session string) labels.Label {
		return labels.Label{Scenario: "story", Accounts: []string{account}, From: instant(t, from), To: instant(t, to), Session: instant(t, session)}
	}
	opts := Options{
		Rules: compiled(t), Rule: "burst", Settings: settings(t, "count", "2..4", "timespan", "5m,20m"),
		Plan: func(a holdfast.Alert) []holdfast.Action {
			if a.Status != holdfast.Stable || len(a.Respond) == 0 {
				return nil
			}
			return []holdfast.Action{{Kind: holdfast.NotifyOwner}}
		},
		Labels: []labels.Label{attack("ana", "08:00", "08:10", "08:12"), attack("ben", "09:00", "09:03", "09:03")},
	}
	return opts, requests(t, "start 00:00", "ana 08:00 08:04 08:08 08:10", "ben 09:00 09:02 09:03", "cem 10:00 10:01", "end 23:59")
}

func TestResult(t *testing.T) {
	opts, path := story(t)
	r := swept(t, opts, path)
	var text, object, page bytes.Buffer
	e := json.NewEncoder(&object)
	e.SetIndent("", " ")
	if err := errors.Join(r.WriteText(&text), e.Encode(r), r.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "result.txt"), text.String())
	golden.Equal(t, filepath.Join("testdata", "result.json"), object.String())
	golden.Equal(t, filepath.Join("testdata", "page.html"), string(skeleton.ReplaceAll(page.Bytes(), []byte("$1…$2"))))
}

// skeleton is what a page has besides its data: scripts and styles.
var skeleton = regexp.MustCompile(`(?s)(<script>|<style>).*?(</script>|</style>)`)

func TestAPageNeedsNothingBesidesItself(t *testing.T) {
	opts, path := story(t)
	var page bytes.Buffer
	if err := swept(t, opts, path).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if strings.Contains(text, "<b>A") || strings.Count(text, "</script>") != 3 || strings.Count(text, "uPlot=function") != 1 || !strings.Contains(text, "Copyright (c)") {
		t.Error("the rule's title is more than text, or the chart library is not there")
	}
	for _, reference := range regexp.MustCompile(`(src|href)=|url\(|@import`).FindAllString(skeleton.ReplaceAllString(text, ""), -1) {
		t.Errorf("the page refers to something: %s", reference)
	}
}

// TestMoreAskedForIsNeverFound: a rule that clears its entries when it fires finds
// as many disjoint bursts as there are. A burst of n+1 events holds one of n, and
// one within a timespan is within a longer one.
func TestMoreAskedForIsNeverFound(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var text strings.Builder
	at := instant(t, "00:00")
	for range 3000 {
		at = at.Add(time.Duration(random.ExpFloat64() * float64(20*time.Second)))
		fmt.Fprintf(&text, `{"time":%q,"type":"code.requested","account":"u%d"}`+"\n", at, random.IntN(12))
	}
	r := swept(t, Options{Rules: compiled(t), Rule: "burst", Settings: settings(t, "count", "1..9", "timespan", "5m,10m,40m")}, write(t, text.String()))
	alerts := make(map[string]int)
	for _, p := range r.Points {
		alerts[p.Values[0]+" "+p.Values[1]] = p.Alerts
	}
	if len(alerts) != 27 || alerts["1 5m"] != 3000 || alerts["9 5m"] == alerts["9 40m"] {
		t.Fatalf("little to compare: %v", alerts)
	}
	for n := 1; n <= 9; n++ {
		for _, span := range []string{"5m", "10m", "40m"} {
			if fewer, more := alerts[fmt.Sprint(n, " ", span)], alerts[fmt.Sprint(n+1, " ", span)]; more > fewer {
				t.Errorf("count %d within %s: %d alerts, %d: %d", n, span, fewer, n+1, more)
			}
		}
		if short, middle, long := alerts[fmt.Sprint(n, " 5m")], alerts[fmt.Sprint(n, " 10m")], alerts[fmt.Sprint(n, " 40m")]; short > middle || middle > long {
			t.Errorf("count %d: %d, %d, %d alerts", n, short, middle, long)
		}
	}
}

// TestEventsAreCountedAsABacktestCountsThem: those that only warm up don't count,
// those that are delivered twice do.
func TestEventsAreCountedAsABacktestCountsThem(t *testing.T) {
	text := `{"id":"a","time":"2026-11-24T08:00:00Z","type":"code.requested","account":"ana"}
{"id":"b","time":"2026-11-24T09:00:00Z","type":"code.requested","account":"ben"}
{"id":"b","time":"2026-11-24T09:00:00Z","type":"code.requested","account":"ben"}
`
	s, err := New(Options{Rules: compiled(t), Rule: "burst", Settings: settings(t, "count", "2")})
	if err != nil {
		t.Fatal(err)
	}
	since := instant(t, "08:30")
	r, err := s.Run(t.Context(), workbench.Events{Files: []string{write(t, text)}, Window: workbench.Window{Since: &since}, Diagnostics: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 2 || r.Accounts != 1 {
		t.Errorf("%d events of %d accounts, want 2 of 1", r.Events, r.Accounts)
	}
}

func TestWhichCombinationsAreTried(t *testing.T) {
	for name, tt := range map[string]struct {
		settings []string
		want     string
	}{
		"the rule's own are among them": {[]string{"count", "2..4"}, "2, 3 now, 4"},
		"or come to them":               {[]string{"count", "2,5"}, "2, 3 now, 5"},
		"in each setting":               {[]string{"count", "2", "timespan", "5m"}, "2 5m, 3 10m now"},
		"what comes to the same is one": {[]string{"timespan", "10m,600s,20m"}, "10m now, 20m"},
		"in ascending order":            {[]string{"timespan", "2h,90s", "count", "3"}, "1m30s 3, 10m 3 now, 2h 3"},
	} {
		s, err := New(Options{Rules: compiled(t), Rule: "burst", Settings: settings(t, tt.settings...)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, try := range s.tries {
			var text []string
			for i, v := range try.values {
				text = append(text, written(s.options.Settings[i].Name, v))
			}
			if try.now {
				text = append(text, "now")
			}
			got = append(got, strings.Join(text, " "))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestManyCombinationsTakeSeveralPasses compares them with those of one pass.
func TestManyCombinationsTakeSeveralPasses(t *testing.T) {
	opts, path := story(t)
	opts.Settings = settings(t, "count", "1..20")
	s, err := New(opts)
	if err != nil || s.Passes() != 3 {
		t.Fatal(s.Passes(), err)
	}
	var bad bytes.Buffer
	var read []int64
	events := workbench.Events{Files: []string{path}, Diagnostics: &bad, Progress: func(n int64) { read = append(read, n) }}
	all, err := s.Run(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if size, _ := os.Stat(path); len(read) == 0 || read[len(read)-1] != 3*size.Size() {
		t.Errorf("progress: %d", read)
	}
	opts.Settings = settings(t, "count", "2")
	for _, p := range swept(t, opts, path).Points {
		for _, q := range all.Points {
			if q.Values[0] == p.Values[0] && q.Alerts != p.Alerts {
				t.Errorf("count %s: %d alerts alone, %d among others", p.Values[0], p.Alerts, q.Alerts)
			}
		}
	}
	if _, err := s.Run(t.Context(), workbench.Events{Files: []string{workbench.Stdin}, Diagnostics: io.Discard}); !errors.Is(err, ErrReadOnce) {
		t.Errorf("from the standard input: %v", err)
	}
}

func TestWhatARuleIsToFind(t *testing.T) {
	all := []labels.Label{
		{Scenario: "story", Accounts: []string{"ana"}, From: instant(t, "08:00"), To: instant(t, "08:10")},
		{Scenario: "sim-swap", Accounts: []string{"ana"}, From: instant(t, "08:00"), To: instant(t, "08:10")},
		{Scenario: "stuffing", Campaign: true, Accounts: []string{"ana"}, From: instant(t, "08:00"), To: instant(t, "08:10")},
	}
	for _, tt := range []struct {
		rule      string
		scenarios []string
		attacks   int
		sought    string
	}{
		{"burst", nil, 2, "attacks on an account"},
		{"numbers", nil, 1, "campaigns"},
		{"burst", []string{"stuffing", "sim-swap"}, 2, "attacks of the chosen scenarios"},
		{"burst", []string{"story"}, 1, "attacks of the chosen scenarios"},
	} {
		opts := Options{Rules: compiled(t), Rule: tt.rule, Settings: settings(t, "count", "2..3"), Labels: all, Scenarios: tt.scenarios}
		if r := swept(t, opts, requests(t, "ana 07:00 09:00")); *r.Attacks != tt.attacks || r.Sought != tt.sought {
			t.Errorf("%s %v: %d %s", tt.rule, tt.scenarios, *r.Attacks, r.Sought)
		}
	}
}

func TestMistakesInWhatIsSwept(t *testing.T) {
	for want, opts := range map[string]Options{
		`there is no rule "bursts"; did you mean`:               {Rule: "bursts", Settings: settings(t, "count", "2")},
		`rule off is off: its status is deprecated`:             {Rule: "off", Settings: settings(t, "count", "2")},
		`there is nothing to sweep`:                             {Rule: "burst"},
		`the setting count is given twice`:                      {Rule: "burst", Settings: settings(t, "count", "2", "count", "3")},
		`the values make more than 200 combinations`:            {Rule: "burst", Settings: settings(t, "count", "1..21", "timespan", "1m,2m,3m,4m,5m,6m,7m,8m,9m,10m")},
		`r.yaml: rule burst: the rule has no setting threshold`: {Rule: "burst", Settings: settings(t, "threshold", "2")},
		`no label is of the scenario "story"`:                   {Rule: "burst", Settings: settings(t, "count", "2"), Scenarios: []string{"story"}},
	} {
		opts.Rules = compiled(t)
		if _, err := New(opts); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAValueThatTheRuleCannotHaveIsShownInItsPlace(t *testing.T) {
	_, err := New(Options{Rules: compiled(t), Rule: "burst", Settings: settings(t, "timespan", "5m,7")})
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok {
		t.Fatal(err)
	}
	var drawn bytes.Buffer
	if err := invalid.Found.Render(&drawn, rules.SourceOf(invalid.Sources)); err != nil {
		t.Fatal(err)
	}
	if invalid.Values != "burst with timespan 7" || !strings.HasPrefix(drawn.String(), "r.yaml:2:") || !strings.Contains(drawn.String(), "timespan: 7, suppress") {
		t.Errorf("%s\n%s", invalid.Values, drawn.String())
	}
}

func TestCurvesAreDrawnOverNumbers(t *testing.T) {
	for want, names := range map[string][]string{
		"count":    {"timespan", "1m,2m", "count", "2..4"},
		"timespan": {"timespan", "1m,2m", "count", "3"},
		"suppress": {"suppress", "1m"},
	} {
		s, err := New(Options{Rules: compiled(t), Rule: "burst", Settings: settings(t, names...)})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.options.Settings[s.axis()].Name; got != want {
			t.Errorf("%v: over %s, want %s", names, got, want)
		}
	}
}
