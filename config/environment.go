package config

// Variable is an environment variable that [Load] asks for.
type Variable struct {
	Name string
	Key  string // the setting it overrides
	Doc  string
}

// Environment lists every variable that [Load] asks for. A variable that is set
// but empty counts as not set. A path in a variable is relative to the working
// directory.
var Environment = []Variable{
	{"HOLDFAST_KAFKA_BROKERS", "kafka.brokers", "addresses to start from, host:port, separated by commas"},
	{"HOLDFAST_KAFKA_TOPIC", "kafka.topic", "topic that holds the events"},
	{"HOLDFAST_KAFKA_GROUP", "kafka.group", "consumer group that the replicas share"},
	{"HOLDFAST_KAFKA_PASSWORD", "kafka.sasl.password", "password of the SASL user"},
	{"HOLDFAST_STORE_URL", "store.url", "sqlite:FILE, or postgres://USER:PASSWORD@HOST/DATABASE"},
	{"HOLDFAST_DIRECTORY_TOKEN", "directory.token", "bearer token for the contacts endpoint"},
	{"HOLDFAST_IN_APP_SECRET", "notify.in_app.secret", "key that signs in-app messages, whsec_…"},
	{"HOLDFAST_TWILIO_AUTH_TOKEN", "notify.sms.auth_token", "auth token of the Twilio account"},
	{"HOLDFAST_TWILIO_API_KEY_SECRET", "notify.sms.api_key_secret", "secret of the Twilio API key"},
	{"HOLDFAST_SESSIONS_SECRET", "respond.sessions.secret", "key that signs session commands, whsec_…"},
	{"HOLDFAST_WEB_LISTEN", "web.listen", "address of the web server, host:port"},
	{"HOLDFAST_WEB_TOKEN", "web.token", "bearer token by which the service reports that an owner has seen a message"},
	{"HOLDFAST_LOG_LEVEL", "log.level", "debug, info, warn or error"},
	{"HOLDFAST_LOG_FORMAT", "log.format", "auto, text or json"},
}

// variable returns the name of the variable for a setting, "" if it has none.
func variable(key string) string {
	for _, v := range Environment {
		if v.Key == key {
			return v.Name
		}
	}
	return ""
}
