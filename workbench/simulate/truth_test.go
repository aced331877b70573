package simulate_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/workbench/labels"
	"github.com/holdfastd/holdfast/workbench/simulate"
)

// issue is the simulation on which the default pack is measured.
func issue() simulate.Options {
	return simulate.Options{Accounts: 20_000, Days: 7, Seed: 1, Attacks: simulate.DefaultAttacks}
}

// attacked are the labels by account.
func attacked(all []labels.Label) map[string][]labels.Label {
	by := map[string][]labels.Label{}
	for _, l := range all {
		for _, account := range l.Accounts {
			by[account] = append(by[account], l)
		}
	}
	return by
}

func TestLabelsFitTheEvents(t *testing.T) {
	opts := issue()
	if testing.Short() {
		opts.Accounts = 4000
	}
	events, all := simulated(t, opts)
	by := attacked(all)
	type moment struct {
		account string
		at      holdfast.Instant
	}
	seen, sessions := map[moment]bool{}, map[moment]bool{}
	each(t, events, func(e *holdfast.Event) {
		if by[e.Account] == nil {
			return
		}
		at := moment{e.Account, e.Time}
		seen[at] = true
		if e.Session != "" && e.Device.Trusted != holdfast.Trusted {
			sessions[at] = true
		}
	})
	perScenario := map[string]int{}
	for i, l := range all {
		perScenario[l.Scenario]++
		among := func(events map[moment]bool, at holdfast.Instant) bool {
			return slices.ContainsFunc(l.Accounts, func(account string) bool { return events[moment{account, at}] })
		}
		switch {
		case !among(seen, l.From) || !among(seen, l.To):
			t.Errorf("%s of %v: no event at its first or last time", l.Scenario, l.From)
		case l.Session != 0 && !among(sessions, l.Session):
			t.Errorf("%s of %v: no session of a strange device at %v", l.Scenario, l.From, l.Session)
		case l.Session != 0 && (l.Session < l.From || l.Session > l.To):
			t.Errorf("%s of %v: its session is not part of it", l.Scenario, l.From)
		case !l.Campaign && len(l.Accounts) != 1, l.Campaign && len(l.Accounts) < 50:
			t.Errorf("%s of %v: %d accounts", l.Scenario, l.From, len(l.Accounts))
		case i > 0 && l.From < all[i-1].From:
			t.Errorf("%s of %v: the labels are not in order", l.Scenario, l.From)
		}
	}
	if testing.Short() {
		return
	}
	for _, scenario := range []string{"story", "burst", "voice-phishing", "code-brute-force", "sim-swap", "push-fatigue", "session-theft", "recovery-change"} {
		if perScenario[scenario] < 40 {
			t.Errorf("%d attacks of %s, want 40", perScenario[scenario], scenario)
		}
	}
	for _, scenario := range []string{"password-stuffing", "low-and-slow", "sms-pumping"} {
		if perScenario[scenario] < 3 {
			t.Errorf("%d campaigns of %s, want some", perScenario[scenario], scenario)
		}
	}
}

// TestNothingGivesAnAttackAway looks at each field by itself: every value that
// is not an identifier, and every shape of an identifier, is there in events that
// belong to no attack.
func TestNothingGivesAnAttackAway(t *testing.T) {
	events, all := simulated(t, issue())
	by := attacked(all)
	shape := func(id string) string {
		return strings.Map(func(c rune) rune {
			if c == '_' {
				return c
			}
			return '#'
		}, id)
	}
	honest, strange := map[string]int{}, map[string]int{}
	each(t, events, func(e *holdfast.Event) {
		into := honest
		for _, l := range by[e.Account] {
			if l.From <= e.Time && e.Time <= l.To {
				into = strange
			}
		}
		values := []string{
			"type " + e.Type, "channel " + e.Type + e.Channel, "purpose " + e.Type + e.Channel + e.Purpose,
			"platform " + e.Device.Platform, "name " + e.Device.Name, "agent " + e.Client.UserAgent,
			"country " + e.Client.Country, "asn " + strconv.FormatInt(e.Client.ASN, 10),
			"network " + e.Client.Country + strconv.FormatInt(e.Client.ASN, 10),
			"trusted " + strconv.Itoa(int(e.Device.Trusted)) + e.Type,
			"id " + shape(e.ID), "account " + shape(e.Account), "session " + shape(e.Session),
			"attempt " + shape(e.Attempt), "device " + shape(e.Device.ID),
			"has " + e.Type + fmt.Sprint(e.Session != "", e.Device.ID != "", e.Client.IP != "", e.Phone != "", e.Attempt != ""),
			"milliseconds " + strconv.Itoa(int(e.Time/1_000_000%10)),
		}
		if len(e.Phone) > 9 {
			values = append(values, "phone "+strconv.Itoa(len(e.Phone))+e.Phone[:4])
		}
		for _, a := range e.Attrs {
			values = append(values, "attr "+e.Type+" "+a.Name+" "+a.Value)
		}
		for _, v := range values {
			into[v]++
		}
	})
	for value, n := range strange {
		if honest[value] == 0 {
			t.Errorf("%q is in %d events of attacks and in no other", value, n)
		}
	}
}
