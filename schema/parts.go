package schema

import (
	"github.com/invopop/jsonschema"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// attribute is the pattern of the fields that are the service's own.
const attribute = `^attrs\..+`

func condition() *jsonschema.Schema {
	s := text(`A condition over the fields of an event: == != < <= > >= && || ! in, startsWith endsWith contains matches, + - *, `+
		`lower(…), duration("3h"), cidr(client.ip, "10.0.0.0/8"), list("name"). What an event does not say reads as "", 0 or false. `+
		`Quote it where it begins with ! or holds ": ".`,
		`type == "code.requested" && channel == "sms" && !device.trusted`)
	s.MaxLength = new(uint64(expression.MaxLength))
	return ofTypes(s, "string", "boolean") // match: true
}

func field() *jsonschema.Schema {
	s := &jsonschema.Schema{
		Description: "A field of the event or of the account's profile, or attrs.NAME.",
		AnyOf: []*jsonschema.Schema{
			{Type: "string", Enum: values(expression.FieldNames())},
			{Type: "string", Pattern: attribute},
		},
	}
	return saying(s, "errorMessage", "must be a field such as account, device.id or attrs.NAME")
}

func fields() *jsonschema.Schema {
	several := nonEmpty(list("", reference("field", "")))
	several.UniqueItems = true
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{reference("field", ""), several}}
}

func groupBy() *jsonschema.Schema {
	return &jsonschema.Schema{
		Description: "What is counted together: a field, a list of fields, or all for one group of everything. Events in which one is empty are not counted.",
		AnyOf:       []*jsonschema.Schema{reference("fields", ""), {Const: "all"}},
		Examples:    []any{"account", []any{"account", "attempt"}, "all"},
	}
}

// ruleDuration describes what the rule language reads as a duration. 0 may also
// stand without a unit.
func ruleDuration(zero bool) *jsonschema.Schema {
	const form = `^(?:[0-9]+[dw])*` + goDuration + `*$`
	s := pattern("Go's durations, and d for days of 24 hours and w for weeks: 90s, 10m, 1h30m, 7d, 2w.", form, durationForm)
	s.MinLength = new(uint64(1))
	if !zero {
		s.AllOf = []*jsonschema.Schema{longer()}
		return s
	}
	s.Pattern = `^(?:0|(?:[0-9]+[dw])*` + goDuration + `*)$`
	s.Minimum, s.Maximum = "0", "0"
	return ofTypes(s, "string", "integer")
}

func cancel() *jsonschema.Schema {
	return requiring(object("Takes counted events back when such an event comes.",
		property{"match", reference("condition", "What takes them back.", `type == "code.accepted"`)},
		property{"same", reference("fields", "Only those that have the same value in every one of these fields. Default: all of the group.", "device.id")},
	), "match")
}

func step() *jsonschema.Schema {
	return requiring(object("A step of a sequence.",
		property{"match", reference("condition", "Which event is this step.")},
		property{"count", withDefault(reference("count", "How many such events in a row, others between them allowed. Default: 1.", 2), 1)},
	), "match")
}

func without() *jsonschema.Schema {
	return requiring(object("The alert is held until the time is up, and dropped if such an event comes before.",
		property{"match", reference("condition", "What makes the alert needless.", `type == "code.accepted"`)},
		property{"same", reference("fields", "Only if it has the same value in every one of these fields as the event that completed the alert.", "attempt")},
		property{"for", reference("duration", "For how long the alert is held.", "10m")},
	), "match", "for")
}

func exception() *jsonschema.Schema {
	return requiring(object("Events that the rule does not see.",
		property{"name", text("What it is called. Unique in the rule.", "load-test")},
		property{"match", reference("condition", "Which events.", `account startsWith "lt_"`)},
		property{"until", pattern("The last day on which it holds, in UTC. Default: it holds for good.", `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, "a day such as 2027-01-31", "2027-01-31")},
		property{"owner", text("Who answers for it.", "qa")},
	), "name", "match")
}

func override() *jsonschema.Schema {
	s := requiring(object("Other numbers for the groups whose event matches.",
		property{"match", reference("condition", "For which events.", `account in list("vip")`)},
		property{"count", reference("count", "Instead of the rule's `count`.", 2)},
		property{"timespan", reference("duration", "Instead of the rule's `timespan`.", "30m")},
		property{"suppress", reference("duration_or_zero", "Instead of the rule's `suppress`.", "0s")},
		property{"threshold", positive("Instead of the score's `threshold`, in points.", 30)},
	), "match")
	s.MinProperties = new(uint64(2))
	return s
}

func score() *jsonschema.Schema {
	return requiring(object("A sum of points that halves with event time; fires at the threshold.",
		property{"threshold", positive("The points at which it fires.", 50)},
		property{"half_life", reference("duration", "How long it takes the sum to halve.", "30m")},
		property{"points", list("Every line that matches an event adds its points.", reference("line_of_points", ""))},
	), "threshold", "half_life", "points")
}

func points() *jsonschema.Schema {
	return requiring(object("Points for an event.",
		property{"match", reference("condition", "For which events.", `type == "code.rejected"`)},
		property{"add", positive("How many points.", 10)},
	), "match", "add")
}

func surge() *jsonschema.Schema {
	count := func(description string, example int) *jsonschema.Schema {
		return reference("count", description, example)
	}
	return requiring(object("Compares the events of each bucket of time with the group's own past.",
		property{"bucket", reference("duration", "The length of a bucket. Buckets are aligned to the epoch.", "5m")},
		property{"min", count("Events that a bucket must have at least to be a surge.", 50)},
		property{"sigmas", positive("How many standard deviations above the mean.", 6)},
		property{"warmup", count("Buckets that train the baseline before anything is a surge.", 12)},
		property{"half_life", reference("duration", "How long it takes a bucket's weight in the baseline to halve.", "1d")},
	), "bucket", "min", "sigmas", "warmup", "half_life")
}

func response() *jsonschema.Schema {
	s := object("One thing to do.",
		property{string(holdfast.NotifyOwner), text("Writes to the account's owner with this message template, in the owner's language.", "code_burst")},
		property{string(holdfast.NotifyTeam), text("Tells this receiver of the security team.", "oncall")},
		property{string(holdfast.HoldCodes), reference("hold_codes", "Asks the service to send no more codes for a while.")},
		property{string(holdfast.TerminateSessions), reference("terminate_sessions", "Ends sessions. Protected ones are never ended automatically.")},
	)
	s.MinProperties, s.MaxProperties = new(uint64(1)), new(uint64(1))
	return s
}

func holdCodes() *jsonschema.Schema {
	return requiring(object("Asks the service to send no more codes.",
		property{"for", reference("duration", "For how long.", "30m")},
	), "for")
}

func terminateSessions(language rules.Language) *jsonschema.Schema {
	const scope, when, all = "scope", "when", "all_others"
	s := object("Ends sessions of the account.",
		property{scope, withDefault(oneOf("suspects: those that the attack may have opened. all_others: every session but the owner's own; takes the owner's or the team's word. Default: suspects.", language.Scopes...), "suspects")},
		property{"wipe", withDefault(boolean("Asks the device to delete what it has downloaded. Default: false."), false)},
		property{when, withDefault(oneOf("now: at once. owner_denies: when the owner says it wasn't them. team_approves: when the team says so. Default: owner_denies.", language.Whens...), string(holdfast.OwnerDenies))},
	)
	s.If = with(scope, &jsonschema.Schema{Const: all})
	s.Then = &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	s.Then.Properties.Set(when, &jsonschema.Schema{Not: &jsonschema.Schema{Const: string(holdfast.Now)}})
	saying(s.Then, "errorMessage", "ending more than the suspect sessions takes the owner's or the team's word")
	return s
}
