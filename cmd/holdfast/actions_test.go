package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfastd/holdfast"
)

func TestWhatFollowsFromAnAlert(t *testing.T) {
	alert := holdfast.Alert{
		ID: "a", Level: holdfast.Critical, Status: holdfast.Stable, Account: "ana",
		Sessions: holdfast.Sessions{Suspect: []holdfast.Session{{ID: "s"}}},
		Respond: []holdfast.Response{
			{Kind: holdfast.NotifyOwner, Template: "takeover"},
			{Kind: holdfast.TerminateSessions, Scope: "suspects", When: holdfast.Now},
		},
	}
	for ends, want := range map[bool]string{
		true:  "terminate_sessions false, notify_owner in_app true, notify_owner sms true",
		false: "notify_owner in_app false, notify_owner sms false",
	} {
		var got []string
		for _, a := range (planner{endsSessions: ends}).plan(alert) {
			got = append(got, strings.TrimSpace(fmt.Sprint(a.Kind, " ", a.Channel))+fmt.Sprint(" ", a.Ending))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("where sessions can be ended is %v: %s, want %s: a message speaks of an ending only if there is one", ends, text, want)
		}
	}
}
