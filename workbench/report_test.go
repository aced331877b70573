package workbench

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/golden"
)

func instant(t *testing.T, text string) holdfast.Instant {
	t.Helper()
	i, err := holdfast.ParseInstant(text)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// asLevelsAsk is a plan: a message in the app from medium on, an SMS from high on,
// and of a critical alert the end of its sessions.
func asLevelsAsk(a holdfast.Alert) []holdfast.Action {
	var actions []holdfast.Action
	if a.Status == holdfast.Test {
		return nil
	}
	if a.Level >= holdfast.Medium {
		actions = append(actions, holdfast.Action{Kind: holdfast.NotifyOwner, Channel: holdfast.InApp})
	}
	if a.Level >= holdfast.High {
		actions = append(actions, holdfast.Action{Kind: holdfast.NotifyOwner, Channel: holdfast.SMS, UnlessSeen: a.Level == holdfast.High})
	}
	if a.Level == holdfast.Critical {
		actions = append(actions, holdfast.Action{Kind: holdfast.TerminateSessions})
	}
	return actions
}

func byAccountOf(account string) holdfast.Group {
	return holdfast.Group{{Field: "account", Value: account}}
}

func TestReport(t *testing.T) {
	first, last := instant(t, "2026-11-17T00:00:02Z"), instant(t, "2026-11-23T23:59:58Z")
	at := func(hours int) holdfast.Instant { return first.Add(time.Duration(hours) * time.Hour) }
	var page bytes.Buffer
	r := TableReporter{W: &page, Plan: asLevelsAsk}
	n := 0
	alert := func(rule string, level holdfast.Level, hours int, group holdfast.Group, change func(*holdfast.Alert)) {
		n++
		a := holdfast.Alert{
			ID: fmt.Sprintf("%s-%024x", rule, n), Rule: rule, Level: level, Status: holdfast.Stable, Time: at(hours),
			Account: group[0].Value, Group: group,
		}
		if change != nil {
			change(&a)
		}
		if err := r.Alert(&a, nil); err != nil {
			t.Fatal(err)
		}
	}
	suspects := func(when holdfast.When, ids ...string) func(*holdfast.Alert) {
		return func(a *holdfast.Alert) {
			for _, id := range ids {
				a.Sessions.Suspect = append(a.Sessions.Suspect, holdfast.Session{ID: id})
			}
			a.Respond = []holdfast.Response{{Kind: holdfast.TerminateSessions, When: when}}
		}
	}
	for i := range 1200 {
		alert("code-burst", holdfast.Medium, i%40, byAccountOf(fmt.Sprint("u_", i%500)), nil)
	}
	alert("takeover", holdfast.Critical, 100, byAccountOf("u_1"), suspects(holdfast.Now, "s1", "s2"))
	alert("takeover", holdfast.Critical, 101, byAccountOf("u_1"), suspects(holdfast.Now, "s1"))
	alert("wrong-codes", holdfast.High, 101, byAccountOf("u_1"), suspects(holdfast.OwnerDenies, "s1", "s3"))
	alert("voice", holdfast.High, 102, byAccountOf("u_2"), suspects(holdfast.TeamApproves, "s4"))
	trial := func(a *holdfast.Alert) { a.Status = holdfast.Test }
	for range 2 {
		alert("地址", holdfast.Low, 60, holdfast.Group{
			{Field: "client.ip", Value: "203.0.113.7"}, {Field: "device.name", Value: "\x1b[2J\u202eevil\xff " + strings.Repeat("東京", 20)},
		}, trial)
	}
	err := r.Finish(Summary{
		Events: 1_204_329, Counted: 1_204_332, BadLines: 1, Duplicates: 3, Late: 4711, WarmUp: 4000, Outside: 12, First: first, Last: last, Accounts: 20_000,
		Occurrences: map[string]int64{"code-burst": 1500, "takeover": 2, "gone": 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "report.golden"), page.String())
}

func TestReportOfNothing(t *testing.T) {
	var page bytes.Buffer
	r := TableReporter{W: &page, Plan: asLevelsAsk}
	if err := r.Finish(Summary{}); err != nil {
		t.Fatal(err)
	}
	if want := "No alerts.\n\n0 events, 0 bad lines, 0 duplicates, 0 late\n"; page.String() != want {
		t.Errorf("the page is %q, want %q", &page, want)
	}
}

func TestManyDaysBecomeWeeksAndMonths(t *testing.T) {
	for _, test := range []struct {
		days  int64
		head  string
		first string
		rows  int
	}{
		{1, "", "", 0},
		{2, "DAY", "2026-11-24 Tue", 2},
		{31, "DAY", "2026-11-24 Tue", 31},
		{32, "WEEK FROM", "2026-11-23", 5},
		{210, "WEEK FROM", "2026-11-23", 31},
		{211, "MONTH", "2026-11", 2},
	} {
		d, from := make(days), instant(t, "2026-11-24T23:00:00Z")
		to := from.Add(time.Duration(test.days-1) * 24 * time.Hour)
		d.add(from, holdfast.High)
		d.add(to, holdfast.Low)
		var text bytes.Buffer
		d.write(&text, dayOf(from), dayOf(to))
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if test.rows == 0 {
			if text.Len() > 0 {
				t.Errorf("a single day gives\n%s", &text)
			}
			continue
		}
		if len(lines) != test.rows+1 || !strings.HasPrefix(lines[0], test.head) || !strings.HasPrefix(lines[1], test.first) {
			t.Errorf("%d days, want %d rows by %s from %s:\n%s", test.days, test.rows, test.head, test.first, &text)
		}
	}
}

// TestADayOfAnAttackersChoice is about event times, which anybody can make up.
func TestADayOfAnAttackersChoice(t *testing.T) {
	d := make(days)
	for year := 1700; year < 2200; year++ {
		d.add(instant(t, fmt.Sprintf("%d-01-01T00:00:00Z", year)), holdfast.Low)
	}
	var text bytes.Buffer
	d.write(&text, 0, 0)
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 1+1+maxPeriods || strings.Join(strings.Fields(lines[1]), " ") != "earlier 469 469" {
		t.Errorf("%d lines:\n%s", len(lines), &text)
	}
}

func TestBusyGroupsStayWhenThereAreTooMany(t *testing.T) {
	var b busiest
	for i := range 5 * maxBusiest {
		b.add(byAccountOf(fmt.Sprint("u", i)))
		if i%10 == 0 {
			b.add(byAccountOf("busy"))
		}
	}
	if len(b.groups) > maxBusiest {
		t.Errorf("%d groups are kept", len(b.groups))
	}
	if got, want := b.String(), "busy (≥ 2,048)"; got != want {
		t.Errorf("the busiest are %q, want %q", got, want)
	}
}

func TestWhatATerminalMayShow(t *testing.T) {
	for text, want := range map[string]string{
		"u_1842":                "u_1842",
		"":                      "",
		"a b":                   "a b",
		"Müller":                "Müller",
		"\x1b[31m":              `\u001b[31m`,
		"a\nb\x00":              `a\u000ab\u0000`,
		"\u202e\u200b\u2028":    `\u202e\u200b\u2028`,
		"\U000e0001":            `\U000e0001`,
		"\xff":                  `\xff`,
		"\ufffd":                "\ufffd",
		strings.Repeat("x", 40): strings.Repeat("x", 40),
		strings.Repeat("x", 41): strings.Repeat("x", 39) + "…",
		strings.Repeat("東", 30): strings.Repeat("東", 19) + "…",
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestColumnsAreAligned(t *testing.T) {
	c := columns{heads: []string{"NAME", ">N", "LAST"}}
	c.add("東京", "1", "x")
	c.add("e\u0301", "1,000", "")
	var got bytes.Buffer
	c.write(&got)
	want := "NAME      N  LAST\n東京      1  x\ne\u0301     1,000\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0", number(-999): "-999", number(-1000): "-1,000", number(1234567): "1,234,567",
		share(1, 3): "33%", share(3, 3): "100%", share(9999, 10000): "99%", share(1, 200): "0.5%", share(1, 40000): "0.003%",
		lasting(0): "0 seconds", lasting(time.Second): "1 second", lasting(90 * time.Minute): "90 minutes",
		lasting(36 * time.Hour): "36 hours", lasting(7*24*time.Hour - 5*time.Second): "7 days",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
