package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s":         0,
		"0":          0,
		"90s":        90 * time.Second,
		"1.5h":       90 * time.Minute,
		"1d":         24 * time.Hour,
		"2w":         14 * 24 * time.Hour,
		"1w2d3h4m5s": (9*24+3)*time.Hour + 4*time.Minute + 5*time.Second,
		"15000w":     15000 * 7 * 24 * time.Hour,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "5", "s", "d", "w", "-1s", "+1s", "-1d", "1.5d", "1d1w", "1d1d", "1w-1h", "1d+1h", "1h1d", "1 d", "10 m",
		"15001w", "65536w", "15000w2562047h", "9223372037s", "1d 1h", "five",
	} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
}
