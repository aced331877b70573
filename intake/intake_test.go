package intake_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// full is DESIGN.md's example with every field there is.
const full = `{"id":"01JD","time":"2026-11-24T08:34:00.123Z","type":"code.requested","account":"u_1842",` +
	`"channel":"sms","purpose":"login","attempt":"a_77",` +
	`"session":{"id":"s_1"},` +
	`"device":{"id":"d_9","trusted":false,"platform":"ios","name":"iPhone"},` +
	`"client":{"ip":"203.0.113.7","country":"NG","asn":37282,"user_agent":"Safari","lat":6.5,"lon":3.4},` +
	`"phone":"+15550100","attrs":{"app_version":"9.1"}}`

func fullEvent() holdfast.Event {
	return holdfast.Event{
		ID: "01JD", Time: instant("2026-11-24T08:34:00.123Z"), Type: "code.requested", Account: "u_1842",
		Channel: "sms", Purpose: "login", Attempt: "a_77",
		Session: "s_1",
		Device:  holdfast.Device{ID: "d_9", Trusted: holdfast.Untrusted, Platform: "ios", Name: "iPhone"},
		Client:  holdfast.Client{IP: "203.0.113.7", Country: "NG", ASN: 37282, UserAgent: "Safari", Lat: 6.5, Lon: 3.4},
		Phone:   "+15550100", Attrs: []holdfast.Attr{{Name: "app_version", Value: "9.1"}},
	}
}

func instant(s string) holdfast.Instant {
	i, err := holdfast.ParseInstant(s)
	if err != nil {
		panic(err)
	}
	return i
}

// attrs makes attributes of names and values in turn.
func attrs(namesAndValues ...string) []holdfast.Attr {
	var list []holdfast.Attr
	for pair := range slices.Chunk(namesAndValues, 2) {
		list = append(list, holdfast.Attr{Name: pair[0], Value: pair[1]})
	}
	return list
}

// with is a valid event with further members.
func with(members string) string {
	return `{"time":"2026-11-24T08:34:00Z","type":"x.a","account":"ana",` + members + `}`
}

func decode(value string) (holdfast.Event, error) {
	var e holdfast.Event
	err := intake.NewDecoder(intake.Options{}).Decode([]byte(value), time.Time{}, &e)
	return e, err
}

func TestDecode(t *testing.T) {
	t.Parallel()
	base := holdfast.Event{Time: instant("2026-11-24T08:34:00Z"), Type: "x.a", Account: "ana"}
	but := func(change func(e *holdfast.Event)) holdfast.Event {
		e := base
		change(&e)
		return e
	}
	for _, c := range []struct {
		name, value string
		want        holdfast.Event
	}{
		{"every field", full, fullEvent()},
		{"the required ones alone", `{"time":"2026-11-24T08:34:00Z","type":"x.a","account":"ana"}`, base},
		{"white space around and between", " \t\r\n{ \"time\" : \"2026-11-24T08:34:00Z\",\n\"type\":\"x.a\",\"account\":\"ana\"}\n ", base},
		{"null is absent", with(`"id":null,"channel":null,"session":null,"device":null,"client":null,"phone":null,"attrs":null`), base},
		{
			"null is absent one level down",
			with(`"session":{"id":null},"device":{"id":null,"trusted":null},"client":{"ip":null,"asn":null,"lat":null},"attrs":{"a":null}`),
			base,
		},
		{"empty objects", with(`"session":{},"device":{},"client":{},"attrs":{}`), base},
		{"empty text is absent", with(`"id":"","phone":""`), base},
		{"unknown keys are ignored", with(`"more":{"a":[1,{"b":null}]},"client":{"city":"x"},"device":{"os":{}},"session":{"age":1}`), base},
		{"keys have a case", with(`"ID":"1","Channel":"sms","TYPE":"alert","Account":"eve"`), base},
		{"a dotted key is no path", with(`"client.ip":"203.0.113.7"`), base},
		{"unknown channels and purposes stay", with(`"channel":"pigeon","purpose":"fun"`), but(func(e *holdfast.Event) {
			e.Channel, e.Purpose = "pigeon", "fun"
		})},
		{"an unstated trust is not a false one", with(`"device":{"id":"d","trusted":true}`), but(func(e *holdfast.Event) {
			e.Device = holdfast.Device{ID: "d", Trusted: holdfast.Trusted}
		})},
		{"escapes in values", with(`"id":"\u0061\"\\\/\b\f\n\r\t\u0000\ud83d\ude00é"`), but(func(e *holdfast.Event) {
			e.ID = "a\"\\/\b\f\n\r\t\x00😀é"
		})},
		{"escapes in keys", with(`"\u0070hone":"+15550100"`), but(func(e *holdfast.Event) { e.Phone = "+15550100" })},
		{"a replacement character that was sent", with("\"id\":\"\uFFFD\\ufffd\""), but(func(e *holdfast.Event) { e.ID = "\uFFFD\uFFFD" })},
		{"attributes keep their order and JSON text", with(`"attrs":{"z":"s","n":1.50,"big":12345678901234567890,"e":-1E+5,"t":true,"f":false,"":""}`), but(func(e *holdfast.Event) {
			e.Attrs = attrs("z", "s", "n", "1.50", "big", "12345678901234567890", "e", "-1E+5", "t", "true", "f", "false", "", "")
		})},
		{"the ends of the ranges", with(`"client":{"asn":4294967295,"lat":-90,"lon":180.0}`), but(func(e *holdfast.Event) {
			e.Client = holdfast.Client{ASN: 4294967295, Lat: -90, Lon: 180}
		})},
		{"an exponent in an angle", with(`"client":{"lat":65e-1}`), but(func(e *holdfast.Event) { e.Client.Lat = 6.5 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecodeKnowsOneZero(t *testing.T) {
	t.Parallel()
	for _, zero := range []string{"0", "-0", "-0.0", "-1e-400"} {
		e, err := decode(with(`"client":{"lat":` + zero + `}`))
		if err != nil || e.Client.Lat != 0 || math.Signbit(e.Client.Lat) {
			t.Errorf("%s reads as %v, %v", zero, e.Client.Lat, err)
		}
	}
}

func TestDecodeTypes(t *testing.T) {
	t.Parallel()
	reserved := map[string]bool{holdfast.TypeAlert: true, holdfast.TypeOwnerDenied: true, holdfast.TypeOwnerConfirmed: true}
	for _, typ := range holdfast.EventTypes {
		value := strings.Replace(full, "code.requested", typ, 1)
		_, err := decode(value)
		if reserved[typ] {
			checkReason(t, err, intake.ReservedType, "type")
		} else if err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestDecodeReplacesWhatTheEventHeld(t *testing.T) {
	t.Parallel()
	d := intake.NewDecoder(intake.Options{})
	value := []byte(full)
	var first holdfast.Event
	if err := d.Decode(value, time.Time{}, &first); err != nil {
		t.Fatal(err)
	}
	second := first
	if err := d.Decode([]byte(with(`"attrs":{"b":"1"}`)), time.Time{}, &second); err != nil {
		t.Fatal(err)
	}
	clear(value)
	if diff := cmp.Diff(fullEvent(), first); diff != "" {
		t.Errorf("the first event changed with a later one or with its bytes; -want +got:\n%s", diff)
	}
	want := holdfast.Event{Time: instant("2026-11-24T08:34:00Z"), Type: "x.a", Account: "ana", Attrs: []holdfast.Attr{{Name: "b", Value: "1"}}}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := d.Decode([]byte(`{"id":"left behind"`), time.Time{}, &second); err == nil {
		t.Error("half an object was read")
	}
	if diff := cmp.Diff(holdfast.Event{}, second); diff != "" {
		t.Errorf("an error leaves the event zero; -want +got:\n%s", diff)
	}
}

func TestDecodeTimes(t *testing.T) {
	t.Parallel()
	for spelt, want := range map[string]string{
		"2026-11-24T08:34:00Z":                "2026-11-24T08:34:00Z",
		"2026-11-24T08:34:00.1Z":              "2026-11-24T08:34:00.1Z",
		"2026-11-24T08:34:00.123456789Z":      "2026-11-24T08:34:00.123456789Z",
		"2026-11-24T08:34:00.000000001+00:00": "2026-11-24T08:34:00.000000001Z",
		"2026-11-24T08:34:00-00:00":           "2026-11-24T08:34:00Z",
		"2026-11-24T08:34:00+05:30":           "2026-11-24T03:04:00Z",
		"2026-11-24T08:34:00-23:59":           "2026-11-25T08:33:00Z",
		"2024-02-29T23:59:59.999999999Z":      "2024-02-29T23:59:59.999999999Z",
		"1678-01-01T00:00:00Z":                "1678-01-01T00:00:00Z",
		"2261-12-31T23:59:59.999999999Z":      "2261-12-31T23:59:59.999999999Z",
		"2262-01-01T00:59:59+01:00":           "2261-12-31T23:59:59Z",
	} {
		e, err := decode(strings.Replace(full, "2026-11-24T08:34:00.123Z", spelt, 1))
		if err != nil {
			t.Errorf("%s: %v", spelt, err)
		} else if e.Time != instant(want) {
			t.Errorf("%s reads as %v, want %s", spelt, e.Time, want)
		}
	}
	for _, spelt := range []string{
		"2026-11-24", "2026-11-24T08:34Z", "2026-11-24T08:34:00", "1795509240", "now",
		"2026-11-24 08:34:00Z", "2026-11-24t08:34:00Z", "2026-11-24T08:34:00z",
		" 2026-11-24T08:34:00Z", "2026-11-24T08:34:00Z ", "2026-11-24T08:34:00ZZ",
		"2026-11-24T8:34:00Z", "2026-11-24T08:4:00Z", "2026-1-24T08:34:00Z", "26-11-24T08:34:00Z", "+2026-11-24T08:34:00Z", "12026-11-24T08:34:00Z",
		"2026-11-24T08:34:00,123Z", "2026-11-24T08:34:00.Z", "2026-11-24T08:34:00.+01:00", "2026-11-24T08:34:00.1234567890Z", "2026-11-24T08:34:00.0000000000Z",
		"2026-11-24T24:00:00Z", "2026-11-24T08:60:00Z", "2026-11-24T08:34:60Z", "2016-12-31T23:59:60Z",
		"2026-02-29T08:34:00Z", "2026-13-01T08:34:00Z", "2026-00-01T08:34:00Z", "2026-11-31T08:34:00Z", "2026-11-00T08:34:00Z",
		"2026-11-24T08:34:00+1:00", "2026-11-24T08:34:00+0100", "2026-11-24T08:34:00+01", "2026-11-24T08:34:00+24:00", "2026-11-24T08:34:00-24:00",
		"2026-11-24T08:34:00+01:60", "2026-11-24T08:34:00+01:00Z", "2026-11-24T08:34:00Z+01:00", "2026-11-24T08:34:00 +01:00", "2026-11-24T08:34:00\u221201:00",
		"２026-11-24T08:34:00Z",
		"1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "2261-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	} {
		_, err := decode(strings.Replace(full, "2026-11-24T08:34:00.123Z", spelt, 1))
		if !checkReason(t, err, intake.BadTime, "time") {
			t.Errorf("… for %q", spelt)
		}
	}
}

func TestDecodeHoldsEventsAgainstTheBrokersClock(t *testing.T) {
	t.Parallel()
	d := intake.NewDecoder(intake.Options{})
	at := instant("2026-11-24T08:34:00.123Z").Std()
	for _, c := range []struct {
		name   string
		broker time.Time
		want   intake.Reason
	}{
		{"long past", at.Add(1000 * time.Hour), ""},
		{"five minutes ahead", at.Add(-5 * time.Minute), ""},
		{"a nanosecond more", at.Add(-5*time.Minute - 1), intake.FutureTime},
		{"in another zone", at.Add(-5 * time.Minute).In(time.FixedZone("", 3600)), ""},
		{"no broker", time.Time{}, ""},
	} {
		var e holdfast.Event
		err := d.Decode([]byte(full), c.broker, &e)
		if c.want != "" {
			checkReason(t, err, c.want, "time")
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
