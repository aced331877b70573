package intake_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// checkReason fails the test unless err has the reason and names the field.
func checkReason(t *testing.T, err error, want intake.Reason, field string) bool {
	t.Helper()
	var e *intake.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s", err, want)
		return false
	}
	if e.Reason != want || e.Field != field {
		t.Errorf("got %q of field %q, want %s of %q", err, e.Field, want, field)
		return false
	}
	return true
}

func TestDecodeRejects(t *testing.T) {
	t.Parallel()
	required := `"time":"2026-11-24T08:34:00Z","type":"x.a","account":"ana"`
	for _, c := range []struct {
		name, value string
		want        intake.Reason
		field       string
	}{
		{"nothing", ``, intake.InvalidJSON, ""},
		{"white space", " \n", intake.InvalidJSON, ""},
		{"no JSON", `hello`, intake.InvalidJSON, ""},
		{"half an object", `{` + required, intake.InvalidJSON, ""},
		{"half a value", `{"time":"2026`, intake.InvalidJSON, "time"},
		{"a comma too many", `{` + required + `,}`, intake.InvalidJSON, ""},
		{"single quotes", `{'time':1}`, intake.InvalidJSON, ""},
		{"a comment", `{` + required + `/**/}`, intake.InvalidJSON, ""},
		{"a second value", `{` + required + `} {}`, intake.InvalidJSON, ""},
		{"the event twice", `{` + required + `}{` + required + `}`, intake.InvalidJSON, ""},
		{"a word behind", `{` + required + `} x`, intake.InvalidJSON, ""},
		{"a zero byte behind", `{` + required + "}\x00", intake.InvalidJSON, ""},
		{"a byte order mark", "\uFEFF{" + required + `}`, intake.InvalidJSON, ""},
		{"a bare control character", `{` + required + ",\"id\":\"a\nb\"}", intake.InvalidJSON, "id"},
		{"an unknown escape", with(`"id":"\x"`), intake.InvalidJSON, "id"},
		{"a half escape", with(`"id":"\u12"`), intake.InvalidJSON, "id"},
		{"a leading zero", with(`"client":{"asn":037282}`), intake.InvalidJSON, "client"},
		{"not a number", with(`"client":{"lat":NaN}`), intake.InvalidJSON, "client.lat"},
		{"too deep", with(`"more":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)), intake.InvalidJSON, ""},
		{"broken in what is unknown", with(`"more":{"a":tru}`), intake.InvalidJSON, ""},

		{"a stray byte", with("\"id\":\"a\xff\""), intake.InvalidUTF8, "id"},
		{"an overlong form", with("\"client\":{\"ip\":\"\xc0\xaf\"}"), intake.InvalidUTF8, "client.ip"},
		{"a surrogate in UTF-8", with("\"id\":\"\xed\xa0\x80\""), intake.InvalidUTF8, "id"},
		{"a stray byte in a key", with("\"i\xffd\":1"), intake.InvalidUTF8, ""},
		{"a stray byte in what is unknown", with("\"more\":[{\"a\":\"\xff\"}]"), intake.InvalidUTF8, ""},
		{"a stray byte in an attribute", with("\"attrs\":{\"a\":\"\xff\"}"), intake.InvalidUTF8, "attrs"},
		{"a stray byte outside of text", with("\"id\":\xff"), intake.InvalidUTF8, "id"},
		{"a high surrogate alone", with(`"id":"\ud83d"`), intake.InvalidUTF8, "id"},
		{"a high surrogate and a letter", with(`"id":"\ud83dabcdefgh"`), intake.InvalidUTF8, "id"},
		{"two high surrogates", with(`"id":"\ud83d\ud83d"`), intake.InvalidUTF8, "id"},
		{"a low surrogate alone", with(`"id":"\ude00"`), intake.InvalidUTF8, "id"},
		{"a pair the wrong way round", with(`"id":"\ude00\ud83d"`), intake.InvalidUTF8, "id"},
		{"a lone surrogate in a key", with(`"\ud83d":1`), intake.InvalidUTF8, ""},
		{"a lone surrogate in what is unknown", with(`"more":["\ud83d"]`), intake.InvalidUTF8, ""},

		{"a key twice", with(`"type":"x.b"`), intake.DuplicateKey, "type"},
		{"an unknown key twice", with(`"more":1,"more":1`), intake.DuplicateKey, ""},
		{"a key twice, once escaped", with(`"\u0061ccount":"eve"`), intake.DuplicateKey, "account"},
		{"a key twice, once null", with(`"id":"1","id":null`), intake.DuplicateKey, "id"},
		{"an object twice", with(`"client":{},"client":{}`), intake.DuplicateKey, "client"},
		{"a key twice one level down", with(`"client":{"ip":"a","ip":"b"}`), intake.DuplicateKey, "client.ip"},
		{"an unknown key twice one level down", with(`"device":{"os":1,"os":2}`), intake.DuplicateKey, "device"},
		{"an attribute twice", with(`"attrs":{"a":"1","\u0061":"2"}`), intake.DuplicateKey, "attrs"},
		{"a key twice deep in what is unknown", with(`"more":[{"a":{"b":1,"b":1}}]`), intake.DuplicateKey, ""},

		{"an array", `[]`, intake.WrongType, ""},
		{"null", `null`, intake.WrongType, ""},
		{"a string", `"{}"`, intake.WrongType, ""},
		{"a number for a time", `{"time":1795509240,"type":"x.a","account":"ana"}`, intake.WrongType, "time"},
		{"a number for text", with(`"id":1`), intake.WrongType, "id"},
		{"a boolean for text", with(`"phone":true`), intake.WrongType, "phone"},
		{"an object for text", with(`"client":{"ip":{}}`), intake.WrongType, "client.ip"},
		{"text for an object", with(`"session":"s_1"`), intake.WrongType, "session"},
		{"an array for an object", with(`"client":[]`), intake.WrongType, "client"},
		{"text for a boolean", with(`"device":{"trusted":"true"}`), intake.WrongType, "device.trusted"},
		{"a number for a boolean", with(`"device":{"trusted":1}`), intake.WrongType, "device.trusted"},
		{"text for a whole number", with(`"client":{"asn":"37282"}`), intake.WrongType, "client.asn"},
		{"a fraction for a whole number", with(`"client":{"asn":37282.0}`), intake.WrongType, "client.asn"},
		{"an exponent for a whole number", with(`"client":{"asn":1e3}`), intake.WrongType, "client.asn"},
		{"a network below 0", with(`"client":{"asn":-1}`), intake.WrongType, "client.asn"},
		{"a network beyond 32 bits", with(`"client":{"asn":4294967296}`), intake.WrongType, "client.asn"},
		{"text for an angle", with(`"client":{"lat":"6.5"}`), intake.WrongType, "client.lat"},
		{"beyond the pole", with(`"client":{"lat":90.1}`), intake.WrongType, "client.lat"},
		{"beyond the date line", with(`"client":{"lon":-180.1}`), intake.WrongType, "client.lon"},
		{"beyond all numbers", with(`"client":{"lon":1e999}`), intake.WrongType, "client.lon"},
		{"text for attributes", with(`"attrs":"a"`), intake.WrongType, "attrs"},
		{"an object in the attributes", with(`"attrs":{"a":{}}`), intake.WrongType, "attrs"},
		{"an array in the attributes", with(`"attrs":{"a":[]}`), intake.WrongType, "attrs"},

		{"no time", `{"type":"x.a","account":"ana"}`, intake.MissingField, "time"},
		{"no type", `{"time":"2026-11-24T08:34:00Z","account":"ana"}`, intake.MissingField, "type"},
		{"no account", `{"time":"2026-11-24T08:34:00Z","type":"x.a"}`, intake.MissingField, "account"},
		{"an empty time", `{"time":"","type":"x.a","account":"ana"}`, intake.MissingField, "time"},
		{"an empty type", `{"time":"2026-11-24T08:34:00Z","type":"","account":"ana"}`, intake.MissingField, "type"},
		{"an empty account", `{"time":"2026-11-24T08:34:00Z","type":"x.a","account":""}`, intake.MissingField, "account"},
		{"a null account", `{"time":"2026-11-24T08:34:00Z","type":"x.a","account":null}`, intake.MissingField, "account"},
		{"an account in another case", `{"time":"2026-11-24T08:34:00Z","type":"x.a","Account":"ana"}`, intake.MissingField, "account"},
		{"an empty object", `{}`, intake.MissingField, "time"},

		{"an unknown type", strings.Replace(full, "code.requested", "code.wanted", 1), intake.UnknownType, "type"},
		{"a type in another case", strings.Replace(full, "code.requested", "Code.Requested", 1), intake.UnknownType, "type"},
		{"a type with a space", strings.Replace(full, "code.requested", "code.requested ", 1), intake.UnknownType, "type"},
		{"an own type without a name", strings.Replace(full, "code.requested", "x.", 1), intake.UnknownType, "type"},
		{"the owner's word", strings.Replace(full, "code.requested", "owner.confirmed", 1), intake.ReservedType, "type"},
		{"the owner's word, escaped", strings.Replace(full, "code.requested", `\u006fwner.confirmed`, 1), intake.ReservedType, "type"},
		{"any word of the owner's", strings.Replace(full, "code.requested", "owner.x", 1), intake.ReservedType, "type"},
		{"an alert", strings.Replace(full, "code.requested", "alert", 1), intake.ReservedType, "type"},

		{"the first thing wrong counts", `{"id":1,"time":`, intake.WrongType, "id"},
		{"what only the whole can tell comes last", `{"time":"never","type":"","id":1}`, intake.WrongType, "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(c.value)
			checkReason(t, err, c.want, c.field)
		})
	}
}

func TestDecodeRejectsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	padded := func(size int) []byte { return []byte(full + strings.Repeat(" ", size-len(full))) }
	for _, c := range []struct{ option, limit int }{{0, 65536}, {-1, 65536}, {1000, 1000}} {
		d := intake.NewDecoder(intake.Options{MaxBytes: c.option})
		var e holdfast.Event
		if err := d.Decode(padded(c.limit), time.Time{}, &e); err != nil {
			t.Errorf("MaxBytes %d, %d bytes: %v", c.option, c.limit, err)
		}
		checkReason(t, d.Decode(padded(c.limit+1), time.Time{}, &e), intake.TooLarge, "")
	}
}

func TestErrorNamesTheFieldAndNoValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		with(`"client":{"asn":"secret"}`):                      "wrong_type: client.asn is not a whole number from 0 to 4294967295 (at byte 84)",
		with(`"attrs":{"secret":{}}`):                          "wrong_type: attrs is not flat (at byte 79)",
		with(`"secret":1,"secret":2`):                          "duplicate_key: the event holds a key twice (at byte 71)",
		with(`"client":{"ip":"secret","ip":"secret"}`):         "duplicate_key: client.ip is there twice (at byte 84)",
		with(`"attrs":{"secret":"` + "\xff" + `"}`):            "invalid_utf8: attrs is not UTF-8 (at byte 79)",
		with(`"id":"secret" secret`):                           "invalid_json: the event is not JSON (at byte 74)",
		`"secret"`:                                             "wrong_type: the event is not an object (at byte 8)",
		strings.Replace(full, "code.requested", "secret", 1):   `unknown_type: type is neither built in nor "x." and a name of your own`,
		strings.Replace(full, "2026-11-24T08", "secret", 1):    "bad_time: time is not RFC 3339 with at most nine fractional digits",
		`{"time":"2026-11-24T08:34:00Z","type":"x.secret"}`:    "missing_field: account is missing or empty",
		with(`"more":"secret"`) + `secret`:                     "invalid_json: the event is not JSON (at byte 76)",
		with(`"more":"secret"`) + `"secret"`:                   "invalid_json: the event is followed by something (at byte 84)",
		strings.Replace(full, "code.requested", "owner.se", 1): "reserved_type: type is one that only Holdfast makes",
	} {
		_, err := decode(value)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", value, err, want)
		}
	}
}

func TestReasonsAreAllThereAre(t *testing.T) {
	t.Parallel()
	sorted := slices.Clone(intake.Reasons)
	slices.Sort(sorted)
	want := []intake.Reason{
		"bad_time", "duplicate_key", "future_time", "invalid_json", "invalid_utf8",
		"missing_field", "reserved_type", "too_large", "unknown_type", "wrong_type",
	}
	if !slices.Equal(sorted, want) {
		t.Errorf("got %v, want %v", sorted, want)
	}
}
