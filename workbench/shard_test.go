package workbench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
	"github.com/holdfastd/holdfast/intake"
	"github.com/holdfastd/holdfast/rules"
)

const byAccount = `
rules:
- {id: burst, title: T, level: high, group_by: account, match: type == "code.requested" && !device.trusted, count: 3, timespan: 5m, cancel: {match: type == "code.accepted", same: device.id}}
- {id: wrong, title: T, level: medium, group_by: [account, device.id], match: type == "code.rejected", count: 2, timespan: 2m, suppress: 10m}
- {id: after, title: T, level: critical, group_by: account, timespan: 1h, sequence: [{match: 'type == "alert" && rule in ["burst", "wrong"]'}, {match: type == "session.started" && !device.known}]}
- {id: guess, title: T, level: low, group_by: account, score: {threshold: 30, half_life: 3m, points: [{match: type == "code.rejected", add: 10}]}}
`

func compiled(t *testing.T, yaml string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Source{{Name: "r.yaml", Content: []byte(yaml)}}, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// attacks writes events of a few accounts, some of them late, twice, or none.
func attacks(t *testing.T, events int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 5))
	start := holdfast.Instant(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC).UnixNano())
	var text, line []byte
	for i := range events {
		e := holdfast.Event{
			ID: fmt.Sprint("e", i), Time: start.Add(time.Duration(i-random.IntN(30)) * time.Second),
			Type:    []string{"code.requested", "code.rejected", "code.accepted", "session.started"}[random.IntN(4)],
			Account: fmt.Sprint("u", random.IntN(60)), Device: holdfast.Device{ID: fmt.Sprint("d", random.IntN(3)), Trusted: holdfast.Trust(random.IntN(3))},
			Session: fmt.Sprint("s", random.IntN(200)),
		}
		switch {
		case random.IntN(50) == 0:
			text = append(text, "no event\n"...)
		case random.IntN(20) > 0 || line == nil:
			line = append(intake.Append(nil, &e), '\n')
		}
		text = append(text, line...)
	}
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDividedAccountsGiveTheSame compares what comes out of one engine with what
// comes out of several, and of several that have to give up half way.
func TestDividedAccountsGiveTheSame(t *testing.T) {
	path := attacks(t, 20_000)
	for _, maxGroups := range []int{0, 100} {
		t.Run(fmt.Sprint("max groups ", maxGroups), func(t *testing.T) {
			outputs := map[int]string{}
			summaries := map[int]Summary{}
			for n := 1; n <= 3; n++ {
				var out, diagnostics bytes.Buffer
				b := Backtest{
					Engine: detector.Options{MaxGroups: maxGroups}, Rules: compiled(t, byAccount),
					Reporter: JSONReporter{W: &out}, Diagnostics: &diagnostics,
				}
				summary, err := b.run(t.Context(), n, []string{path})
				if err != nil {
					t.Fatal(err)
				}
				outputs[n], summaries[n] = out.String()+diagnostics.String(), summary
			}
			if s := summaries[1]; bytes.Count([]byte(outputs[1]), []byte("\n")) < 1000 || s.Duplicates < 500 || s.BadLines < 200 || s.Late < 1000 {
				t.Errorf("little to compare: %+v", s)
			}
			for n := 2; n <= 3; n++ {
				if diff := cmp.Diff(outputs[1], outputs[n]); diff != "" {
					t.Errorf("%d engines (-one +several):\n%.2000s", n, diff)
				}
				if diff := cmp.Diff(summaries[1], summaries[n]); diff != "" {
					t.Errorf("%d engines (-one +several):\n%.2000s", n, diff)
				}
			}
		})
	}
}

func TestWhichRulesAllowDivision(t *testing.T) {
	const head = "rules:\n- {id: r, title: T, level: low, match: type == \"x.a\", "
	for yaml, want := range map[string]bool{
		byAccount:                     true,
		head + "group_by: client.ip}": false,
		head + "group_by: client.ip, status: deprecated}":                       true,
		head + "group_by: account, without: {match: type == \"x.b\", for: 1m}}": false,
	} {
		if got := divisible(compiled(t, yaml)); got != want {
			t.Errorf("%v for\n%s", got, yaml)
		}
	}
}
