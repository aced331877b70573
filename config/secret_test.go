package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSecretIsNeverShown(t *testing.T) {
	type holder struct {
		Open   Secret
		Nested *struct{ Open Secret }
		hidden Secret
		list   []Secret
	}
	s := NewSecret("hunter2")
	h := holder{s, &struct{ Open Secret }{s}, s, []Secret{s}}

	var shown []string
	for _, v := range []any{s, &s, h, &h, []Secret{s}, map[string]Secret{"k": s}, fmt.Errorf("because of %v", s)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%b", "%c", "%U"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(asJSON), fmt.Sprint(v), fmt.Sprintln(v))
	}
	asYAML, err := yaml.Marshal(map[string]any{"a": s, "b": &s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("starting", "secret", s, "holder", h, "group", slog.GroupValue(slog.Any("s", s)))
	}
	shown = append(shown, string(asYAML), log.String(), s.GoString())

	for _, text := range shown {
		for _, leak := range []string{"hunter2", "68756e74657232", "68756E74657232", "104 117 110"} {
			if strings.Contains(text, leak) {
				t.Errorf("the secret is shown: %s", text)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %d %x %#v", s, s, s, s, s); got != strings.TrimSpace(strings.Repeat(Hidden+" ", 5)) {
		t.Errorf("a secret prints as %s", got)
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not")
	}
}

func TestNoSecret(t *testing.T) {
	var none Secret
	if !none.IsZero() || !NewSecret("").IsZero() || none.Reveal() != "" || fmt.Sprint(none) != "" {
		t.Error("the zero secret is not none")
	}
	if NewSecret("a").IsZero() || !NewSecret("a").Equal(NewSecret("a")) || NewSecret("a").Equal(none) {
		t.Error("secrets are compared by what else than their text")
	}
}
