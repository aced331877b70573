package demo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/demo"
)

// rounds splits the attackers' events by the device they come from.
func rounds(events []holdfast.Event) [][]holdfast.Event {
	index := map[string]int{}
	var split [][]holdfast.Event
	for _, e := range only(events, attackers) {
		i, known := index[e.Device.ID]
		if !known {
			i = len(split)
			index[e.Device.ID] = i
			split = append(split, nil)
		}
		split[i] = append(split[i], e)
	}
	return split
}

func TestStageTellsTheStoryEveryRound(t *testing.T) {
	t.Parallel()
	events := play(t, demo.StageOptions{Seed: 5, Accounts: 60}, 20*time.Minute, nil)
	// Without code.delivered, which the rules don't look at.
	want := strings.Join([]string{
		"code.requested sms", "code.requested sms", "code.rejected sms", "code.requested sms", "code.rejected sms",
		"code.requested voice", "code.rejected voice", "code.accepted voice", "session.started ", "x.chats.exported ", "session.ended ",
	}, "\n")
	attacked := map[string]bool{}
	all := rounds(events)
	if len(all) < 15 {
		t.Fatalf("%d attacks in 20 minutes", len(all))
	}
	for n, round := range all {
		account, first := round[0].Account, round[0].Time
		began := first.Sub(opening)
		if due := 3*time.Second + time.Duration(n)*75*time.Second; began != due {
			t.Errorf("attack %d begins after %v, want %v", n, began, due)
		}
		if attacked[account] {
			t.Errorf("%s is attacked again while the rules are still silent", account)
		}
		attacked[account] = true

		var told []string
		over := false
		for _, e := range round {
			if e.Account != account || e.Device.Trusted != holdfast.Untrusted || e.Client.Country != round[0].Client.Country {
				t.Errorf("attack %d changes its ways: %+v", n, e)
			}
			if e.Type == holdfast.TypeCodeDelivered {
				continue
			}
			told = append(told, e.Type+" "+e.Channel)
			if e.Type == holdfast.TypeSessionStarted {
				if took := e.Time.Sub(first); took > 50*time.Second || n == 0 && took > 25*time.Second {
					t.Errorf("attack %d takes %v", n, took)
				}
			}
			over = over || e.Type == holdfast.TypeSessionEnded
		}
		if got := strings.Join(told, "\n"); over && got != want || !strings.HasPrefix(want, got) {
			t.Errorf("attack %d; -want +got:\n%s", n, cmp.Diff(want, got))
		}
		checkVictim(t, events, round)
	}
	for n, account := range []string{"ana", "ben", "chloe", "deniz", "emil"} {
		if got := all[n][0].Account; got != account {
			t.Errorf("attack %d is on %s, want %s", n, got, account)
		}
	}
	if all[0][0].Client.Country == all[1][0].Client.Country {
		t.Error("the second attack comes from where the first did")
	}
}

// checkVictim checks that until the owner opens the app, all that happens on an
// attacked account is the attack.
func checkVictim(t *testing.T, events, round []holdfast.Event) {
	t.Helper()
	begin, last := round[0].Time, round[len(round)-1].Time
	own := only(events, func(e holdfast.Event) bool {
		return e.Account == round[0].Account && !attackers(e) && e.Time >= begin && e.Time < last
	})
	if round[len(round)-1].Type != holdfast.TypeSessionEnded {
		return // the play ended first
	}
	if len(own) == 0 {
		t.Errorf("the owner %s does not open the app", round[0].Account)
		return
	}
	if e := own[0]; e.Type != holdfast.TypeLoginSucceeded || e.Device.Trusted != holdfast.Trusted || e.Session == "" {
		t.Errorf("the owner first does something else: %+v", e)
	}
}

func TestStageTellsItsScenes(t *testing.T) {
	t.Parallel()
	var texts []string
	play(t, demo.StageOptions{Owner: "olga"}, time.Minute, func(_ *demo.Stage, scene demo.Scene, _ []holdfast.Event) {
		if scene.Account != "olga" || scene.Time.IsZero() {
			t.Errorf("got %+v", scene)
		}
		texts = append(texts, scene.Text)
	})
	want := []string{
		"somebody at an address in Nigeria asks for a login code by SMS for olga, who knows nothing of it",
		"a second SMS code for olga",
		"the attacker guesses: a wrong code",
		"a third SMS code for olga",
		"a wrong code again",
		"now a voice call is to read olga a code",
		"a third wrong code",
		"this time the code is right",
		"the attacker is in: a session of olga starts on a strange device in Nigeria",
		"olga opens the app, on the phone that has been theirs for weeks",
		"nobody stopped it: the attacker copies the chats of olga",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStageEndSession(t *testing.T) {
	t.Parallel()
	var texts []string
	events := play(t, demo.StageOptions{}, 74*time.Second, func(stage *demo.Stage, scene demo.Scene, played []holdfast.Event) {
		texts = append(texts, scene.Text)
		var orders []string // accounts whose session is to end
		switch {
		case strings.Contains(scene.Text, "opens the app"):
			orders = []string{"ben"} // whose it is not
		case strings.Contains(scene.Text, "nobody stopped it"):
			orders = []string{"ana", "ana"}
		}
		started := only(played, func(e holdfast.Event) bool { return attackers(e) && e.Type == holdfast.TypeSessionStarted })
		for _, account := range orders {
			if !stage.EndSession(account, started[0].Session) || !stage.EndSession(account, "no such session") {
				t.Error("the stage does not take the order")
			}
		}
	})
	attack := rounds(events)[0]
	if last := attack[len(attack)-1]; last.Type != "x.chats.exported" {
		t.Errorf("the session of the attacker ends by itself, or too soon: %+v", last)
	}
	ends := only(events, func(e holdfast.Event) bool {
		return e.Type == holdfast.TypeSessionEnded && e.Device.ID == attack[0].Device.ID
	})
	if len(ends) != 1 || ends[0].Account != "ana" || ends[0].Session != attack[len(attack)-1].Session {
		t.Errorf("got %+v, want one end of the attacker's session", ends)
	}
	if last := texts[len(texts)-1]; last != `the service ends the session on "Firefox on Linux"` {
		t.Errorf("told last: %s", last)
	}
}

func TestStagePace(t *testing.T) {
	t.Parallel()
	events := play(t, demo.StageOptions{Pace: 10}, 20*time.Second, nil)
	all := rounds(events)
	if len(all) != 3 {
		t.Fatalf("%d attacks", len(all))
	}
	if began := all[1][0].Time.Sub(opening); began != 7800*time.Millisecond {
		t.Errorf("the second attack begins after %v", began)
	}
}
