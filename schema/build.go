package schema

import (
	"encoding/json"
	"strconv"

	"github.com/invopop/jsonschema"
)

// property is a key of a mapping and what may stand there.
type property struct {
	name   string
	schema *jsonschema.Schema
}

// object describes a mapping of these keys and no others.
func object(description string, properties ...property) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type: "object", Description: description,
		Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema,
	}
	for _, p := range properties {
		s.Properties.Set(p.name, p.schema)
	}
	return s
}

func requiring(s *jsonschema.Schema, keys ...string) *jsonschema.Schema {
	s.Required = keys
	return s
}

// text describes a text that is not blank.
func text(description string, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: description, Pattern: `\S`, Examples: examples}
}

// pattern describes a text of a form; form completes "must be …".
func pattern(description, re, form string, examples ...any) *jsonschema.Schema {
	return saying(&jsonschema.Schema{Type: "string", Description: description, Pattern: re, Examples: examples}, "patternErrorMessage", "must be "+form)
}

func oneOf(description string, words ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: description, Enum: values(words)}
}

func boolean(description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "boolean", Description: description}
}

// whole describes a whole number from least to most.
func whole(description string, least, most int) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "integer", Description: description,
		Minimum: json.Number(strconv.Itoa(least)), Maximum: json.Number(strconv.Itoa(most)),
	}
}

// positive describes a number greater than 0.
func positive(description string, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "number", Description: description, ExclusiveMinimum: "0", Examples: examples}
}

func list(description string, item *jsonschema.Schema, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Description: description, Items: item, Examples: examples}
}

// nonEmpty demands an item.
func nonEmpty(s *jsonschema.Schema) *jsonschema.Schema {
	s.MinItems = new(uint64(1))
	return s
}

func withDefault(s *jsonschema.Schema, value any) *jsonschema.Schema {
	s.Default = value
	return s
}

// reference stands for a definition, with a description of its own.
func reference(definition, description string, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Ref: "#/$defs/" + definition, Description: description, Examples: examples}
}

// saying sets a keyword that editors know and the standard does not, such as
// errorMessage: what is said instead of what a validator would say.
func saying(s *jsonschema.Schema, keyword string, value any) *jsonschema.Schema {
	if s.Extras == nil {
		s.Extras = map[string]any{}
	}
	s.Extras[keyword] = value
	return s
}

// ofTypes describes what is of one of several JSON types.
func ofTypes(s *jsonschema.Schema, types ...string) *jsonschema.Schema {
	s.Type = ""
	return saying(s, "type", types)
}

func values(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}

// goDuration is what time.ParseDuration reads that is not negative.
const goDuration = `(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))`

const durationForm = "a duration such as 90s, 10m, 1h30m, 7d or 2w"

// longer is the part of a duration that can't be 0.
func longer() *jsonschema.Schema {
	return saying(&jsonschema.Schema{Pattern: "[1-9]"}, "patternErrorMessage", "must be longer than 0, such as 10m")
}
