package detector_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

const attack = `
- {id: attack, title: T, level: high, group_by: account, match: type == "code.rejected" && !device.trusted, count: 2, timespan: 10m, suppress: 1h}
- {id: takeover, title: T, level: critical, group_by: account, timespan: 3h,
   sequence: [{match: type == "alert" && rule == "attack"}, {match: type == "session.started" && !device.trusted}]}
`

func login(session, device string, trust holdfast.Trust) holdfast.Event {
	return holdfast.Event{Type: "session.started", Session: session, Device: holdfast.Device{ID: device, Trusted: trust}}
}

// split lists the sessions of the last alert.
func (r *run) split() string {
	r.Helper()
	if len(r.out.Alerts) == 0 {
		r.Fatal("nothing fired")
	}
	s := r.out.Alerts[len(r.out.Alerts)-1].Sessions
	name := func(all []holdfast.Session) string {
		var ids []string
		for _, x := range all {
			ids = append(ids, x.ID)
		}
		return strings.Join(ids, " ")
	}
	return fmt.Sprintf("suspect %s; protected %s", name(s.Suspect), name(s.Protected))
}

func (r *run) wantSplit(want string) {
	r.Helper()
	if got := r.split(); got != want {
		r.Errorf("sessions are %q, want %q", got, want)
	}
}

func TestSuspectAndProtectedSessions(t *testing.T) {
	const day, m = 24 * time.Hour, time.Minute
	wrong := on("evil", "code.rejected")
	t.Run("the attacker's session is suspect, the owner's trusted one protected", func(t *testing.T) {
		newRun(t, attack).at(0, login("own", "phone", holdfast.Trusted)).
			at(m, wrong).at(2*m, wrong).at(3*m, login("bad", "evil", holdfast.Untrusted)).
			wantSplit("suspect bad; protected own")
	})
	t.Run("a device known for a day is protected though nobody calls it trusted", func(t *testing.T) {
		newRun(t, attack).at(0, login("own", "phone", holdfast.TrustUnstated)).
			at(day+m, wrong).at(day+2*m, wrong).at(day+3*m, login("bad", "evil", holdfast.TrustUnstated)).
			wantSplit("suspect bad; protected own")
	})
	t.Run("a device of yesterday evening is neither", func(t *testing.T) {
		newRun(t, attack).at(0, login("new", "tablet", holdfast.Untrusted)).
			at(10*time.Hour, wrong).at(10*time.Hour+m, wrong).
			wantSplit("suspect ; protected ")
	})
	t.Run("a session from before the attack is suspect if the attack came from its device", func(t *testing.T) {
		newRun(t, attack).at(0, login("old", "evil", holdfast.Untrusted)).
			at(10*time.Hour, wrong).at(10*time.Hour+m, wrong).
			wantSplit("suspect old; protected ")
	})
	t.Run("whoever uses the name of the owner's device does not take its protection away", func(t *testing.T) {
		spoofed := holdfast.Event{Type: "code.rejected", Device: holdfast.Device{ID: "phone", Trusted: holdfast.Untrusted}, Session: "own"}
		newRun(t, attack).at(0, login("own", "phone", holdfast.Trusted)).at(m, spoofed).at(2*m, spoofed).
			wantSplit("suspect ; protected own")
	})
	t.Run("trust that is claimed during the attack comes too late", func(t *testing.T) {
		newRun(t, attack).at(0, wrong).at(m, wrong).at(2*m, login("bad", "evil", holdfast.Untrusted)).
			at(3*m, login("worse", "evil", holdfast.Trusted)).at(4*m, login("third", "evil2", holdfast.Untrusted)).
			wantSplit("suspect bad; protected ")
	})
	t.Run("the attack begins with the first evidence of the alerts it is built on", func(t *testing.T) {
		r := newRun(t, attack).at(0, wrong).at(m, login("early", "evil3", holdfast.Untrusted)).at(2*m, wrong).
			at(3*m, login("bad", "evil", holdfast.Untrusted))
		r.wantSplit("suspect early bad; protected ")
		if a := r.out.Alerts[len(r.out.Alerts)-1]; a.Rule != "takeover" || a.First != start {
			t.Errorf("%s begins at %v, want the first wrong code", a.Rule, a.First)
		}
	})
	t.Run("an ended session is in no list", func(t *testing.T) {
		newRun(t, attack).at(0, wrong).at(m, wrong).at(2*m, login("gone", "evil", holdfast.Untrusted)).
			at(3*m, holdfast.Event{Type: "session.ended", Session: "gone"}).
			at(70*m, wrong).at(71*m, wrong).wantSplit("suspect ; protected ")
	})
	t.Run("the sessions of other accounts are nobody's business", func(t *testing.T) {
		other := login("other", "evil", holdfast.Untrusted)
		other.Account = "bob"
		newRun(t, attack).at(0, other).at(1, wrong).at(2, wrong).wantSplit("suspect ; protected ")
	})
}

func TestADeviceDoesNotBecomeKnownByWaitingOutAnAttack(t *testing.T) {
	const day, m = 24 * time.Hour, time.Minute
	wrong := on("evil", "code.rejected")
	known := `
- {id: known, title: T, level: low, group_by: account, match: type == "x.ask" && device.known}
- {id: young, title: T, level: low, group_by: account, match: type == "x.ask" && device.age > duration("0s") && device.age <= duration("1h")}
`
	ask := func(r *run, after time.Duration, device string) string {
		before := len(r.out.Alerts)
		r.at(after, on(device, "x.ask"))
		return strings.Join(r.alerts()[before:], ",")
	}
	r := newRun(t, attack+known).
		at(0, login("own", "phone", holdfast.TrustUnstated)).
		at(2*day, login("tablet", "tablet", holdfast.TrustUnstated)).
		at(2*day+m, wrong).at(2*day+2*m, wrong).
		at(2*day+3*m, login("bad", "evil", holdfast.TrustUnstated))
	if got := ask(r, 2*day+4*m, "phone"); !strings.HasPrefix(got, "known@") {
		t.Errorf("the owner's phone is known before and during the attack, not %q", got)
	}
	if got := ask(r, 2*day+4*m, "evil"); !strings.HasPrefix(got, "young@") {
		t.Errorf("the attacker's device is young, not %q", got)
	}
	for _, device := range []string{"evil", "tablet"} {
		if got := ask(r, 9*day, device); got != "" {
			t.Errorf("%s was new when the alert was open and waited: %q", device, got)
		}
	}
	if got := ask(r, 9*day, "stranger"); got != "" {
		t.Errorf("a device that never logged in has no age: %q", got)
	}
}

func TestAnAttackerCantPushTheOwnersPhoneOut(t *testing.T) {
	const day, m = 24 * time.Hour, time.Minute
	r := newRun(t, attack).at(0, login("own", "phone", holdfast.Trusted)).at(0, login("pad", "tablet", holdfast.TrustUnstated))
	wrong := on("evil", "code.rejected")
	for i := range 200 {
		name := fmt.Sprintf("evil%d", i)
		r.at(2*day+time.Duration(i)*time.Second, login("s-"+name, name, holdfast.Untrusted))
	}
	r.at(2*day+10*m, wrong).at(2*day+11*m, wrong)
	if got := r.split(); !strings.HasSuffix(got, "protected own pad") {
		t.Errorf("sessions are %q", got)
	}
}

func TestProfilesAreForgottenAfterNinetyDays(t *testing.T) {
	const day = 24 * time.Hour
	r := newRun(t, attack+`
- {id: known, title: T, level: low, group_by: account, match: type == "x.ask" && device.known}
`).at(0, login("own", "phone", holdfast.TrustUnstated)).
		at(89*day, login("own", "phone", holdfast.TrustUnstated)).
		at(120*day, holdfast.Event{Type: "x.tick", Account: "bob"}).
		at(120*day, on("phone", "x.ask"))
	r.want("known@3[3]")
	r.at(200*day, holdfast.Event{Type: "x.tick", Account: "bob"}).at(200*day, on("phone", "x.ask")).want("known@3[3]")
}

func TestAnAttackIsRememberedOfAnAccountThatWasNeverSeen(t *testing.T) {
	const day, m = 24 * time.Hour, time.Minute
	wrong := on("other", "code.rejected")
	r := newRun(t, attack).at(0, wrong).at(m, wrong).at(3*m, login("bad", "evil", holdfast.TrustUnstated)).
		at(2*day, wrong).at(2*day+m, wrong)
	r.wantSplit("suspect ; protected ")

	later := newRun(t, attack).at(0, wrong).at(m, wrong).at(4*time.Hour, login("own", "phone", holdfast.TrustUnstated)).
		at(3*day, wrong).at(3*day+m, wrong)
	later.wantSplit("suspect ; protected own")
}

func TestTrustClaimedDuringAnAttackProtectsNothing(t *testing.T) {
	const m = time.Minute
	wrong := on("evil", "code.rejected")
	newRun(t, attack+`
- {id: late, title: T, level: high, group_by: account, match: type == "x.late"}
- {id: again, title: T, level: high, group_by: account, timespan: 3h, sequence: [{match: type == "alert" && rule == "attack"}, {match: type == "alert" && rule == "late"}]}
`).at(0, wrong).at(m, wrong).at(2*m, login("bad", "evil", holdfast.Trusted)).at(4*m, event("x.late")).
		wantSplit("suspect bad; protected ")
}

func TestSuspectsBehindAlertsThatAnAlertIsBuiltOn(t *testing.T) {
	const m = time.Minute
	newRun(t, attack).at(0, login("old", "evil1", holdfast.Untrusted)).
		at(600*m, on("evil1", "code.rejected")).at(601*m, on("evil2", "code.rejected")).
		at(602*m, login("new", "evil3", holdfast.Untrusted)).
		wantSplit("suspect old new; protected ")
}

func TestTheStartOfASessionIsWithinLatenessOfTheFirstTrace(t *testing.T) {
	wrong := on("evil", "code.rejected")
	newRun(t, attack).at(time.Hour-6*time.Second, login("before", "a", holdfast.Untrusted)).
		at(time.Hour-5*time.Second, login("at", "b", holdfast.Untrusted)).
		at(time.Hour, wrong).at(time.Hour+1, wrong).
		wantSplit("suspect at; protected ")
}

func TestASessionOfTheEvidenceIsSuspectWhateverItsDevice(t *testing.T) {
	inside := holdfast.Event{Type: "code.rejected", Session: "stolen"}
	newRun(t, attack).at(0, login("stolen", "a", holdfast.Untrusted)).at(0, login("bystander", "a2", holdfast.Untrusted)).
		at(time.Hour, inside).at(time.Hour+1, inside).
		wantSplit("suspect stolen; protected ")
}

func TestASessionLearnsItsDeviceFromTheEventThatNamesIt(t *testing.T) {
	wrong := on("evil", "code.rejected")
	newRun(t, attack).at(0, holdfast.Event{Type: "login.succeeded", Session: "own"}).
		at(time.Second, login("own", "phone", holdfast.Trusted)).
		at(time.Minute, wrong).at(2*time.Minute, wrong).
		wantSplit("suspect ; protected own")
}

func TestADeviceIsForgottenAfterNinetyDaysWhateverElseTheAccountDoes(t *testing.T) {
	const day = 24 * time.Hour
	r := newRun(t, `
- {id: known, title: T, level: low, group_by: account, match: type == "x.ask" && device.known}
`).at(0, login("s0", "lost", holdfast.TrustUnstated))
	for i := range 20 {
		r.at(time.Duration(i+1)*10*day, login(fmt.Sprint("s", i+1), "tablet", holdfast.TrustUnstated))
	}
	r.at(201*day, on("lost", "x.ask")).want()
	r.at(201*day, on("tablet", "x.ask")).want("known@22[22]")
}
