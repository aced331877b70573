package expression

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
)

// Doubt is a constant that a condition compares a field with and that is no
// value of the field.
type Doubt struct {
	Problem
	// Impossible says that no event has the value: the comparison is decided
	// before there is one. Without it, the value is unheard of, but let in.
	Impossible bool
}

// Doubts returns the doubtful constants of the condition.
func (p *Program) Doubts() []Doubt {
	var doubts []Doubt
	for _, c := range p.compared {
		if !p.SeesAlerts && (c.field == "rule" || c.field == "level") && len(doubts) > 0 && doubts[len(doubts)-1].Hint == askForAlerts {
			continue // once is enough
		}
		if message, hint, impossible := c.doubt(p.SeesAlerts); message != "" {
			doubts = append(doubts, Doubt{Problem{From: c.From, Message: message, Hint: hint}, impossible})
		}
	}
	return doubts
}

const askForAlerts = `add type == "alert" &&`

// comparison is a constant that a field is compared with.
type comparison struct {
	Mention
	field string
}

func (c *comparison) doubt(alerts bool) (message, hint string, impossible bool) {
	if !alerts && (c.field == "rule" || c.field == "level") && c.Name != "" {
		return "`" + c.field + "` is empty on every event but an alert, and this condition sees no alerts", askForAlerts, true
	}
	switch v := c.Name; c.field {
	case "type":
		if !isOwnType(v) && !slices.Contains(holdfast.EventTypes, v) {
			return "there is no event type `" + v + "`", suggestType(v), true
		}
	case "level":
		if v != "" && !slices.Contains(holdfast.Levels, v) {
			return "there is no level `" + v + "`", oneOf(v, holdfast.Levels), true
		}
	case "channel":
		if v != "" && !slices.Contains(holdfast.Channels, v) {
			return "`" + v + "` is not one of the known channels", oneOf(v, holdfast.Channels), false
		}
	case "purpose":
		if v != "" && !slices.Contains(holdfast.Purposes, v) {
			return "`" + v + "` is not one of the known purposes", oneOf(v, holdfast.Purposes), false
		}
	case "client.country":
		if v != "" && !isCountryCode(v) || v == "UK" {
			return "`" + v + "` is no country code", suggestCountry(v), false
		}
	}
	return "", "", false
}

// oneOf suggests what is near, or else names all there are.
func oneOf(written string, known []string) string {
	if near := diag.Suggest(written, known); near != "" {
		return near
	}
	return "there are " + strings.Join(known, ", ")
}

func suggestType(written string) string {
	if near := diag.Suggest(written, holdfast.EventTypes); near != "" {
		return near
	}
	for _, known := range holdfast.EventTypes { // code_requested, CODE-REQUESTED
		if strings.EqualFold(strings.NewReplacer("_", ".", "-", ".").Replace(written), strings.ReplaceAll(known, "_", ".")) {
			return "did you mean `" + known + "`?"
		}
	}
	return "a type of your own begins with " + holdfast.TypeOwnPrefix
}

func isCountryCode(v string) bool {
	return len(v) == 2 && 'A' <= v[0] && v[0] <= 'Z' && 'A' <= v[1] && v[1] <= 'Z'
}

func suggestCountry(written string) string {
	switch upper := strings.ToUpper(written); {
	case upper == "UK":
		return "did you mean `GB`?"
	case isCountryCode(upper):
		return "did you mean `" + upper + "`?"
	}
	return "countries are two capital letters of ISO 3166-1, such as DE"
}

// compared notes the constants that a field is compared with.
func (c *compiler) compared(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=", "in":
		field, constants := c.fieldAndConstants(n)
		for _, constant := range constants {
			c.program.compared = append(c.program.compared, comparison{constant, field})
		}
	}
}
