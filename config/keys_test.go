package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettingsAreThoseOfACompleteFile compares what the reader is found to know
// with what it asks of a file that has every section.
func TestSettingsAreThoseOfACompleteFile(t *testing.T) {
	f := &file{path: "testdata/full.yaml", folder: filepath.Dir("testdata/full.yaml"), env: environment(nil)}
	root, _ := f.parse()
	c, s := defaults(), f.root(root)
	c.read(s)
	want := slices.DeleteFunc(settings(s), func(name string) bool { return strings.HasPrefix(name, "lists.") })
	slices.Sort(want)
	if diff := cmp.Diff(want, Settings()); diff != "" {
		t.Errorf("Settings() (-want +got):\n%s", diff)
	}
}

func TestVariableOfASettingOrOfItsFile(t *testing.T) {
	for setting, want := range map[string]string{
		"kafka.brokers":   "HOLDFAST_KAFKA_BROKERS",
		"web.token_file":  "HOLDFAST_WEB_TOKEN",
		"web.config_file": "",
		"rules":           "",
	} {
		if got := VariableOf(setting); got != want {
			t.Errorf("VariableOf(%q) = %q, want %q", setting, got, want)
		}
	}
}
