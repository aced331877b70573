package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEverySetting(t *testing.T) {
	got, err := Load("testdata/full.yaml", environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	const (
		plain = "testdata/secrets/plain"
		key   = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	)
	want := &Config{
		Kafka: Kafka{
			Brokers:         []string{"kafka-1:9093", "[2001:db8::1]:9093"},
			Topic:           "events",
			Group:           "watchers",
			DeadLetterTopic: "rejects",
			ClientID:        "holdfast-1",
			TLS:             TLS{Enabled: true, CAFile: plain, CertFile: plain, KeyFile: plain, ServerName: "kafka.internal"},
			SASL:            &SASL{Mechanism: "SCRAM-SHA-512", Username: "holdfast", Password: NewSecret("s3cret without a prefix")},
		},
		Rules:        []string{"testdata/full.yaml", "testdata/secrets"},
		Lists:        map[string][]string{"vip": {"ana", "bob"}, "networks": {"10.0.0.0/8", "2001:db8::/32"}},
		Engine:       Engine{Lateness: time.Millisecond, MaxLateness: (9*24 + 3) * time.Hour, IdleAfter: 7 * time.Second, TrustAfter: 72 * time.Hour, MaxEntries: 5, MaxGroups: 2000, Snapshots: Snapshots{Directory: "testdata/not-there-yet", Interval: 90 * time.Second}},
		Store:        Store{URL: NewSecret("postgres://holdfast:hunter2@db.internal/holdfast")},
		MaxActionAge: 90 * time.Minute,
		Directory: &Directory{
			URL:     "https://accounts.internal/contacts/{account}?full=1",
			Token:   NewSecret("a-token"),
			Timeout: 4 * time.Second,
		},
		ServiceName: "Messenger",
		Notify: Notify{
			InApp: &Webhook{URL: "https://messages.internal/in", Secret: NewSecret(key)},
			SMS: &SMS{
				Provider:     Twilio,
				AccountSID:   "AC0123456789abcdef0123456789abcdef",
				AuthToken:    NewSecret("a-token"),
				APIKeySID:    "SK0123456789abcdef0123456789abcdef",
				APIKeySecret: NewSecret("a-token"),
				From:         "+15550100",
				BaseURL:      "http://127.0.0.1:8080",
			},
			MaxPerDay: 3,
		},
		Respond: Respond{Sessions: &Webhook{URL: "http://accounts.internal/end", Secret: NewSecret(key)}},
		Web:     Web{Listen: ":9480", ConfigFile: "testdata/full.yaml", Console: true, Token: NewSecret("a-token")},
		Pprof:   Pprof{Listen: "localhost:6060"},
		Log:     Log{Level: slog.LevelDebug, Format: LogJSON},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	got, err := Load("testdata/minimal.yaml", environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Kafka: Kafka{
			Brokers:         []string{"localhost:9092"},
			Topic:           "events",
			Group:           "holdfast",
			DeadLetterTopic: "events.dead-letter",
			ClientID:        "holdfast",
		},
		Engine: Engine{
			Lateness:    5 * time.Second,
			MaxLateness: 15 * time.Minute,
			IdleAfter:   30 * time.Second,
			TrustAfter:  24 * time.Hour,
			MaxEntries:  10_000,
			MaxGroups:   1_000_000,
			Snapshots:   Snapshots{Directory: "holdfast-snapshots", Interval: time.Minute},
		},
		Store:        Store{URL: NewSecret("sqlite:holdfast.db")},
		MaxActionAge: 10 * time.Minute,
		Notify:       Notify{MaxPerDay: 10},
		Web:          Web{Listen: "127.0.0.1:9480"},
		Log:          Log{Format: LogAuto},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEnvironmentWins sets every variable over a file that has a value of its
// own for each, in secret files that are not there.
func TestEnvironmentWins(t *testing.T) {
	const key = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	path := written(t, `
kafka:
  brokers: [localhost:9092]
  topic: t
  sasl: {mechanism: plain, username: me, password_file: none}
store: {url_file: none}
directory: {url: "https://accounts.internal/{account}", token_file: none}
service_name: Service
notify:
  in_app: {url: "https://messages.internal", secret_file: none}
  sms:
    provider: twilio
    account_sid: AC0123456789abcdef0123456789abcdef
    auth_token_file: none
    api_key_sid: SK0123456789abcdef0123456789abcdef
    api_key_secret_file: none
    from: Service
respond:
  sessions: {url: "https://accounts.internal", secret_file: none}
web: {token_file: none}
`)
	env := map[string]string{
		"HOLDFAST_KAFKA_BROKERS":         "a:1, b:2",
		"HOLDFAST_KAFKA_TOPIC":           "topic",
		"HOLDFAST_KAFKA_GROUP":           "group",
		"HOLDFAST_KAFKA_PASSWORD":        "password",
		"HOLDFAST_STORE_URL":             "sqlite:relative.db",
		"HOLDFAST_DIRECTORY_TOKEN":       "token",
		"HOLDFAST_IN_APP_SECRET":         key,
		"HOLDFAST_TWILIO_AUTH_TOKEN":     "auth",
		"HOLDFAST_TWILIO_API_KEY_SECRET": "key",
		"HOLDFAST_SESSIONS_SECRET":       key,
		"HOLDFAST_WEB_LISTEN":            "127.0.0.1:1",
		"HOLDFAST_WEB_TOKEN":             "web",
		"HOLDFAST_LOG_LEVEL":             "error",
		"HOLDFAST_LOG_FORMAT":            "text",
	}
	c, err := Load(path, environment(env))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"HOLDFAST_KAFKA_BROKERS":         strings.Join(c.Kafka.Brokers, ", "),
		"HOLDFAST_KAFKA_TOPIC":           c.Kafka.Topic,
		"HOLDFAST_KAFKA_GROUP":           c.Kafka.Group,
		"HOLDFAST_KAFKA_PASSWORD":        c.Kafka.SASL.Password.Reveal(),
		"HOLDFAST_STORE_URL":             c.Store.URL.Reveal(),
		"HOLDFAST_DIRECTORY_TOKEN":       c.Directory.Token.Reveal(),
		"HOLDFAST_IN_APP_SECRET":         c.Notify.InApp.Secret.Reveal(),
		"HOLDFAST_TWILIO_AUTH_TOKEN":     c.Notify.SMS.AuthToken.Reveal(),
		"HOLDFAST_TWILIO_API_KEY_SECRET": c.Notify.SMS.APIKeySecret.Reveal(),
		"HOLDFAST_SESSIONS_SECRET":       c.Respond.Sessions.Secret.Reveal(),
		"HOLDFAST_WEB_LISTEN":            c.Web.Listen,
		"HOLDFAST_WEB_TOKEN":             c.Web.Token.Reveal(),
		"HOLDFAST_LOG_LEVEL":             strings.ToLower(c.Log.Level.String()),
		"HOLDFAST_LOG_FORMAT":            c.Log.Format,
	}
	if diff := cmp.Diff(env, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, v := range Environment {
		if _, ok := env[v.Name]; !ok {
			t.Errorf("%s is not tested", v.Name)
		}
	}
}

func TestEnvironmentIsChecked(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"HOLDFAST_KAFKA_BROKERS", "a:1,,b:2", "HOLDFAST_KAFKA_BROKERS: `kafka.brokers` must not be empty"},
		{"HOLDFAST_STORE_URL", "postgres://me:hunter2@h:x/d", "HOLDFAST_STORE_URL: `store.url` must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded"},
		{"HOLDFAST_WEB_LISTEN", "9480", "HOLDFAST_WEB_LISTEN: `web.listen` must be an address such as 127.0.0.1:9480, or :9480 for all interfaces"},
		{"HOLDFAST_LOG_LEVEL", "INFO", "HOLDFAST_LOG_LEVEL: `log.level` must be one of debug, info, warn, error; did you mean `info`?"},
	} {
		_, err := Load("testdata/minimal.yaml", environment(map[string]string{test.name: test.value}))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s=%s: got error %v, want %s", test.name, test.value, err, test.want)
		}
	}
}

func TestEmptyVariableIsUnset(t *testing.T) {
	env := map[string]string{"HOLDFAST_KAFKA_TOPIC": "", "HOLDFAST_STORE_URL": ""}
	c, err := Load("testdata/minimal.yaml", environment(env))
	if err != nil || c.Kafka.Topic != "events" || c.Store.URL.Reveal() != "sqlite:holdfast.db" {
		t.Errorf("got %+v, %v; want the file's topic and the default store", c, err)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := written(t, `
kafka: {brokers: [localhost:9092], topic: t}
store: {url: "sqlite:data/holdfast.db"}
rules: [config.yaml]
web: {config_file: ./config.yaml}
`)
	c, err := Load(path, environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(path)
	if got, want := c.Store.URL.Reveal(), "sqlite:"+filepath.Join(folder, "data/holdfast.db"); got != want {
		t.Errorf("store URL is %s, want %s", got, want)
	}
	if c.Rules[0] != path || c.Web.ConfigFile != path {
		t.Errorf("rules are %v and the web's file %s, want %s", c.Rules, c.Web.ConfigFile, path)
	}
}

func TestConsoleBehindAuthentication(t *testing.T) {
	for _, test := range []struct {
		web   string
		allow bool
	}{
		{"console: true", true},
		{"console: true, listen: 'localhost:1'", true},
		{"console: true, listen: '[::1]:1'", true},
		{"console: true, listen: '127.9.9.9:1'", true},
		{"console: true, listen: ':1'", false},
		{"console: true, listen: '0.0.0.0:1'", false},
		{"console: true, listen: '[::]:1'", false},
		{"console: true, listen: 'localhost.internal:1'", false},
		{"console: true, listen: ':1', config_file: config.yaml", true},
		{"console: false, listen: ':1'", true},
	} {
		path := written(t, "kafka: {brokers: [localhost:9092], topic: t}\nweb: {"+test.web+"}\n")
		if _, err := Load(path, environment(nil)); (err == nil) != test.allow {
			t.Errorf("web: {%s}: got error %v, want allowed = %v", test.web, err, test.allow)
		}
	}
}

func TestTokenOrUsers(t *testing.T) {
	for users, allow := range map[string]bool{
		"basic_auth_users: {ops: hash}": false,
		"basic_auth_users: {}":          true,
		"tls_server_config: {}":         true,
		"basic_auth_users: [":           true, // the toolkit says what is wrong
	} {
		users = written(t, users)
		path := written(t, "kafka: {brokers: [localhost:9092], topic: t}\nweb: {config_file: "+users+"}\n")
		if _, err := Load(path, environment(nil)); err != nil {
			t.Errorf("without a token: %v", err)
		}
		_, err := Load(path, environment(map[string]string{"HOLDFAST_WEB_TOKEN": "s3cret"}))
		if (err == nil) != allow {
			t.Errorf("with a token: got error %v, want allowed = %v", err, allow)
		}
	}
}

// An address from the environment can open up what the file meant to be local.
func TestConsoleIsCheckedAgainstTheEnvironment(t *testing.T) {
	path := written(t, "kafka: {brokers: [localhost:9092], topic: t}\nweb: {console: true}\n")
	if _, err := Load(path, environment(map[string]string{"HOLDFAST_WEB_LISTEN": ":9480"})); err == nil {
		t.Error("a console on all interfaces was let through")
	}
}

func TestAliasesStandForTheirValue(t *testing.T) {
	path := written(t, `
kafka: {brokers: [&broker "localhost:9092"], topic: &name t, group: *name}
`)
	c, err := Load(path, environment(nil))
	if err != nil || c.Kafka.Group != "t" {
		t.Errorf("got %+v, %v; want group t", c, err)
	}
}

func TestUnreadableFile(t *testing.T) {
	_, err := Load("testdata/none.yaml", environment(nil))
	if want := "testdata/none.yaml: can't be read: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	large := written(t, "#"+strings.Repeat("x", largestFile))
	if _, err = Load(large, environment(nil)); err == nil || !strings.HasSuffix(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("got %v, want a refusal of the size", err)
	}
}

// written puts text into a config.yaml in a folder of its own.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is an environment that holds vars and nothing else.
func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}
