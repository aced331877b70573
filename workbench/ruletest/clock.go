package ruletest

import (
	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules/expression"
)

// clock writes a time as tests are written: as a duration from the start, such as
// "4m". In a test whose times are all absolute it is an RFC 3339 time.
func (t *Test) clock(at holdfast.Instant) string {
	if t.absolute {
		return at.String()
	}
	return expression.FormatDuration(at.Sub(t.Start))
}
