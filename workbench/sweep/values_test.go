package sweep

import (
	"slices"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	for text, want := range map[string]string{
		"3": "3", "2..5": "2 3 4 5", "5..50/20": "5 25 45", "1,4..6, 9": "1 4 5 6 9", "2..4,3..5": "2 3 4 5", "7..7": "7",
		"5m,10m,1h30m": "5m 10m 1h30m", "2.5,3": "2.5 3", "-1": "-1", "0": "0",

		"":                `"" is neither a number, nor a duration, nor a range`,
		"2,,3":            `"" is neither`,
		"5..2":            `the range "5..2" ends before it begins`,
		"1..":             `"1.." is not a range of whole numbers`,
		"1..5/0":          `"1..5/0" is not a range`,
		"5m..10m":         `"5m..10m" is not a range of whole numbers such as 2..8 or 5..50/5; durations are listed: 5m,10m,30m`,
		"1..2..3":         `is not a range`,
		"1..201":          `the range "1..201" holds more than 200 values`,
		"1..150,200..3":   `ends before`,
		"1..150,200..300": `at most 200`,
		"3}, title: x":    `is neither`,
		"*a":              `is neither`,
		"3 # three":       `is neither`,
	} {
		s, err := ParseSetting("count", text)
		switch {
		case err != nil:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		case strings.Join(s.Values, " ") != want:
			t.Errorf("%s: %q, want %s", text, s.Values, want)
		}
	}
}

func TestWhichSettingsThereAre(t *testing.T) {
	for name, want := range map[string]bool{
		"count": true, "timespan": true, "suppress": true, "threshold": true, "distinct.client.ip": true, "step.1": true,
		"step.12": true, "surge.min": true, "surge.sigmas": true,
		"": false, "level": false, "count.1": false, "distinct": false, "distinct.": false, "step.0": false, "step.01": false, "step": false, "surge.bucket": false,
	} {
		if _, err := ParseSetting(name, "1"); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseSetting holds that what is accepted is bounded, without repetition, and
// nothing but a plain value wherever it is put into a file.
func FuzzParseSetting(f *testing.F) {
	for _, text := range []string{"2..8", "5m,10m", "1..9/3,2.5", "..", "5..2", "0..2147483647/2147483647", "18446744073709551615..1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSetting("count", text)
		if err != nil {
			return
		}
		if n := len(s.Values); n == 0 || n > MaxCombinations {
			t.Errorf("%d values", n)
		}
		if slices.Sort(s.Values); len(slices.Compact(slices.Clone(s.Values))) != len(s.Values) {
			t.Errorf("repeated: %q", s.Values)
		}
		for _, v := range s.Values {
			if strings.ContainsAny(v, " \n\t:,#{}[]&*!|>'\"%@`") || len(v) > 33 {
				t.Errorf("%q", v)
			}
		}
	})
}
