package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errDuration = errors.New("must be a duration such as 90s, 10m or 1d; the units are w, d, h, m, s, ms, us and ns")

// parseDuration reads what [time.ParseDuration] reads, with weeks and days of
// 24 hours in front: "1w2d", "1d12h", "1h30m". It is never negative.
func parseDuration(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	rest, sum := text, time.Duration(0)
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		before, after, ok := strings.Cut(rest, unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, errDuration
		}
		sum += time.Duration(n) * unit.length // 65,535 weeks would not fit, 15,250 do
		if sum < 0 || n > 15_000 {
			return 0, errDuration
		}
		if rest = after; rest == "" {
			return sum, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "+") || sum+d < 0 {
		return 0, errDuration
	}
	return sum + d, nil
}
