package schema_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/config"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/schema"
)

func TestConfigSchemaHasTheSettingsOfTheReader(t *testing.T) {
	described := leaves(read(t, schema.Config), "")
	if diff := cmp.Diff(config.Settings(), slices.Sorted(maps.Keys(described))); diff != "" {
		t.Errorf("settings (-reader +schema):\n%s", diff)
	}
	for name, setting := range described {
		if setting.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if v := config.VariableOf(name); v != "" && !strings.Contains(setting.Description, v) {
			t.Errorf("%s does not say that %s overrides it", name, v)
		}
	}
}

// leaves are the settings and sections by their full names.
func leaves(o object, section string) map[string]object {
	all := map[string]object{}
	for name, p := range o.Properties {
		all[section+name] = p
		maps.Copy(all, leaves(p, section+name+"."))
	}
	return all
}

// required are the settings without which no configuration loads, or without
// which their section does not.
const required = `
kafka: {brokers: [localhost:9092], topic: events}
directory: {url: "https://accounts.internal/{account}"}
`

// TestDefaultsOfTheConfigSchema loads a configuration in which every default
// that the schema names is written out: it is the same as one without.
func TestDefaultsOfTheConfigSchema(t *testing.T) {
	want := load(t, required)
	settings := map[string]any{}
	for name, p := range leaves(read(t, schema.Config), "") {
		if p.Default != nil {
			set(settings, name, p.Default)
		}
	}
	set(settings, "kafka.brokers", []any{"localhost:9092"})
	set(settings, "kafka.topic", "events")
	set(settings, "directory.url", "https://accounts.internal/{account}")
	got := load(t, flow(settings))
	same := cmp.Comparer(func(a, b config.Secret) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("with every default written out (-without +with):\n%s", diff)
	}
}

func TestBoundsOfTheConfigSchema(t *testing.T) {
	for name, p := range leaves(read(t, schema.Config), "") {
		if p.Minimum == nil {
			continue
		}
		for number, fine := range map[int]bool{*p.Minimum - 1: false, *p.Minimum: true, *p.Maximum: true, *p.Maximum + 1: false} {
			settings := map[string]any{}
			set(settings, name, number)
			_, err := loaded(t, flow(settings)+"\n")
			if refused := strings.Contains(fmt.Sprint(err), "`"+name+"` must be"); refused == fine {
				t.Errorf("%s: %d is refused: %v", name, number, refused)
			}
		}
	}
}

func TestConfigFilesAreValid(t *testing.T) {
	s := compiled(t, schema.Config)
	for _, file := range []string{"../deploy/holdfast.yaml", "../deploy/compose-holdfast.yaml", "../config/testdata/full.yaml", "../config/testdata/minimal.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(parsed(t, text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	blank := "kafka: {brokers: [localhost:9092], topic: events}\nengine:\nlog:\n"
	if err := s.Validate(parsed(t, []byte(blank))); err != nil {
		t.Errorf("a section may be left blank: %v", err)
	}
}

func TestMistakesOfShapeInAConfigAreInvalid(t *testing.T) {
	s := compiled(t, schema.Config)
	for _, mistake := range []string{
		"kafak: {topic: events}",
		"kafka: {brokers: localhost:9092}",
		"kafka: {brokers: [localhost]}",
		"kafka: {topic: security events}",
		"kafka: {sasl: {mechanism: md5, username: a, password_file: b}}",
		"kafka: {sasl: {mechanism: plain, username: a, password: hunter2}}",
		"kafka: {tls: {enabled: maybe}}",
		"rules: []",
		"lists: {VIP: [a]}",
		"engine: {lateness: 5}",
		"engine: {lateness: 0s}",
		"engine: {max_entries: 0}",
		"store: {url: 'mysql://db/holdfast'}",
		"directory: {url: 'https://accounts.internal/contacts'}",
		"notify: {sms: {}}",
		"notify: {sms: {provider: pigeon}}",
		"notify: {in_app: {secret_file: a}}",
		"web: {listen: localhost}",
		"log: {level: inof}",
		"log: [text]",
	} {
		if err := s.Validate(parsed(t, []byte(mistake))); err == nil {
			t.Errorf("the schema accepts %s", mistake)
		}
		if _, err := loaded(t, mistake); err == nil {
			t.Errorf("check accepts %s", mistake)
		}
	}
}

// set puts a value where its full name says.
func set(settings map[string]any, name string, value any) {
	section, rest, nested := strings.Cut(name, ".")
	if !nested {
		settings[name] = value
		return
	}
	if settings[section] == nil {
		settings[section] = map[string]any{}
	}
	set(settings[section].(map[string]any), rest, value)
}

// flow writes settings as YAML.
func flow(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var items []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, key+": "+flow(v[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, flow(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprint(v)
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := loaded(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func loaded(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holdfast.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, func(string) (string, bool) { return "", false })
	if list, ok := errors.AsType[diag.List](err); err != nil && (!ok || list.Errors() == 0) {
		t.Fatalf("Load: %v", err)
	}
	return c, err
}
