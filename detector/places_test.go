package detector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

// TestProfileFields asks after some history whether a condition holds.
func TestProfileFields(t *testing.T) {
	const h, day = time.Hour, 24 * time.Hour
	from := func(country string, asn int64, lat, lon float64) holdfast.Event {
		return holdfast.Event{Type: "login.succeeded", Phone: "+4915550100", Client: holdfast.Client{Country: country, ASN: asn, Lat: lat, Lon: lon}}
	}
	berlin, lagos := from("DE", 3320, 52.52, 13.405), from("NG", 37282, 6.5244, 3.3792)
	ask := func(e holdfast.Event) holdfast.Event { e.Type = "x.ask"; return e }
	failed := ask(lagos)
	failed.Type = "login.failed"
	changed := holdfast.Event{Type: "account.changed", Phone: "+4915550199"}
	same := holdfast.Event{Type: "account.changed", Phone: "+4915550100"}
	type at struct {
		after time.Duration
		holdfast.Event
	}
	old := []at{{0, berlin}}
	for i := range 17 {
		old = append(old, at{91 * day, from(fmt.Sprint("C", i), 0, 0, 0)})
	}
	for _, tt := range []struct {
		name      string
		condition string
		events    []at // the last one asks
		want      bool
	}{
		{"a country of an accepted login", `country.known && country.age == duration("2h")`, []at{{0, berlin}, {2 * h, ask(berlin)}}, true},
		{"a country of a failed login", `country.known || country.age > duration("0s")`, []at{{0, failed}, {h, ask(lagos)}}, false},
		{"no country at all", `country.known`, []at{{0, from("", 0, 0, 0)}, {h, ask(from("", 0, 0, 0))}}, false},
		{"rules see the profile as it was before their event", `country.known && type == "login.succeeded"`, []at{{0, berlin}}, false},
		{"a network of an accepted login", `network.known`, []at{{0, berlin}, {h, ask(berlin)}}, true},
		{"another network", `network.known`, []at{{0, berlin}, {h, ask(lagos)}}, false},
		{"a SIM that never changed", `sim.age > duration("9w")`, []at{{0, berlin}, {h, ask(berlin)}}, true},
		{"of an account that never logged in, too", `sim.age > duration("9w") && phone.age > duration("9w")`, []at{{h, ask(berlin)}}, true},
		{"a SIM that changed", `sim.age == duration("3h")`, []at{{0, holdfast.Event{Type: "sim.changed"}}, {3 * h, ask(berlin)}}, true},
		{"a number that changed", `phone.age == duration("1h")`, []at{{0, berlin}, {h, changed}, {2 * h, ask(berlin)}}, true},
		{"a number that stayed", `phone.age > duration("9w")`, []at{{0, berlin}, {h, same}, {2 * h, ask(berlin)}}, true},
		{"a number that somebody asks a code for", `phone.age > duration("9w")`, []at{{0, berlin}, {h, holdfast.Event{Type: "code.requested", Phone: "+4915550199"}}, {2 * h, ask(berlin)}}, true},
		{"an account that nothing is known of", `profile.age == duration("0s")`, []at{{0, failed}, {h, ask(berlin)}}, true},
		{"an account that is at home somewhere", `profile.age == duration("2h")`, []at{{0, berlin}, {h, lagos}, {2 * h, ask(from("US", 0, 0, 0))}}, true},
		{"what was not seen for 90 days is not believed", `profile.age == duration("1h")`, []at{{0, berlin}, {91 * day, lagos}, {91*day + h, ask(berlin)}}, true},
		// Berlin and Lagos are about 5,200 km apart.
		{"a flight", `travel.kmh > 855 && travel.kmh < 880`, []at{{0, berlin}, {6 * h, ask(lagos)}}, true},
		{"faster than any airplane", `travel.kmh > 5000`, []at{{0, berlin}, {h, ask(lagos)}}, true},
		{"at the same moment", `travel.kmh > 300000 && travel.kmh < 320000`, []at{{0, berlin}, {0, ask(lagos)}}, true},
		{"an event that does not say where it was", `travel.kmh == 0`, []at{{0, berlin}, {h, ask(from("NG", 0, 0, 0))}}, true},
		{"from the last login that said where", `travel.kmh < 880`, []at{{0, berlin}, {h, from("DE", 0, 0, 0)}, {6 * h, ask(lagos)}}, true},
		{"a place not seen for 90 days, once others need the room", `country.known`, append(old, at{92 * day, ask(berlin)}), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRun(t, fmt.Sprintf("- {id: ask, title: T, level: low, group_by: account, match: '%s'}", tt.condition))
			for _, e := range tt.events[:len(tt.events)-1] {
				r.at(e.after, e.Event)
			}
			before := len(r.out.Alerts)
			last := tt.events[len(tt.events)-1]
			r.at(last.after, last.Event)
			if got := len(r.out.Alerts) > before; got != tt.want {
				t.Errorf("%s is %v, want %v", tt.condition, got, tt.want)
			}
		})
	}
}
