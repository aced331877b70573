package respond_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/respond"
)

func TestPlan(t *testing.T) {
	end := holdfast.Action{Kind: holdfast.TerminateSessions, Scope: respond.Suspects, Wipe: true}
	keep := end
	keep.Wipe = false
	terminate := holdfast.TerminateSessions
	for _, test := range []struct {
		name   string
		change func(*holdfast.Alert)
		want   []holdfast.Action
	}{
		{"now", func(*holdfast.Alert) {}, []holdfast.Action{end}},
		{"scope left out", responses(holdfast.Response{Kind: terminate, When: holdfast.Now}), []holdfast.Action{keep}},
		{"no suspects", func(a *holdfast.Alert) { a.Sessions.Suspect = nil }, nil},
		{"all suspects protected", func(a *holdfast.Alert) { a.Sessions.Protected = a.Sessions.Suspect }, nil},
		{"on trial", func(a *holdfast.Alert) { a.Status = holdfast.Test }, nil},
		{"all others", responses(holdfast.Response{Kind: terminate, Scope: respond.AllOthers, When: holdfast.Now}), nil},
		{"when the owner denies", responses(holdfast.Response{Kind: terminate, Scope: respond.Suspects, When: holdfast.OwnerDenies}), nil},
		{"when a team approves", responses(holdfast.Response{Kind: terminate, Scope: respond.Suspects, When: holdfast.TeamApproves}), nil},
		{"no moment", responses(holdfast.Response{Kind: terminate, Scope: respond.Suspects}), nil},
		{"hold codes", responses(holdfast.Response{Kind: holdfast.HoldCodes, For: time.Hour}), nil},
		{"nothing", responses(), nil},
	} {
		if diff := cmp.Diff(test.want, respond.Plan(with(takeover(), test.change))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestUnsupportedResponsesAreNamed(t *testing.T) {
	got := respond.Unsupported([]holdfast.Response{
		{Kind: holdfast.NotifyOwner},
		{Kind: holdfast.TerminateSessions, Scope: respond.Suspects, When: holdfast.Now},
		{Kind: holdfast.TerminateSessions, Scope: respond.Suspects, When: holdfast.OwnerDenies},
		{Kind: holdfast.TerminateSessions, Scope: respond.AllOthers, When: holdfast.Now},
		{Kind: holdfast.HoldCodes},
		{Kind: holdfast.NotifyTeam},
	})
	want := []string{
		"terminate_sessions with when: owner_denies is not carried out yet: no session is ended",
		"terminate_sessions with scope: all_others is not carried out yet: no session is ended",
		"hold_codes is not carried out yet: codes go out as before",
		"notify_team is not carried out yet: no team is told",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
