package labels

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	all := []Label{
		label(t, "story", "ana", "10:00", "10:20", "10:15"),
		{Scenario: "sms-pumping", Accounts: []string{"a", "b"}, Campaign: true, From: at(t, "14:00"), To: at(t, "14:00")},
		{
			Scenario: "low-and-slow", Accounts: []string{"a", "b"}, Campaign: true, From: at(t, "14:00"), To: at(t, "15:00"),
			Spans: []Span{{at(t, "14:00"), at(t, "14:30")}, {at(t, "15:00"), at(t, "15:00")}},
		},
	}
	var text bytes.Buffer
	for i := range all {
		if err := Write(&text, &all[i]); err != nil {
			t.Fatal(err)
		}
		text.WriteString("\n") // an empty line means nothing
	}
	got, err := Read(&text)
	if diff := cmp.Diff(all, got); err != nil || diff != "" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
}

func TestMistakesInLabelsNameTheirLine(t *testing.T) {
	const times = `"from":"2026-11-24T10:00:00Z","to":"2026-11-24T11:00:00Z"`
	for line, want := range map[string]string{
		`no label`:                                                                                  "line 2: invalid character",
		`{"accounts":["a"],` + times + `}`:                                                          "line 2: the label has no scenario",
		`{"scenario":"s",` + times + `}`:                                                            "line 2: the label names no accounts",
		`{"scenario":"s","accounts":[""],` + times + `}`:                                            "line 2: the label names an account that is empty",
		`{"scenario":"s","accounts":["a","b"],` + times + `}`:                                       "line 2: a label of several accounts is a campaign",
		`{"scenario":"s","accounts":["a"],"from":"2026-11-24T10:00:00Z"}`:                           "line 2: the attack ends before it begins",
		`{"scenario":"s","accounts":["a"],"session":"2026-11-24T09:00:00Z",` + times + `}`:          "line 2: the attacker's session begins before the attack",
		`{"scenario":"s","accounts":["a"],` + times + `,"spans":[{` + times + `},{` + times + `}]}`: "line 2: the label has spans for 2 of 1 accounts",
		`{"scenario":"s","accounts":["a"],` + times + `,"spans":[{"from":"2026-11-24T10:00:00Z","to":"2026-11-24T12:00:00Z"}]}`: "line 2: span 1 does not lie within the attack",
		`{"scenario":"s","accounts":["a"],"from":"yesterday"}`:                                                                  "line 2: not an RFC 3339 time",
	} {
		_, err := Read(strings.NewReader("\n" + line + "\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "reading labels: "+want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"scenario":"s","accounts":["a"],"from":"2026-11-24T10:00:00Z","to":"2026-11-24T11:00:00Z"}`))
	f.Add([]byte("\n{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		for i := range all {
			if err := Write(&again, &all[i]); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Read(&again)
		if diff := cmp.Diff(all, got); err != nil || diff != "" {
			t.Errorf("%v (-read +written and read):\n%s", err, diff)
		}
	})
}
