package notify

import (
	"slices"
	"strings"
	"testing"
	"text/template"

	"golang.org/x/text/language"
)

// broken returns templates of which parts are written anew, in German.
func broken(t *testing.T, parts string) *Templates {
	t.Helper()
	templates := mustTemplates(t)
	german, err := templates.texts[language.German].Clone()
	if err != nil {
		t.Fatal(err)
	}
	templates.texts[language.German] = template.Must(german.Parse(parts))
	return templates
}

func TestWhatIsWrongWithATemplateIsSaidPerLanguage(t *testing.T) {
	for _, tt := range []struct{ name, parts, want string }{
		{"an SMS longer than a segment", `{{define "takeover.sms"}}` + strings.Repeat("zu lang ", 25) + `{{end}}`, "message takeover in de takes 2 SMS segments of GSM-7, and one of GSM-7 is allowed"},
		{"one longer only where sessions end", `{{define "takeover.sms"}}Kurz.{{if .Ending}}` + strings.Repeat(" zu lang", 25) + `{{end}}{{end}}`, "message takeover in de takes 2 SMS segments of GSM-7"},
		{"a character that GSM-7 lacks", `{{define "takeover.sms"}}Jemand sagt „Hallo“.{{end}}`, "message takeover in de takes 1 SMS segment of UCS-2, and one of GSM-7 is allowed"},
		{"no title", `{{define "takeover.title"}}{{""}}{{end}}`, "message takeover in de has no title or no body"},
		{"a fact that there is not", `{{define "takeover.body"}}{{.Device}}{{end}}`, "rendering message takeover in de"},
	} {
		templates := broken(t, tt.parts)
		got := templates.Problems("takeover")
		if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
			t.Errorf("%s: %q, want one that begins with %q", tt.name, got, tt.want)
		}
		if err := templates.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: all templates are fine: %v", tt.name, err)
		}
		if others := templates.Problems("generic"); len(others) > 0 {
			t.Errorf("%s: %q is wrong with another template", tt.name, others)
		}
	}
}

func TestTheTemplatesAreAsTheyShouldBe(t *testing.T) {
	templates := mustTemplates(t)
	if !slices.Contains(templates.Names(), Generic) {
		t.Error("there is no generic message")
	}
	for _, name := range templates.Names() {
		if problems := templates.Problems(name); len(problems) > 0 {
			t.Error(problems)
		}
	}
}
