package simulate_test

import (
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/workbench/simulate"
)

// attempt is what the events say of one attempt with codes.
type attempt struct {
	requests, wrong     int
	voice, failed, over bool
	accepted            bool
}

// TestLifeIsThere looks, in a week without an attack, for what makes honest people
// look like attackers. Each is to happen, and to happen seldom.
func TestLifeIsThere(t *testing.T) {
	opts := simulate.Options{Accounts: 20_000, Days: 7, Seed: 1}
	events, _ := simulated(t, opts)
	attempts := map[string]*attempt{}
	owned := map[[2]string]bool{}          // account and device that logged in or resumed
	asked := map[[2]string]int{}           // account and device: codes asked for
	users := map[string]map[string]bool{}  // of a device
	behind := map[string]map[string]bool{} // of an address
	places := map[string]map[string]bool{} // countries of an account
	active := map[string]map[string]bool{} // sessions of an account
	moved := map[string]holdfast.Instant{} // sim.changed
	count := map[string]int{}
	add := func(sets map[string]map[string]bool, key, member string) int {
		if sets[key] == nil {
			sets[key] = map[string]bool{}
		}
		sets[key][member] = true
		return len(sets[key])
	}
	most := 0
	each(t, events, func(e *holdfast.Event) {
		key := [2]string{e.Account, e.Device.ID}
		a := attempts[e.Attempt]
		if a == nil {
			a = &attempt{}
			attempts[e.Attempt] = a
		}
		switch e.Type {
		case holdfast.TypeCodeRequested:
			a.requests++
			a.voice = a.voice || e.Channel == "voice"
			asked[key]++
			if e.Purpose == "signup" && a.requests == 1 {
				count["sign-ups"]++
			}
		case holdfast.TypeCodeDeliveryFailed:
			a.failed = true
		case holdfast.TypeCodeRejected:
			a.wrong++
			if e.Channel == "push" {
				count["pushes denied by accident"]++
			}
		case holdfast.TypeCodeAccepted:
			a.accepted = true
			if e.Purpose == "recovery" {
				count["passwords recovered"]++
			}
		case holdfast.TypeCodeExpired:
			a.over = true
		case holdfast.TypeSIMChanged:
			moved[e.Account] = e.Time
			count["SIMs changed"]++
		case holdfast.TypeSessionStarted:
			owned[key] = true
			most = max(most, add(active, e.Account, e.Session))
			if m, ok := moved[e.Account]; ok && e.Time.Sub(m) < 4*time.Hour && e.Device.Trusted == holdfast.Untrusted {
				count["new phones with a new SIM"]++
			}
		case holdfast.TypeSessionEnded:
			delete(active[e.Account], e.Session)
		case "x.session.seen":
			owned[key] = true
		case holdfast.TypeAccountChanged:
			if e.Attr("by") == "support" {
				count["changes by support"]++
			}
		}
		if e.Device.ID != "" {
			add(users, e.Device.ID, e.Account)
			add(behind, e.Client.IP, e.Account)
			add(places, e.Account, e.Client.Country)
		}
		if e.Device.Trusted == holdfast.TrustUnstated && e.Device.ID != "" {
			count["events without trust"]++
		}
	})
	delete(attempts, "")
	for _, a := range attempts {
		for what, is := range map[string]bool{
			"codes asked for again":         a.requests == 2 && a.accepted,
			"codes asked for thrice":        a.requests >= 3,
			"calls after a failed SMS":      a.failed && a.voice,
			"one wrong code, then right":    a.wrong == 1 && a.accepted,
			"two wrong codes, then right":   a.wrong == 2 && a.accepted,
			"three wrong codes, then right": a.wrong >= 3 && a.accepted,
			"given up":                      a.over && !a.accepted,
		} {
			if is {
				count[what]++
			}
		}
	}
	for key, n := range asked {
		if !owned[key] && n > 0 {
			count["codes asked for by strangers"]++
		}
		if !owned[key] && n >= 3 {
			count["three codes asked for by a stranger"]++
		}
	}
	for _, accounts := range users {
		if len(accounts) > 1 {
			count["shared devices"]++
		}
		if len(accounts) >= 15 {
			count["kiosks"]++
		}
	}
	for _, accounts := range behind {
		if len(accounts) >= 150 {
			count["addresses of a hundred and more"]++
		}
	}
	for _, countries := range places {
		if len(countries) > 1 {
			count["travelers and users of VPNs"]++
		}
	}
	for what, want := range map[string][2]int{
		"codes asked for again":               {100, 1000},
		"codes asked for thrice":              {5, 200},
		"calls after a failed SMS":            {3, 100},
		"one wrong code, then right":          {100, 1000},
		"two wrong codes, then right":         {15, 250},
		"three wrong codes, then right":       {1, 60},
		"given up":                            {100, 1500},
		"codes asked for by strangers":        {30, 800},
		"three codes asked for by a stranger": {1, 100},
		"sign-ups":                            {150, 600},
		"pushes denied by accident":           {1, 60},
		"passwords recovered":                 {150, 1500},
		"SIMs changed":                        {50, 400},
		"new phones with a new SIM":           {5, 80},
		"changes by support":                  {5, 200},
		"events without trust":                {10_000, 80_000},
		"shared devices":                      {50, 3000},
		"kiosks":                              {1, 30},
		"addresses of a hundred and more":     {30, 400},
		"travelers and users of VPNs":         {200, 3000},
	} {
		if n := count[what]; n < want[0] || n > want[1] {
			t.Errorf("%s: %d, want %d to %d", what, n, want[0], want[1])
		}
	}
	if most > 8 {
		t.Errorf("an account has %d sessions at a time, want few", most)
	}
	t.Logf("at most %d sessions; %v", most, count)
}
