package intake_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// FuzzDecode holds the decoder against encoding/json, another reading of the
// same grammar, and against its own writer.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		full,
		with(`"client":{"asn":4294967295,"lat":-0.0,"lon":1e-400},"device":{"trusted":true}`),
		with(`"attrs":{"n":1.50,"t":true,"x":null,"":"😀\ud83d\ude00"}`),
		with(`"more":[[{"a":{"b":1,"b":1}}]]`),
		with(`"\u0061ccount":"eve"`),
		with(`"id":"\ud83d"`),
		with("\"id\":\"\xff\""),
		with(`"id":null,"session":null`) + " ",
		strings.Replace(full, "08:34:00.123Z", "08:34:00,123+24:00", 1),
		strings.Replace(full, "code.requested", "owner.denied", 1),
		`[]`, `{`, ``, `null`, `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	d := intake.NewDecoder(intake.Options{})
	unbounded := intake.NewDecoder(intake.Options{MaxBytes: 1 << 30}) // a number takes two bytes more as text
	f.Fuzz(func(t *testing.T, value []byte) {
		var e holdfast.Event
		err := d.Decode(value, time.Time{}, &e)
		if err != nil {
			checkRejected(t, value, err, e)
			return
		}
		if !utf8.Valid(value) || !json.Valid(value) {
			t.Fatal("accepted what is not JSON in UTF-8")
		}
		if e.Account == "" || e.Type == "" {
			t.Fatalf("accepted an event without account or type: %+v", e)
		}
		encoded := intake.Append(nil, &e)
		var back holdfast.Event
		if err := unbounded.Decode(encoded, time.Time{}, &back); err != nil {
			t.Fatalf("its own writing of it, %s: %v", encoded, err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatalf("read back; -want +got:\n%s", diff)
		}
	})
}

func checkRejected(t *testing.T, value []byte, err error, e holdfast.Event) {
	var reason *intake.Error
	if !errors.As(err, &reason) || !slices.Contains(intake.Reasons, reason.Reason) {
		t.Fatalf("an error without a reason: %v", err)
	}
	if !cmp.Equal(e, holdfast.Event{}) {
		t.Fatalf("an error and an event: %+v", e)
	}
	if reason.Reason == intake.InvalidJSON && json.Valid(value) {
		t.Fatalf("%v, but encoding/json takes it", err)
	}
	if reason.Offset < 0 || reason.Offset > int64(len(value)) {
		t.Fatalf("%v, beyond the value", err)
	}
}
