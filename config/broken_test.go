package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast/internal/diag"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestBroken checks what a person sees who makes a mistake: the diagnostics of
// each file in testdata/broken, drawn, are in the .golden beside it.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			got := drawn(t, file)
			for _, secret := range []string{"hunter2", "s3cret"} {
				if strings.Contains(got, secret) {
					t.Errorf("the diagnostics show the secret %q:\n%s", secret, got)
				}
			}
			golden := name + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// drawn loads a file that is broken and draws its diagnostics.
func drawn(t *testing.T, file string) string {
	t.Helper()
	_, err := Load(file, environment(nil))
	var list diag.List
	if !errors.As(err, &list) {
		t.Fatalf("Load(%s) = %v, want a diag.List", file, err)
	}
	var b bytes.Buffer
	if err := list.Render(&b, func(name string) []byte {
		source, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		return source
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// FuzzLoad checks that whatever a file holds ends in a configuration or in
// diagnostics that can be drawn.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, file := range append(files, "testdata/full.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(folder, "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, environment(nil))
		var list diag.List
		switch {
		case err == nil && c != nil:
		case errors.As(err, &list):
			for _, d := range list {
				if d.Line < 0 || d.Column < 0 || d.Message == "" {
					t.Errorf("diagnostic %#v", d)
				}
			}
		default:
			t.Errorf("Load = %v, %v", c, err)
		}
	})
}
