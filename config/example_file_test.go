package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = "../deploy/holdfast.yaml"

func TestExampleLoads(t *testing.T) {
	for _, file := range []string{example, "../deploy/compose-holdfast.yaml"} {
		// What its secret files would hold.
		env := environment(map[string]string{"HOLDFAST_STORE_URL": "postgres://holdfast@localhost/holdfast"})
		if _, err := Load(file, env); err != nil {
			t.Error(err)
		}
	}
}

// TestExampleNamesEverySetting keeps the documentation complete: with its
// commented-out lines brought in, the example has every setting there is and
// none that there is not, and the defaults it names are the defaults.
func TestExampleNamesEverySetting(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	commentedOut := regexp.MustCompile(`(?m)^( *)# ( *[a-z_]+:( .*)?)$`)
	f := &file{path: written(t, commentedOut.ReplaceAllString(string(text), "$1$2")), env: environment(nil)}
	root, ok := f.parse()
	if !ok {
		t.Fatal(f.found)
	}
	got, want := defaults(), defaults()
	s := f.root(root)
	got.read(s)
	s.close()

	for _, d := range f.found {
		if strings.Contains(d.Message, "unknown") || strings.Contains(d.Message, "twice") {
			t.Error(d)
		}
	}
	missing(t, s)

	// From the file's folder, the default's name would be another place.
	want.Engine.Snapshots.Directory = filepath.Join(workingDirectory(t), want.Engine.Snapshots.Directory)
	if diff := cmp.Diff(want.Engine, got.Engine); diff != "" {
		t.Errorf("engine (-default +example):\n%s", diff)
	}
	directory := readDirectory((&file{env: f.env}).root(nil))
	for name, pair := range map[string][2]any{
		"kafka.group":             {want.Kafka.Group, got.Kafka.Group},
		"kafka.client_id":         {want.Kafka.ClientID, got.Kafka.ClientID},
		"kafka.dead_letter_topic": {got.Kafka.Topic + ".dead-letter", got.Kafka.DeadLetterTopic},
		"kafka.tls.enabled":       {want.Kafka.TLS.Enabled, got.Kafka.TLS.Enabled},
		"max_action_age":          {want.MaxActionAge, got.MaxActionAge},
		"directory.timeout":       {directory.Timeout, got.Directory.Timeout},
		"directory.cache":         {directory.Cache, got.Directory.Cache},
		"notify.max_per_day":      {want.Notify.MaxPerDay, got.Notify.MaxPerDay},
		"web.listen":              {want.Web.Listen, got.Web.Listen},
		"pprof.listen":            {want.Pprof.Listen, got.Pprof.Listen},
		"log":                     {want.Log, got.Log},
	} {
		if pair[0] != pair[1] {
			t.Errorf("the example has %s at %v, the default is %v", name, pair[1], pair[0])
		}
	}
	for _, v := range Environment {
		if !strings.Contains(string(text), v.Name) {
			t.Errorf("the example does not mention %s", v.Name)
		}
	}
}

// workingDirectory is the container's.
func workingDirectory(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^WORKDIR (.*)$`).FindAllStringSubmatch(string(text), -1)
	if all == nil {
		t.Fatal("the container has no working directory")
	}
	return all[len(all)-1][1]
}

// missing reports the known settings that a section's file does not have.
func missing(t *testing.T, s *section) {
	t.Helper()
	for _, name := range s.known {
		if _, ok := s.entry(name); !ok {
			t.Errorf("the example does not mention %s", s.name(name))
		}
	}
	for _, sub := range s.open {
		missing(t, sub)
	}
}

// TestVariablesAreKnown checks that each variable overrides a setting.
func TestVariablesAreKnown(t *testing.T) {
	f := &file{path: "testdata/full.yaml", folder: filepath.Dir("testdata/full.yaml"), env: environment(nil)}
	root, _ := f.parse()
	c, s := defaults(), f.root(root)
	c.read(s)
	known := settings(s)
	for _, v := range Environment {
		if !slices.Contains(known, v.Key) && !slices.Contains(known, v.Key+"_file") {
			t.Errorf("%s overrides %s, which is no setting", v.Name, v.Key)
		}
		if v.Doc == "" {
			t.Errorf("%s has no description", v.Name)
		}
	}
}

func settings(s *section) []string {
	var names []string
	for _, name := range s.known {
		names = append(names, s.name(name))
	}
	for _, sub := range s.open {
		names = append(names, settings(sub)...)
	}
	return names
}
