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

// underAttack reports of an event whether its account was under attack then.
func underAttack(all []labels.Label) func(*holdfast.Event) bool {
	spans := map[string][]labels.Span{}
	for _, l := range all {
		for i, account := range l.Accounts {
			span := labels.Span{From: l.From, To: l.To}
			if l.Campaign {
				span = l.Spans[i]
			}
			spans[account] = append(spans[account], span)
		}
	}
	return func(e *holdfast.Event) bool {
		return slices.ContainsFunc(spans[e.Account], func(s labels.Span) bool { return s.From <= e.Time && e.Time <= s.To })
	}
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
		for k, s := range l.Spans {
			if !seen[moment{l.Accounts[k], s.From}] || !seen[moment{l.Accounts[k], s.To}] {
				t.Errorf("%s of %v: no event at the first or last time of %s", l.Scenario, l.From, l.Accounts[k])
			}
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
		case l.Campaign && len(l.Spans) != len(l.Accounts), !l.Campaign && l.Spans != nil:
			t.Errorf("%s of %v: %d spans", l.Scenario, l.From, len(l.Spans))
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
// belong to no attack. What two attacked accounts alone have is left to chance.
func TestNothingGivesAnAttackAway(t *testing.T) {
	events, all := simulated(t, issue())
	shape := func(id string) string {
		return strings.Map(func(c rune) rune {
			if c == '_' {
				return c
			}
			return '#'
		}, id)
	}
	honest, strange, under := map[string]bool{}, map[string]map[string]bool{}, underAttack(all)
	each(t, events, func(e *holdfast.Event) {
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
			switch {
			case !under(e):
				honest[v] = true
			case strange[v] == nil:
				strange[v] = map[string]bool{e.Account: true}
			case len(strange[v]) < 3:
				strange[v][e.Account] = true
			}
		}
	})
	for value, accounts := range strange {
		if !honest[value] && len(accounts) > 2 {
			t.Errorf("%q is in events of attacks and in no other", value)
		}
	}
}
