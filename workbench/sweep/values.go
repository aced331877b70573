package sweep

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MaxCombinations is how many combinations of values a sweep tries at most: each
// takes an engine through all events.
const MaxCombinations = 200

// Setting is a setting of a rule, and the values that a sweep gives it, as they
// would be written in the rule's file.
type Setting struct {
	// Name is count, timespan, suppress, threshold (of a score), distinct.FIELD,
	// step.N (the count of the Nth step of a sequence, from 1), surge.min or
	// surge.sigmas.
	Name   string
	Values []string
}

// value is what may stand for a number or a duration. It holds nothing that means
// anything to YAML, so that a value can't become more than a value.
var value = regexp.MustCompile(`^-?[0-9A-Za-z][0-9A-Za-z.]{0,31}$`)

// ParseSetting reads the values of a setting: a list such as 5m,10m,30m, in which
// a..b stands for the whole numbers from a to b, and a..b/c for every cth of them.
// Whether a rule can have such a value is for the rule's checks to say.
func ParseSetting(name, text string) (Setting, error) {
	if !known(name) {
		return Setting{}, fmt.Errorf("there is no setting %q to sweep: there are %s", name, settingNames)
	}
	s := Setting{Name: name}
	for item := range strings.SplitSeq(text, ",") {
		values := []string{strings.TrimSpace(item)}
		if strings.Contains(item, "..") {
			var err error
			if values, err = expand(values[0]); err != nil {
				return Setting{}, fmt.Errorf("the values of %s: %w", name, err)
			}
		}
		for _, v := range values {
			if !value.MatchString(v) {
				return Setting{}, fmt.Errorf("the values of %s: %q is neither a number, nor a duration, nor a range such as 2..8", name, v)
			}
			if !slices.Contains(s.Values, v) {
				s.Values = append(s.Values, v)
			}
		}
		if len(s.Values) > MaxCombinations {
			return Setting{}, fmt.Errorf("the values of %s: at most %d", name, MaxCombinations)
		}
	}
	return s, nil
}

// expand lists the numbers of a range.
func expand(text string) ([]string, error) {
	bounds, every, stepped := strings.Cut(text, "/")
	first, last, _ := strings.Cut(bounds, "..")
	from, err := strconv.ParseUint(first, 10, 31)
	if err != nil {
		return nil, notARange(text)
	}
	to, err := strconv.ParseUint(last, 10, 31)
	if err != nil {
		return nil, notARange(text)
	}
	step := uint64(1)
	if stepped {
		if step, err = strconv.ParseUint(every, 10, 31); err != nil || step == 0 {
			return nil, notARange(text)
		}
	}
	switch {
	case to < from:
		return nil, fmt.Errorf("the range %q ends before it begins", text)
	case (to-from)/step >= MaxCombinations:
		return nil, fmt.Errorf("the range %q holds more than %d values; take every tenth with %s..%s/10", text, MaxCombinations, first, last)
	}
	var all []string
	for n := from; n <= to; n += step {
		all = append(all, strconv.FormatUint(n, 10))
	}
	return all, nil
}

func notARange(text string) error {
	return fmt.Errorf("%q is not a range of whole numbers such as 2..8 or 5..50/5; durations are listed: 5m,10m,30m", text)
}
