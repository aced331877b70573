package schema

import (
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// ruleFile describes a rule file.
func ruleFile() *jsonschema.Schema {
	language := rules.Describe()
	all := list("The rules of this file, applied in this order.", reference("rule", ""))
	all.MaxItems = new(uint64(language.MaxRules))
	s := requiring(object("Rules of Holdfast: what to notice among the events of an online service, and what is to follow.", property{"rules", all}), "rules")
	s.Title = "Holdfast rules"
	s.Definitions = jsonschema.Definitions{
		"rule":               rule(language),
		"condition":          condition(),
		"field":              field(),
		"fields":             fields(),
		"duration":           ruleDuration(false),
		"duration_or_zero":   ruleDuration(true),
		"count":              whole("How many events, or different values, at least.", 1, language.MaxCount),
		"cancel":             cancel(),
		"step":               step(),
		"without":            without(),
		"exception":          exception(),
		"override":           override(),
		"score":              score(),
		"line_of_points":     points(),
		"surge":              surge(),
		"response":           response(),
		"hold_codes":         holdCodes(),
		"terminate_sessions": terminateSessions(language),
	}
	return s
}

func rule(language rules.Language) *jsonschema.Schema {
	id := pattern("The rule's name in alerts, metrics and other rules. Unique over all files. Changing it starts the rule anew.",
		language.IDPattern, "lower-case letters, digits and hyphens, and start with a letter", "code-burst")
	id.MaxLength = new(uint64(language.MaxID))
	s := requiring(object("One thing to notice. It has one of `match`, `sequence` and `score`.",
		property{"id", id},
		property{"title", text("What the rule has noticed, in a few words: it heads the alert.", "Burst of unsolicited verification codes")},
		property{"description", text("What the rule sees and why it matters, for those who read the alert.")},
		property{"level", oneOf("How grave an alert is: informational and low are for the record; medium writes to the owner's inbox; high also by SMS if the message stays unseen; critical by both at once.", holdfast.Levels...)},
		property{"status", withDefault(oneOf("stable: live. test: alerts are recorded and nothing follows from them. deprecated: checked, but off. Default: stable.", holdfast.Statuses...), string(holdfast.Stable))},
		property{"tags", list("What the rule is about, as Sigma tags rules: ATT&CK techniques and tactics.", text(""), []any{"attack.t1621", "attack.credential-access"})},
		property{"falsepositives", list("When the rule fires although nothing is wrong.", text(""), []any{"The owner asks again because SMS is slow."})},
		property{"group_by", groupBy()},
		property{"match", reference("condition", "Which events count.", `type == "code.requested" && !device.trusted`)},
		property{"count", reference("count", "Fires at this many events within the timespan. Default: 1 where there is no `distinct` either.", 3)},
		property{"distinct", distinct(language)},
		property{"timespan", reference("duration", "Within how much event time it all has to happen. May be left out where one event is enough.", "10m")},
		property{"cancel", reference("cancel", "Takes counted events back.")},
		property{"sequence", sequence(language)},
		property{"until", reference("condition", "Ends every unfinished sequence of the group. Beside `sequence` alone.", `type == "code.accepted" && device.trusted`)},
		property{"without", reference("without", "Holds the alert back, and drops it if this comes in time.")},
		property{"score", reference("score", "A sum of points that halves with time, and fires at a threshold.")},
		property{"surge", reference("surge", "Fires where there are far more events than the group's own past makes likely. Beside `match`.")},
		property{"suppress", reference("duration_or_zero", "For how long after an alert the group raises no other; what matches meanwhile is counted as an occurrence. 0s: not at all. Default: the timespan.", "1h")},
		property{"exceptions", list("Events that the rule does not see.", reference("exception", ""))},
		property{"overrides", list("Other numbers for some groups. The first that matches holds.", reference("override", ""))},
		property{"respond", list("What follows from an alert.", reference("response", ""))},
	), "id", "title", "level", "group_by")
	for _, key := range language.Operators {
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Required: []string{key}})
	}
	saying(s, "errorMessage", "a rule has one of `match`, `sequence` and `score`")
	s.DependentSchemas = exclusions(language)
	s.AllOf = []*jsonschema.Schema{manyNeedTimespan(), stepsNeedTimespan()}
	return s
}

// exclusions forbids beside an operator what means nothing there, each at the
// place of the key that is too much.
func exclusions(language rules.Language) map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	for operator, excluded := range language.Excluded {
		excluded = slices.Clone(excluded)
		if slices.Contains(language.Operators, operator) {
			for _, other := range language.Operators {
				if other != operator {
					excluded = append(excluded, other)
				}
			}
		}
		slices.Sort(excluded)
		s := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
		for _, key := range excluded {
			s.Properties.Set(key, jsonschema.FalseSchema)
		}
		all[operator] = saying(s, "errorMessage", "can't stand beside `"+operator+"`, and nor can: "+strings.Join(excluded, ", "))
	}
	return all
}

// manyNeedTimespan demands a timespan where several events or values are
// counted.
func manyNeedTimespan() *jsonschema.Schema {
	several := with("count", &jsonschema.Schema{Minimum: "2"})
	values := with("distinct", &jsonschema.Schema{Not: &jsonschema.Schema{AdditionalProperties: &jsonschema.Schema{Maximum: "1"}}})
	surge := &jsonschema.Schema{Required: []string{"surge"}}
	return &jsonschema.Schema{
		If:   &jsonschema.Schema{AnyOf: []*jsonschema.Schema{several, values}, Not: surge},
		Then: &jsonschema.Schema{Required: []string{"timespan"}},
	}
}

// stepsNeedTimespan demands one where a sequence is longer than one event.
func stepsNeedTimespan() *jsonschema.Schema {
	two := &jsonschema.Schema{MinItems: new(uint64(2))}
	repeated := &jsonschema.Schema{Contains: with("count", &jsonschema.Schema{Minimum: "2"})}
	return &jsonschema.Schema{
		If:   with("sequence", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{two, repeated}}),
		Then: &jsonschema.Schema{Required: []string{"timespan"}},
	}
}

// with describes a mapping that has the key, with such a value.
func with(key string, value *jsonschema.Schema) *jsonschema.Schema {
	s := &jsonschema.Schema{Properties: jsonschema.NewProperties(), Required: []string{key}}
	s.Properties.Set(key, value)
	return s
}

func sequence(language rules.Language) *jsonschema.Schema {
	s := nonEmpty(list("Steps that have to happen in this order within the timespan. Other events may come between.", reference("step", "")))
	s.MaxItems = new(uint64(language.MaxSteps))
	return s
}

// distinct describes a mapping of fields to counts. The fields are keys, so that
// editors complete them.
func distinct(language rules.Language) *jsonschema.Schema {
	s := object("Fires where each of these fields has at least so many different values among the events in the timespan. What is empty is no value.")
	for _, name := range expression.FieldNames() {
		s.Properties.Set(name, reference("count", ""))
	}
	s.PatternProperties = map[string]*jsonschema.Schema{attribute: reference("count", "")}
	s.MinProperties, s.MaxProperties = new(uint64(1)), new(uint64(language.MaxDistinct))
	s.Examples = []any{map[string]any{"account": 15}}
	return s
}
