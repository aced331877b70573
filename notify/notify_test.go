package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
)

func TestPlanFollowsTheLevel(t *testing.T) {
	inApp := holdfast.Action{Kind: holdfast.NotifyOwner, Channel: holdfast.InApp, Template: "takeover"}
	sms := holdfast.Action{Kind: holdfast.NotifyOwner, Channel: holdfast.SMS, Template: "takeover"}
	later := sms
	later.Delay, later.UnlessSeen = time.Minute, true
	for _, test := range []struct {
		name   string
		change func(*holdfast.Alert)
		want   []holdfast.Action
	}{
		{"informational", func(a *holdfast.Alert) { a.Level = holdfast.Informational }, []holdfast.Action{inApp}},
		{"low", func(a *holdfast.Alert) { a.Level = holdfast.Low }, []holdfast.Action{inApp}},
		{"medium", func(a *holdfast.Alert) { a.Level = holdfast.Medium }, []holdfast.Action{inApp}},
		{"high", func(a *holdfast.Alert) { a.Level = holdfast.High }, []holdfast.Action{inApp, later}},
		{"critical", func(*holdfast.Alert) {}, []holdfast.Action{inApp, sms}},
		{"on trial", func(a *holdfast.Alert) { a.Status = holdfast.Test }, nil},
		{"team only", func(a *holdfast.Alert) {
			a.Respond = []holdfast.Response{{Kind: holdfast.NotifyTeam, Team: "oncall"}}
		}, nil},
		{"nothing", func(a *holdfast.Alert) { a.Respond = nil }, nil},
	} {
		for _, ending := range []bool{false, true} {
			for i := range test.want {
				test.want[i].Ending = ending
			}
			got := Plan(with(takeover(), test.change), ending)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, ending is %v (-want +got):\n%s", test.name, ending, diff)
			}
		}
	}
}
