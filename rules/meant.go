package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast/internal/diag"
)

// synonyms are what other systems call our keys, Sigma and Prometheus above all.
var synonyms = map[string]string{
	"name": "title", "severity": "level", "window": "timespan", "within": "timespan", "timeframe": "timespan",
	"condition": "match", "where": "match", "when": "match", "expr": "match", "steps": "sequence",
	"threshold": "count", "min_count": "count", "dedup": "suppress", "throttle": "suppress", "cooldown": "suppress",
	"actions": "respond", "response": "respond", "by": "group_by", "whitelist": "exceptions", "allowlist": "exceptions",
	"filter": "exceptions", "false_positives": "falsepositives", "references": "description",
}

// inside are keys that have their place within another.
var inside = map[string]string{
	"threshold": "score", "points": "score", "half_life": "score", "bucket": "surge", "sigmas": "surge", "warmup": "surge",
	"same": "cancel", "for": "without", "notify_owner": "respond", "notify_team": "respond", "hold_codes": "respond",
	"terminate_sessions": "respond",
}

// meantKey returns which of the known keys an unknown one was likely to be, or ""
// where that is not clear, and what to do about it.
func meantKey(name string, known []string) (key, hint string) {
	plain := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if key = diag.Nearest(name, known); key != "" {
		return key, "did you mean `" + key + "`?"
	}
	if key = synonyms[plain]; inside[plain] == "" && slices.Contains(known, key) {
		return key, "it is called `" + key + "` here"
	}
	if inner := diag.Nearest(plain, slices.Sorted(maps.Keys(inside))); inner != "" && slices.Contains(known, inside[inner]) {
		if hint = "`" + inner + "` has its place under `" + inside[inner] + "`"; synonyms[inner] != "" {
			hint += "; to count events, write `" + synonyms[inner] + "`"
		}
		return "", hint
	}
	if len(known) > fewKeys {
		return "", ""
	}
	return "", "known are " + strings.Join(known, ", ")
}

// fewKeys is how many keys a person reads through.
const fewKeys = 8
