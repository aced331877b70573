package schema

import (
	"github.com/invopop/jsonschema"

	"github.com/holdfastd/holdfast/config"
)

// configuration describes the configuration file.
func configuration() *jsonschema.Schema {
	s := object("Holdfast's configuration. Paths are relative to the file's folder.",
		property{"kafka", kafka()},
		property{"rules", nonEmpty(list("Rule files, and folders of them. Default: the built-in rules.", text(""), []any{"rules/"}))},
		property{"lists", lists()},
		property{"engine", engine()},
		property{"store", store()},
		property{"max_action_age", withDefault(duration("An alert that is older than this when it is first stored is only recorded. At least 1s. Default: 10m.", true), "10m")},
		property{"directory", directory()},
		property{"service_name", serviceName()},
		property{"notify", notify()},
		property{"respond", object("How sessions are ended.",
			property{"sessions", webhook("The service's endpoint that ends sessions. Default: none, and no session is ended.", "https://accounts.internal/sessions/end")},
		)},
		property{"web", web()},
		property{"pprof", object("Where profiles are had.",
			property{"listen", withDefault(&jsonschema.Schema{Type: "string", Description: `A loopback address as host:port. Default: "", none.`, Examples: []any{"127.0.0.1:6060"}}, "")},
		)},
		property{"log", object("What is logged, and how.",
			property{"level", withDefault(oneOf("The least severe level that is logged. Default: info.", "debug", "info", "warn", "error"), "info")},
			property{"format", withDefault(oneOf("auto is text on a terminal and JSON otherwise. Default: auto.", config.LogAuto, config.LogText, config.LogJSON), config.LogAuto)},
		)},
	)
	s.Title = "Holdfast configuration"
	nameVariables(s, "")
	return s
}

// nameVariables adds to each setting's description the environment variable that
// overrides it, and lets sections be left blank, as those are whose settings are
// commented out.
func nameVariables(s *jsonschema.Schema, section string) {
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		name, setting := section+pair.Key, pair.Value
		if v := config.VariableOf(name); v != "" {
			setting.Description += " Or the environment variable " + v + "."
		}
		if setting.Properties != nil {
			nameVariables(setting, name+".")
			ofTypes(setting, "object", "null")
		}
	}
}

func kafka() *jsonschema.Schema {
	const topic = `^[a-zA-Z0-9._-]{1,249}$`
	const topicForm = "letters, digits, '.', '_' and '-', 249 at most"
	return object("Where the events are.",
		property{"brokers", nonEmpty(list("Addresses to start from, as host:port. Required here or in the environment, there separated by commas.",
			pattern("", `^.+:[0-9]+$`, "an address such as localhost:9092"), []any{"localhost:9092"}))},
		property{"topic", pattern("The topic that holds the events. Required here or in the environment.", topic, topicForm, "security-events")},
		property{"group", withDefault(text("The consumer group that replicas share. Default: holdfast."), "holdfast")},
		property{"dead_letter_topic", pattern("Where records go that can't be read as events. Default: the topic with .dead-letter appended.", topic, topicForm, "security-events.dead-letter")},
		property{"client_id", withDefault(text("What the brokers' logs and quotas call this client. Default: holdfast."), "holdfast")},
		property{"tls", object("How to speak TLS with the brokers.",
			property{"enabled", withDefault(boolean("Whether to. Default: false."), false)},
			property{"ca_file", path("The PEM certificates to trust. Default: the system's.", "tls/ca.pem")},
			property{"cert_file", path("This client's own certificate, in PEM, with `key_file`. Default: none.", "tls/client.pem")},
			property{"key_file", path("The key of `cert_file`, in PEM.", "tls/client.key")},
			property{"server_name", text("The name that the brokers' certificates are checked against. Default: the host of each address.", "kafka.internal")},
		)},
		property{"sasl", requiring(object("Who we are to the brokers. Default: nobody.",
			property{"mechanism", mechanism()},
			property{"username", text("The user's name.", "holdfast")},
			property{"password_file", path("A file that holds the password.", "secrets/kafka")},
		), "mechanism", "username")},
	)
}

// mechanism completes the small letters, and takes large ones too.
func mechanism() *jsonschema.Schema {
	return &jsonschema.Schema{
		Description: "How the user is proven.",
		AnyOf: []*jsonschema.Schema{
			oneOf("", "plain", "scram-sha-256", "scram-sha-512"),
			{Type: "string", Pattern: "^(?:[Pp][Ll][Aa][Ii][Nn]|[Ss][Cc][Rr][Aa][Mm]-[Ss][Hh][Aa]-(?:256|512))$"},
		},
	}
}

func lists() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:        "object",
		Description: `Named lists, for conditions such as client.ip in list("offices"): texts and address ranges, here or in a file, one a line.`,
		Properties:  jsonschema.NewProperties(),
		PatternProperties: map[string]*jsonschema.Schema{
			"^[a-z][a-z0-9_-]*$": {AnyOf: []*jsonschema.Schema{
				nonEmpty(list("", &jsonschema.Schema{Type: "string"})),
				path("", "lists/vip.txt"),
			}},
		},
		AdditionalProperties: jsonschema.FalseSchema,
		Examples:             []any{map[string]any{"offices": []any{"192.0.2.0/24"}}},
	}
}

func engine() *jsonschema.Schema {
	return object("How the detector reads time and how much it keeps.",
		property{"lateness", withDefault(duration("How far the watermark stays behind the newest event time of a partition. At least 1ms. Default: 5s.", true), "5s")},
		property{"max_lateness", withDefault(duration("How long windows are kept for events that come late. No shorter than `lateness`. Default: 15m.", true), "15m")},
		property{"idle_after", withDefault(duration("Without an event for so long, the clock moves a partition's watermark. At least 1s. Default: 30s.", true), "30s")},
		property{"trust_after", withDefault(duration("A device becomes known this long after its first accepted login. At least 1ms. Default: 24h.", true), "24h")},
		property{"max_entries", withDefault(whole("Events that one group of one rule remembers. Default: 10000.", 1, 1_000_000), 10_000)},
		property{"max_groups", withDefault(whole("Groups that one rule remembers in one partition. Default: 1000000.", 1000, 100_000_000), 1_000_000)},
		property{"snapshots", object("Where the state of the partitions is kept, so that a restart reads little of the topic again.",
			property{"directory", text("A folder that replicas share; it is made if it is missing. Default: holdfast-snapshots in the working directory.", "/var/lib/holdfast/holdfast-snapshots")},
			property{"interval", withDefault(duration("How long after one snapshot of a partition the next is begun. At least 1s. Default: 1m.", true), "1m")},
		)},
	)
}

func store() *jsonschema.Schema {
	return object("Where alerts and messages are kept.",
		property{"url", pattern("sqlite:FILE for one process, postgres://HOST/DATABASE for replicas. A URL with a password belongs into `url_file` or the environment. Default: sqlite:holdfast.db in the working directory.",
			`^(?:sqlite:|postgres(?:ql)?://)`, "sqlite:FILE or postgres://HOST/DATABASE", "sqlite:holdfast.db")},
		property{"url_file", path("A file that holds the URL, instead of `url`.", "secrets/store-url")},
	)
}

func directory() *jsonschema.Schema {
	s := object("Where owners' contacts come from: a file or the service's own endpoint. Required for SMS.",
		property{"file", path("A YAML file of contacts.", "contacts.yaml")},
		property{"url", pattern("The service's endpoint, with {account} in its path.", `^https?://[^/]+/.*\{account\}`, "an http or https URL with {account} in its path", "https://accounts.internal/contacts/{account}")},
		property{"token_file", path("A file that holds a bearer token for the endpoint. Default: none.", "secrets/directory")},
		property{"timeout", withDefault(duration("Of one request, 100ms to 10s. Default: 2s.", true), "2s")},
		property{"cache", withDefault(duration("How long an answer is used again; 0s asks every time. Default: 1m.", false), "1m")},
	)
	return s
}

func serviceName() *jsonschema.Schema {
	s := text("The service as its users know it, in the GSM-7 alphabet of SMS. Every SMS begins with it. Required for SMS.", "Example Messenger")
	s.MaxLength = new(uint64(20))
	return s
}

func notify() *jsonschema.Schema {
	return object("How owners are told. The built-in inbox has every message, whatever else is set.",
		property{"in_app", webhook("The service's own messaging backend. Requests are signed as Standard Webhooks says. Default: none.", "https://messages.internal/holdfast")},
		property{"sms", sms()},
		property{"max_per_day", withDefault(whole("Messages to one owner in 24 hours. Default: 10.", 1, 1000), 10)},
	)
}

func webhook(description, example string) *jsonschema.Schema {
	return requiring(object(description,
		property{"url", webURL("The endpoint, http or https.", example)},
		property{"secret_file", path("A file that holds the signing key: whsec_ and base64 of 24 to 64 bytes.", "secrets/signing-key")},
	), "url")
}

func sms() *jsonschema.Schema {
	sid := func(prefix, description string) *jsonschema.Schema {
		return pattern(description, "^"+prefix+"[0-9a-fA-F]{32}$", prefix+" and 32 hexadecimal digits")
	}
	const form = `^(?:\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 &+_-]{1,11})$`
	return requiring(object("Who sends text messages. Default: nobody.",
		property{"provider", oneOf("development shows messages in the built-in inbox alone. The other settings belong to twilio.", config.Twilio, config.Development)},
		property{"account_sid", sid("AC", "The Twilio account. Required for twilio.")},
		property{"auth_token_file", path("A file that holds the account's auth token. Required without an API key.", "secrets/twilio")},
		property{"api_key_sid", sid("SK", "The API key, instead of the auth token.")},
		property{"api_key_secret_file", path("A file that holds the API key's secret.", "secrets/twilio-key")},
		property{"from", pattern("The sender: a number in E.164 form, a short code, or a name of up to 11 characters. It, or `messaging_service_sid`.", form, "a number such as +15550100, a short code, or a name of up to 11 characters", "+15550100")},
		property{"messaging_service_sid", sid("MG", "The Twilio messaging service, instead of `from`.")},
		property{"base_url", webURL("Stands for Twilio's own address, for proxies and tests.", "https://twilio-proxy.internal")},
	), "provider")
}

func web() *jsonschema.Schema {
	return object("Where people and monitors find Holdfast.",
		property{"listen", withDefault(pattern("The address of the API, the metrics and the health endpoints, as host:port. Default: 127.0.0.1:9480.", `:[0-9]+$`, "an address such as 127.0.0.1:9480, or :9480 for all interfaces"), "127.0.0.1:9480")},
		property{"config_file", path("TLS and basic authentication, in the format of Prometheus's exporter toolkit. Default: none.", "web.yaml")},
		property{"console", withDefault(boolean("Serves the pages on which alerts and messages are read. Beyond this machine they need `config_file`. Default: false."), false)},
		property{"token_file", path("A file that holds the bearer token by which the service's backend reports that an owner has seen a message. Default: none.", "secrets/web")},
	)
}

func path(description, example string) *jsonschema.Schema { return text(description, example) }

func webURL(description, example string) *jsonschema.Schema {
	return pattern(description, `^https?://[^/]`, "an http or https URL", example)
}

// duration describes what the configuration reads as a duration: weeks, then
// days, then what Go reads.
func duration(description string, positive bool) *jsonschema.Schema {
	s := pattern(description, `^(?:0|(?:[0-9]+w)?(?:[0-9]+d)?`+goDuration+`*)$`, durationForm)
	s.MinLength = new(uint64(1))
	if positive {
		s.AllOf = []*jsonschema.Schema{longer()}
	}
	return s
}
