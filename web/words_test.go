package web

import (
	"strings"
	"testing"
	"time"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"ana":                    "ana",
		"Ана 安娜 🙂":               "Ана 安娜 🙂",
		"a\u202eb":               "a[U+202E]b",
		"a\u2066b\u2069":         "a[U+2066]b[U+2069]",
		"a\u200bb":               "a[U+200B]b",
		"a\nb":                   "a[U+000A]b",
		"a\x00b":                 "a[U+0000]b",
		"a\u2028b":               "a[U+2028]b",
		"broken \xff":            "broken [U+FFFD]",
		"<b>stays to be escaped": "<b>stays to be escaped",
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestProseKeepsWhatLanguagesNeed(t *testing.T) {
	for text, want := range map[string]string{
		"one\n\ntwo":                 "one\n\ntwo",
		"\u2068Lagos\u2069":          "\u2068Lagos\u2069",
		"می\u200cخواهد":              "می\u200cخواهد",
		"Sicher\u00adheits\u00adtip": "Sicher\u00adheits\u00adtip",
		"a\u202eb\x00":               "a[U+202E]b[U+0000]",
	} {
		if got := prose(text); got != want {
			t.Errorf("prose(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestShortCountsCharacters(t *testing.T) {
	if text := strings.Repeat("ä", 64); short(text) != text {
		t.Errorf("64 characters became %q", short(text))
	}
	if got, want := short(strings.Repeat("ä", 65)), strings.Repeat("ä", 63)+"…"; got != want {
		t.Errorf("65 characters became %q", got)
	}
}

func TestAfter(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                "+0s",
		1500*time.Millisecond + 1:        "+1.5s",
		90*time.Second + time.Nanosecond: "+1m30s",
		-2 * time.Second:                 "−2s",
	} {
		if got := after(d); got != want {
			t.Errorf("after(%s) = %q, want %q", d, got, want)
		}
	}
}
