package config

import (
	"strings"
	"testing"
)

func TestServiceName(t *testing.T) {
	for name, want := range map[string]string{
		"Example Messenger":           "",
		"Grüße & Cø":                  "",
		strings.Repeat("M", 20):       "",
		strings.Repeat("€", 10):       "",
		strings.Repeat("M", 21):       "at most 20",
		strings.Repeat("€", 10) + "!": "count twice",
		"Слово":                       "'С', which is not in the GSM-7 alphabet",
		"Garçon":                      "'ç'",
		"Chat\nter":                   `'\n'`,
		"Chat\fter":                   `'\f'`,
		"Chat\tter":                   `'\t'`,
		" Chatter":                    "space",
		"Chatter ":                    "space",
	} {
		err := serviceName(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}
