package holdfast_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/holdfastd/holdfast"
)

func TestInstantsKeepTheirNanoseconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-24T08:34:00Z":                "2026-11-24T08:34:00.000Z",
		"2026-11-24T08:34:00.123Z":            "2026-11-24T08:34:00.123Z",
		"2026-11-24T08:34:00.123456789Z":      "2026-11-24T08:34:00.123456789Z",
		"2026-11-24T09:34:00+01:00":           "2026-11-24T08:34:00.000Z",
		"1678-01-01T00:00:00Z":                "1678-01-01T00:00:00.000Z",
		"2261-12-31T23:59:59.999999999+00:00": "2261-12-31T23:59:59.999999999Z",
	} {
		got, err := holdfast.ParseInstant(text)
		if err != nil || got.String() != want {
			t.Errorf("%s is %v, %v, want %s", text, got, err, want)
		}
		var again holdfast.Instant
		if b, err := json.Marshal(got); err != nil || json.Unmarshal(b, &again) != nil || again != got {
			t.Errorf("%v reads back as %v", got, again)
		}
	}
	for _, text := range []string{"", "yesterday", "2026-11-24", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z"} {
		if got, err := holdfast.ParseInstant(text); err == nil {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
}

func TestInstantsStopAtTheEndsOfTheirRange(t *testing.T) {
	t.Parallel()
	const first, last, day = holdfast.Instant(math.MinInt64), holdfast.Instant(math.MaxInt64), 24 * time.Hour
	for _, tt := range []struct{ got, want holdfast.Instant }{
		{holdfast.Instant(5).Add(3), 8},
		{holdfast.Instant(5).Add(-8), -3},
		{last.Add(day), last},
		{first.Add(-day), first},
		{holdfast.Instant(last.Sub(first)), last},
		{holdfast.Instant(first.Sub(last)), first},
		{holdfast.Instant(holdfast.Instant(8).Sub(5)), 3},
	} {
		if tt.got != tt.want {
			t.Errorf("got %d, want %d", tt.got, tt.want)
		}
	}
}

func TestPhonePrefixIsTheNumberRange(t *testing.T) {
	t.Parallel()
	for phone, want := range map[string]string{
		"+4915110002744": "+491511000",
		"+155501":        "+15",
		"+12345":         "",
		"015110002744":   "",
		"+49 151 1000":   "",
		"":               "",
	} {
		e := holdfast.Event{Phone: phone}
		if got := e.PhonePrefix(); got != want {
			t.Errorf("%q has the prefix %q, want %q", phone, got, want)
		}
	}
}

func TestGroupsAreObjectsInTheirOwnOrder(t *testing.T) {
	t.Parallel()
	for _, g := range []holdfast.Group{
		{},
		{{Field: "device.id", Value: "d\"1"}, {Field: "account", Value: "ana"}},
	} {
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		var again holdfast.Group
		if err := json.Unmarshal(b, &again); err != nil || !slices.Equal(again, g) {
			t.Errorf("%s reads back as %v, %v", b, again, err)
		}
	}
	var g holdfast.Group
	for _, text := range []string{`[]`, `"x"`, `{"account": 1}`} {
		if err := json.Unmarshal([]byte(text), &g); err == nil {
			t.Errorf("%s is accepted as %v", text, g)
		}
	}
}

func TestLevelsAreOrderedAndNamed(t *testing.T) {
	t.Parallel()
	for i, name := range holdfast.Levels {
		l, err := holdfast.ParseLevel(name)
		if err != nil || int(l) != i+1 || l.String() != name {
			t.Errorf("%s is %d %q, %v", name, l, l, err)
		}
	}
	if l, err := holdfast.ParseLevel("grave"); err == nil {
		t.Errorf("grave is accepted as %v", l)
	}
	if holdfast.Critical <= holdfast.High || holdfast.High <= holdfast.Medium {
		t.Error("the graver level is not the greater one")
	}
}
