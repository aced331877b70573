package notify

import (
	"strings"
	"testing"
)

func TestSegments(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, test := range []struct {
		name, text string
		encoding   Encoding
		n          int
	}{
		{"empty", "", GSM7, 0},
		{"one character", "a", GSM7, 1},
		{"full", a(160), GSM7, 1},
		{"one too many", a(161), GSM7, 2},
		{"two full", a(306), GSM7, 2},
		{"three", a(307), GSM7, 3},
		{"umlauts are GSM-7", strings.Repeat("ä", 80) + strings.Repeat("ß", 80), GSM7, 1},
		{"capital Ç is, small ç is not", "Ç", GSM7, 1},
		{"small ç", "ç", UCS2, 1},
		{"euro takes two", a(158) + "€", GSM7, 1},
		{"euro does not fit", a(159) + "€", GSM7, 2},
		{"escape pair is not split", a(152) + "€" + a(152), GSM7, 3},
		{"typographic apostrophe", "Côte d’Ivoire", UCS2, 1},
		{"full UCS-2", strings.Repeat("ж", 70), UCS2, 1},
		{"too much UCS-2", strings.Repeat("ж", 71), UCS2, 2},
		{"two full UCS-2", strings.Repeat("ж", 134), UCS2, 2},
		{"emoji takes two units", strings.Repeat("😀", 35), UCS2, 1},
		{"emoji does not fit", strings.Repeat("😀", 36), UCS2, 2},
		{"surrogate pair is not split", strings.Repeat("😀", 67), UCS2, 3},
		{"tab is not GSM-7", "\t", UCS2, 1},
	} {
		if encoding, n := Segments(test.text); encoding != test.encoding || n != test.n {
			t.Errorf("%s: got %s, %d, not %s, %d", test.name, encoding, n, test.encoding, test.n)
		}
	}
}

func TestNamesLoseTheAccentsThatGSM7Lacks(t *testing.T) {
	for name, want := range map[string]string{
		"Côte d’Ivoire":       "Cote d'Ivoire",
		"São Tomé & Príncipe": "Sao Tomé & Principe",
		"Curaçao":             "Curacao",
		"Türkei":              "Türkei",
		"Åland":               "Åland",
	} {
		if got := plain(name); got != want {
			t.Errorf("%s became %s", name, got)
		}
	}
}
