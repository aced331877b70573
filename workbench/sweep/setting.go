package sweep

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

const settingNames = "count, timespan, suppress, threshold, distinct.FIELD, step.N, surge.min and surge.sigmas"

// The parts of a name that has two: where the setting stands in the rule.
const (
	ofDistinct = "distinct"
	ofStep     = "step"
	ofSurge    = "surge"
)

func known(name string) bool {
	of, part, _ := strings.Cut(name, ".")
	switch of {
	case "count", "timespan", "suppress", "threshold":
		return name == of
	case ofDistinct:
		return part != ""
	case ofStep:
		n, err := strconv.Atoi(part)
		return err == nil && n > 0 && strconv.Itoa(n) == part
	case ofSurge:
		return part == "min" || part == "sigmas"
	}
	return false
}

// isDuration reports whether the setting's values are durations.
func isDuration(name string) bool { return name == "timespan" || name == "suppress" }

// read is the value that a rule has for a setting, durations in seconds, and
// whether the rule has the setting.
func read(r *rules.Rule, name string) (float64, bool) {
	of, part, _ := strings.Cut(name, ".")
	switch of {
	case "count":
		return float64(r.Count), r.Match != nil && r.Surge == nil
	case "timespan":
		return r.Timespan.Seconds(), r.Score == nil && r.Surge == nil
	case "suppress":
		return r.Suppress.Seconds(), true
	case "threshold":
		if r.Score != nil {
			return r.Score.Threshold, true
		}
	case ofDistinct:
		if i := slices.IndexFunc(r.Distinct, func(d rules.Distinct) bool { return d.Field.Name == part }); i >= 0 {
			return float64(r.Distinct[i].Count), true
		}
	case ofStep:
		if n, err := strconv.Atoi(part); err == nil && n >= 1 && n <= len(r.Sequence) {
			return float64(r.Sequence[n-1].Count), true
		}
	case ofSurge:
		switch {
		case r.Surge == nil:
		case part == "min":
			return float64(r.Surge.Min), true
		default:
			return r.Surge.Sigmas, true
		}
	}
	return 0, false
}

// written is a value as a rule's author would write it.
func written(name string, v float64) string {
	if isDuration(name) {
		return expression.FormatDuration(time.Duration(v * float64(time.Second)))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
