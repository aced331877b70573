package labels

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/golden"
)

// at is a time on the day of the tests.
func at(t *testing.T, clock string) holdfast.Instant {
	t.Helper()
	i, err := holdfast.ParseInstant("2026-11-24T" + clock + ":00Z")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// label is an attack on one account.
func label(t *testing.T, scenario, account, from, to, session string) Label {
	t.Helper()
	l := Label{Scenario: scenario, Accounts: []string{account}, From: at(t, from), To: at(t, to)}
	if session != "" {
		l.Session = at(t, session)
	}
	return l
}

func alert(t *testing.T, rule, account, clock string) *holdfast.Alert {
	t.Helper()
	return &holdfast.Alert{
		Rule: rule, Account: account, Time: at(t, clock), Level: holdfast.Medium, Status: holdfast.Stable,
		Group: holdfast.Group{{Field: "account", Value: account}},
	}
}

func wholeDay(t *testing.T) Traffic {
	t.Helper()
	return Traffic{Accounts: 10, From: at(t, "00:00"), To: at(t, "23:59")}
}

// TestWhatFindsAnAttack shows one attack from 10:00 to 10:20, whose session begins
// at 10:10, and one alert.
func TestWhatFindsAnAttack(t *testing.T) {
	for name, tt := range map[string]struct {
		change               func(*holdfast.Alert)
		right, found, inTime int
	}{
		"an alert during it":                      {func(*holdfast.Alert) {}, 1, 1, 1},
		"with its first event":                    {func(a *holdfast.Alert) { a.Time = at(t, "10:00") }, 1, 1, 1},
		"before its first event":                  {func(a *holdfast.Alert) { a.Time = at(t, "10:00") - 1 }, 0, 0, 0},
		"with the session":                        {func(a *holdfast.Alert) { a.Time = at(t, "10:10") }, 1, 1, 1},
		"after the session":                       {func(a *holdfast.Alert) { a.Time = at(t, "10:10") + 1 }, 1, 1, 0},
		"at the end of the grace":                 {func(a *holdfast.Alert) { a.Time = at(t, "10:35") }, 1, 1, 0},
		"after the grace":                         {func(a *holdfast.Alert) { a.Time = at(t, "10:35") + 1 }, 0, 0, 0},
		"on another account":                      {func(a *holdfast.Alert) { a.Account = "ben" }, 0, 0, 0},
		"by a rule that groups by something else": {func(a *holdfast.Alert) { a.Group = nil }, 1, 1, 1},
		"by a rule that tells nobody":             {func(a *holdfast.Alert) { a.Level = holdfast.Informational }, 1, 0, 0},
		"by a rule on trial":                      {func(a *holdfast.Alert) { a.Status = holdfast.Test }, 1, 0, 0},
	} {
		j := NewJudge([]Label{label(t, "story", "ana", "10:00", "10:20", "10:10")}, Options{})
		a := alert(t, "burst", "ana", "10:05")
		tt.change(a)
		j.Alert(a)
		r := j.Report(wholeDay(t))
		if got := [3]int{r.Rules[0].True, r.Attacks.Found, r.Attacks.InTime}; got != [3]int{tt.right, tt.found, tt.inTime} {
			t.Errorf("%s: true, found, in time: %v, want %v", name, got, [3]int{tt.right, tt.found, tt.inTime})
		}
	}
}

func TestACampaignIsFoundByRulesThatSeeMoreThanOneAccount(t *testing.T) {
	campaign := Label{Scenario: "low-and-slow", Accounts: []string{"a", "b", "b", "c"}, Campaign: true, From: at(t, "10:00"), To: at(t, "12:00")}
	for name, tt := range map[string]struct {
		account     string
		group       holdfast.Group
		right, find int
	}{
		"by address, on one of its accounts": {"b", holdfast.Group{{Field: "client.ip", Value: "192.0.2.1"}}, 1, 1},
		"over everything":                    {"c", nil, 1, 1},
		"over everything, on somebody else":  {"d", nil, 0, 0},
		"by account":                         {"b", holdfast.Group{{Field: "account", Value: "b"}}, 1, 0},
		"by account and address":             {"b", holdfast.Group{{Field: "client.ip"}, {Field: "account"}}, 1, 0},
		"by address, on another account":     {"d", holdfast.Group{{Field: "client.ip", Value: "192.0.2.1"}}, 0, 0},
	} {
		j := NewJudge([]Label{campaign}, Options{})
		a := alert(t, "spray", tt.account, "10:30")
		a.Group = tt.group
		j.Alert(a)
		r := j.Report(wholeDay(t))
		if r.Rules[0].True != tt.right || r.Campaigns.Found != tt.find || r.Campaigns.InTime != tt.find || len(r.Rules[0].Finds) != tt.find {
			t.Errorf("%s: %+v %+v", name, r.Rules, r.Campaigns)
		}
	}
}

func TestACampaignIsOnAnAccountOnlyWhileItReachesIt(t *testing.T) {
	campaign := Label{
		Scenario: "low-and-slow", Accounts: []string{"a", "b"}, Campaign: true, From: at(t, "10:00"), To: at(t, "20:00"),
		Spans: []Span{{at(t, "10:00"), at(t, "10:05")}, {at(t, "12:00"), at(t, "20:00")}},
	}
	j := NewJudge([]Label{campaign}, Options{})
	for _, of := range []struct{ account, clock string }{{"a", "10:20"}, {"a", "10:21"}, {"b", "11:59"}, {"b", "12:00"}} {
		j.Alert(alert(t, "spray", of.account, of.clock))
	}
	r := j.Report(Traffic{Accounts: 2, AccountDays: 4, From: at(t, "00:00"), To: at(t, "00:00").Add(2 * day)})
	if r.Rules[0].True != 2 || r.Rules[0].False != 2 {
		t.Errorf("%+v", r.Rules[0])
	}
	if o := r.Owners; int(o.BenignDays*24*60+0.5) != 4*24*60-20-(8*60+15) || o.ActiveDays != 2 {
		t.Errorf("%+v", o)
	}
}

// TestSomebodyIsTold has an attack whose session begins at 10:10 and one that has
// none, on which rules of several levels speak up.
func TestSomebodyIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		level        holdfast.Level
		clock        string
		writes       bool
		inTime, told int
	}{
		"of level medium, to the owner":               {holdfast.Medium, "10:05", true, 1, 1},
		"of level low, to the owner":                  {holdfast.Low, "10:05", true, 1, 1},
		"of level medium, to nobody":                  {holdfast.Medium, "10:05", false, 1, 0},
		"of level high, to nobody but a console":      {holdfast.High, "10:05", false, 1, 1},
		"of level high, after the session":            {holdfast.High, "10:11", true, 0, 0},
		"of level informational, which finds nothing": {holdfast.Informational, "10:05", true, 0, 0},
	} {
		j := NewJudge([]Label{label(t, "story", "ana", "10:00", "10:20", "10:10")}, Options{Plan: func(holdfast.Alert) []holdfast.Action {
			if tt.writes {
				return []holdfast.Action{{Kind: holdfast.NotifyOwner}}
			}
			return nil
		}})
		a := alert(t, "burst", "ana", tt.clock)
		a.Level = tt.level
		j.Alert(a)
		if s := j.Report(wholeDay(t)).Attacks; s.InTime != tt.inTime || s.Told != tt.told {
			t.Errorf("%s: in time %d, told %d, want %d and %d", name, s.InTime, s.Told, tt.inTime, tt.told)
		}
	}
}

func TestTheEarliestAlertCounts(t *testing.T) {
	j := NewJudge([]Label{label(t, "story", "ana", "10:00", "11:00", "10:20")}, Options{})
	j.Alert(alert(t, "late", "ana", "10:30"))
	j.Alert(alert(t, "early", "ana", "10:04")) // that of an event which came late
	j.Alert(alert(t, "late", "ana", "10:50"))
	if s := j.Report(wholeDay(t)).Attacks; s.Found != 1 || s.InTime != 1 || *s.Median != 240 {
		t.Errorf("%+v", s)
	}
}

func TestAnAlertMayBelongToTwoAttacks(t *testing.T) {
	j := NewJudge([]Label{label(t, "burst", "ana", "10:00", "11:00", ""), label(t, "sim-swap", "ana", "10:30", "11:00", "")}, Options{})
	j.Alert(alert(t, "burst", "ana", "10:40"))
	r := j.Report(wholeDay(t))
	if r.Attacks.Found != 2 || r.Rules[0].True != 1 || r.Rules[0].Alerts != 1 || len(r.Rules[0].Finds) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestTheMedianOfAnEvenNumberIsTheMeanOfTheMiddleTwo(t *testing.T) {
	for want, all := range map[time.Duration][]time.Duration{
		3: {3}, 4: {5, 3}, 5: {9, 5, 1}, 6: {100, 1, 8, 4},
	} {
		if got := medianOf(all); got != want {
			t.Errorf("%v: %d, want %d", all, got, want)
		}
	}
}

// TestBenignAccountDays has three accounts over two days, one of which is attacked
// for a quarter of a day, half a day and once more where both overlap.
func TestBenignAccountDays(t *testing.T) {
	start := at(t, "00:00")
	hour := func(n int) holdfast.Instant { return start.Add(time.Duration(n) * time.Hour) }
	traffic := Traffic{Accounts: 3, AccountDays: 6, From: start, To: hour(48)}
	attack := func(account string, from, to int) Label {
		return Label{Scenario: "story", Accounts: []string{account}, From: hour(from), To: hour(to)}
	}
	j := NewJudge([]Label{
		attack("ana", 20, 32), attack("ana", 1, 7), attack("ana", 30, 31), // 18 hours
		attack("ben", 45, 90), // 3 hours of it in the traffic
		attack("cem", 60, 80), // never
	}, Options{Grace: time.Nanosecond})
	o := j.Report(traffic).Owners
	if o.Accounts != 3 || o.Days != 2 || int(o.BenignDays*24+0.5) != 3*48-18-3 {
		t.Errorf("%+v: %v hours", o, o.BenignDays*24)
	}
	if o.ActiveDays != 6-2-2 { // ana's two, ben's second one and, with the end of the traffic, the third
		t.Errorf("%d account-days with events", o.ActiveDays)
	}
}

func TestWithoutTrafficThereIsNoRate(t *testing.T) {
	if o := NewJudge(nil, Options{}).Report(Traffic{}).Owners; o.Per10000 != nil || o.BenignDays != 0 {
		t.Errorf("%+v", o)
	}
}

func TestAttacksOutsideOfTheTrafficAreLeftOut(t *testing.T) {
	all := []Label{
		label(t, "before", "ana", "08:00", "09:00", ""), label(t, "into", "ana", "09:00", "10:00", ""),
		label(t, "out", "ana", "11:00", "13:00", ""), label(t, "after", "ana", "12:01", "13:00", ""),
	}
	r := NewJudge(all, Options{}).Report(Traffic{Accounts: 1, From: at(t, "09:30"), To: at(t, "12:00")})
	if len(r.Scenarios) != 2 || r.Scenarios[0].Scenario != "into" || r.Scenarios[1].Scenario != "out" || r.Attacks.Attacks != 2 {
		t.Errorf("%+v", r.Scenarios)
	}
}

// TestReport is a whole report whose numbers can be checked by eye.
func TestReport(t *testing.T) {
	all := []Label{
		label(t, "story", "ana", "10:00", "10:20", "10:15"),
		label(t, "story", "ben", "11:00", "11:20", "11:15"),
		label(t, "story", "cem", "12:00", "12:20", ""),
		label(t, "sim-swap", "dan\x1b[31m|`", "13:00", "13:20", "13:05"),
		{Scenario: "sms-pumping", Accounts: []string{"p1", "p2"}, Campaign: true, From: at(t, "14:00"), To: at(t, "15:00")},
	}
	j := NewJudge(all, Options{Plan: func(a holdfast.Alert) []holdfast.Action {
		if a.Rule == "quiet" {
			return []holdfast.Action{{Kind: holdfast.NotifyTeam}}
		}
		return []holdfast.Action{{Kind: holdfast.NotifyOwner}, {Kind: holdfast.NotifyOwner}}
	}})
	grave := func(a *holdfast.Alert) *holdfast.Alert { a.Level = holdfast.High; return a }
	anyone := func(a *holdfast.Alert) *holdfast.Alert { a.Group = nil; return a }
	for _, a := range []*holdfast.Alert{
		alert(t, "burst", "ana", "10:05"),         // in time, after 5 minutes
		grave(alert(t, "voice", "ana", "10:10")),  // later
		grave(alert(t, "voice", "ben", "11:16")),  // too late, after 16 minutes
		alert(t, "burst", "eve", "11:00"),         // false
		grave(alert(t, "voice", "eve", "11:05")),  // false and grave: a needless message
		anyone(alert(t, "quiet", "p2", "14:30")),  // finds the campaign
		alert(t, "burst", "p1", "14:40"),          // belongs to the campaign, and does not find it
		anyone(alert(t, "quiet", "p1", "15:15")),  // in the grace
		anyone(alert(t, "quiet", "ana", "15:16")), // false
		grave(alert(t, "voice", "cem", "12:00")),  // in time, at once
		grave(alert(t, "voice", "cem", "12:35")),  // in the grace
		grave(alert(t, "voice", "cem", "12:36")),  // a minute after: a needless message
	} {
		j.Alert(a)
	}
	report := j.Report(Traffic{Accounts: 7, AccountDays: 11, From: at(t, "00:00"), To: at(t, "00:00").Add(2 * day)})
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.txt": func(b *bytes.Buffer) error { return report.WriteText(b) },
		"report.md":  func(b *bytes.Buffer) error { return report.WriteMarkdown(b) },
		"report.json": func(b *bytes.Buffer) error {
			e := json.NewEncoder(b)
			e.SetIndent("", " ")
			return e.Encode(report)
		},
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join("testdata", name), got.String())
	}
}

func TestSharesAreNeverRoundedUp(t *testing.T) {
	for want, of := range map[string][2]int{"100%": {7, 7}, "99.9%": {1999, 2000}, "0.0%": {0, 3}, "-": {0, 0}, "33.3%": {1, 3}} {
		if got := Percent(of[0], of[1]); got != want {
			t.Errorf("%v: %s, want %s", of, got, want)
		}
	}
}

func TestTimesForPeople(t *testing.T) {
	for s, want := range map[float64]string{0: "0s", 1.2345: "1.23s", 60: "1m", 150: "2m30s", 3600: "1h", 5400: "1h30m", 90061: "25h1m"} {
		if got := Took(s); got != want {
			t.Errorf("%v s: %s, want %s", s, got, want)
		}
	}
}
