package simulate_test

import (
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

// run is one attempt with codes, as the events tell it in the order of their times.
type run struct {
	asked     holdfast.Instant // last
	expired   holdfast.Instant // 0: it did not
	channel   string           // of the last request
	second    bool
	wrong     int
	over      bool // accepted, denied or expired
	attack    bool
	addresses map[string]bool
}

// runs are the attempts of the issue's simulation.
func runs(t *testing.T) map[string]*run {
	t.Helper()
	events, all := simulated(t, issue())
	under := underAttack(all)
	attempts := map[string]*run{}
	of := func(e *holdfast.Event) *run {
		r := attempts[e.Attempt]
		if r == nil {
			r = &run{addresses: map[string]bool{}}
			attempts[e.Attempt] = r
		}
		return r
	}
	// An event may arrive minutes late, so requests are looked at first.
	each(t, events, func(e *holdfast.Event) {
		if e.Type != holdfast.TypeCodeRequested {
			return
		}
		r := of(e)
		r.asked, r.channel = max(r.asked, e.Time), e.Channel
		r.second = e.Attr("factor") == "second"
		r.attack = r.attack || under(e)
		r.addresses[e.Client.IP] = true
	})
	each(t, events, func(e *holdfast.Event) {
		if e.Attempt == "" || e.Type == holdfast.TypeCodeRequested {
			return
		}
		r := attempts[e.Attempt]
		if r == nil || r.asked == 0 {
			t.Errorf("%s of attempt %s at %v: no code was asked for", e.Type, e.Attempt, e.Time)
			return
		}
		switch e.Type {
		case holdfast.TypeCodeExpired:
			r.expired, r.over = e.Time, true
		case holdfast.TypeCodeRejected:
			r.wrong++
			r.over = r.over || e.Channel == "push"
		case holdfast.TypeCodeAccepted:
			r.over = true
		}
		if e.Client.IP != "" {
			r.addresses[e.Client.IP] = true
		}
	})
	return attempts
}

func TestAnAttemptBeginsWithARequestAndComesToAnEnd(t *testing.T) {
	end := issue().Days
	first := holdfast.Instant(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).UnixNano())
	for id, r := range runs(t) {
		if last := first.Add(time.Duration(end)*24*time.Hour - 10*time.Minute); !r.over && r.asked < last {
			t.Errorf("attempt %s, last asked for at %v, neither succeeds nor ends (attack: %v)", id, r.asked, r.attack)
		}
	}
}

func TestACodeExpiresAFixedTimeAfterItWasLastAskedFor(t *testing.T) {
	n := map[bool]int{}
	for id, r := range runs(t) {
		if r.expired == 0 {
			continue
		}
		n[r.attack]++
		want := 10 * time.Minute
		if r.channel == "push" {
			want = time.Minute
		}
		if got := r.expired.Sub(r.asked); got != want {
			t.Errorf("attempt %s expires after %v, want %v (attack: %v)", id, got, want, r.attack)
		}
	}
	if n[false] < 100 || n[true] < 100 {
		t.Errorf("%d of owners and %d of attackers expire, want many of both", n[false], n[true])
	}
}

func TestOwnersDoWhatAttackersDo(t *testing.T) {
	moved, failed := map[bool]int{}, map[bool]int{}
	for _, r := range runs(t) {
		if len(r.addresses) > 1 {
			moved[r.attack]++
		}
		if r.second && r.wrong > 0 && r.channel != "push" {
			failed[r.attack]++
		}
	}
	for what, n := range map[string]map[bool]int{
		"attempts from several addresses":                 moved,
		"a right password and then a wrong second factor": failed,
	} {
		t.Logf("%s: %d of owners, %d of attackers", what, n[false], n[true])
		if n[false] < 20 || n[true] < 10 {
			t.Errorf("%s: %d of owners, %d of attackers, want some of both", what, n[false], n[true])
		}
	}
}
