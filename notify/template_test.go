package notify

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/golden"
)

func TestTextsReadAsWritten(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	bare := with(takeover(), func(a *holdfast.Alert) { a.Country, a.Sessions = "", holdfast.Sessions{} })
	templates := mustTemplates(t)
	for _, locale := range locales {
		var b strings.Builder
		for _, name := range templates.Names() {
			for _, variant := range []struct {
				name   string
				ending bool
				alert  holdfast.Alert
				owner  Contact
			}{
				{"place and time zone known, sessions are to be ended", true, takeover(), Contact{Locale: locale, TimeZone: berlin}},
				{"nothing known, no session is ended", false, bare, Contact{Locale: locale}},
			} {
				action := holdfast.Action{Template: name, Ending: variant.ending}
				text, err := templates.Render(action, variant.alert, variant.owner)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "=== %s: %s\n%s\n\n%s\n\nSMS: %s\n\n", name, variant.name, text.Title, text.Body, text.SMS)
			}
		}
		golden.Equal(t, filepath.Join("testdata", locale.String()+".golden"), b.String())
	}
}

// told is an action that tells of nothing else than its template.
func told(template string) holdfast.Action { return holdfast.Action{Template: template} }

func TestTemplateNames(t *testing.T) {
	want := []string{
		"account_changed", "code_burst", "code_guessing", "generic", "new_device", "password_guessing", "password_known", "push_approved",
		"push_fatigue", "recovery", "session_moved", "sim_change", "sim_takeover", "takeover", "voice_call", "voice_fallback", "wrong_codes",
	}
	if diff := cmp.Diff(want, mustTemplates(t).Names()); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTextFitsOneSegmentFromEveryCountry(t *testing.T) {
	templates, err := NewTemplates(TemplateOptions{Service: strings.Repeat("M", longestService)})
	if err != nil {
		t.Fatal(err)
	}
	for _, locale := range locales {
		codes := countries(locale)
		if len(codes) < 240 {
			t.Fatalf("only %d countries have a name in %s", len(codes), locale)
		}
		for _, name := range templates.Names() {
			for _, code := range codes {
				alert := with(takeover(), func(a *holdfast.Alert) { a.Country = code })
				for _, ending := range []bool{false, true} {
					action := holdfast.Action{Template: name, Ending: ending}
					if err := templates.check(action, locale, alert); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

func TestAccentsDoNotCostThePlace(t *testing.T) {
	alert := with(takeover(), func(a *holdfast.Alert) { a.Country, a.Sessions = "CI", holdfast.Sessions{} })
	text, err := mustTemplates(t).Render(told("takeover"), alert, Contact{Locale: language.German})
	if err != nil || !strings.Contains(text.SMS, "(Cote d'Ivoire)") || !strings.Contains(text.Body, "Côte d’Ivoire") {
		t.Errorf("got %+v, %v", text, err)
	}
}

func TestOwnersLanguage(t *testing.T) {
	for owner, want := range map[string]language.Tag{
		"de":      language.German,
		"de-CH":   language.German,
		"gsw":     language.German, // those who read Swiss German read German
		"en-GB":   language.English,
		"ja":      language.English,
		"und":     language.English,
		"zh-Hant": language.English,
	} {
		text, err := mustTemplates(t).Render(told("takeover"), takeover(), Contact{Locale: language.MustParse(owner)})
		if err != nil || text.Locale != want {
			t.Errorf("%s: got %s, %v", owner, text.Locale, err)
		}
	}
	german, err := NewTemplates(TemplateOptions{Locale: language.German})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := german.Render(told("takeover"), takeover(), Contact{}); text.Locale != language.German {
		t.Errorf("got %s", text.Locale)
	}
}

func TestUnknownTemplateIsGeneric(t *testing.T) {
	got, err := mustTemplates(t).Render(told("no_such"), takeover(), Contact{})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := mustTemplates(t).Render(told(Generic), takeover(), Contact{})
	if got != want {
		t.Errorf("got %+v", got)
	}
}

// That a rule wants sessions ended is no reason to say so: it takes a planned
// termination, and even that may fail after the message has gone out.
func TestEndingIsOnlyClaimedWhereItIsTried(t *testing.T) {
	claims := map[language.Tag][]string{
		language.English: {"trying to end", "trying to log it out"},
		language.German:  {"versuchen wir", "versuchen, es abzumelden"},
	}
	bySMS := []string{"account_changed", "sim_takeover", "takeover"} // the others leave it to the app
	for _, name := range mustTemplates(t).Names() {
		for locale, words := range claims {
			for _, ending := range []bool{false, true} {
				action := holdfast.Action{Template: name, Ending: ending}
				text, err := mustTemplates(t).Render(action, takeover(), Contact{Locale: locale})
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(text.Body, words[0]); got != ending {
					t.Errorf("%s, ending is %v: body says %q", name, ending, text.Body)
				}
				if got := strings.Contains(text.SMS, words[1]); got != (ending && slices.Contains(bySMS, name)) {
					t.Errorf("%s, ending is %v: SMS says %q", name, ending, text.SMS)
				}
				for _, word := range []string{"we are ending", "logging it out", "beenden wir", "melden es ab"} {
					if strings.Contains(text.Body+text.SMS, word) {
						t.Errorf("%s claims what may fail: %q", name, word)
					}
				}
			}
		}
	}
}

func TestNothingOfAnAttackersTextIsShown(t *testing.T) {
	alert := takeover()
	const evil = "evil.example +15550100 123456"
	alert.Title, alert.Channel, alert.Account = evil, evil, evil
	alert.Group = holdfast.Group{{Field: "device.id", Value: evil}}
	for _, country := range []string{evil, "ZZ", "XX", "UN", "US\n", "T1", "840", "USA", "A1", "../"} {
		alert.Country = country
		for _, name := range mustTemplates(t).Names() {
			text, err := mustTemplates(t).Render(told(name), alert, Contact{})
			if err != nil {
				t.Fatal(err)
			}
			shown := text.Title + text.Body + text.SMS
			for _, word := range []string{"evil", "5550100", "123456", "ocation", "(", "http", "Unknown", "Region", "United"} {
				if strings.Contains(shown, word) {
					t.Errorf("%q: %s shows %q: %s", country, name, word, shown)
				}
			}
		}
	}
}

func TestCountryNames(t *testing.T) {
	for code, want := range map[string]string{
		"NG": "Nigeria", "DE": "Deutschland", "CI": "Côte d’Ivoire", "XK": "Kosovo", "UK": "Vereinigtes Königreich",
		"": "", "ZZ": "", "UN": "", "EU": "", "276": "", "DEU": "", "QX": "",
	} {
		if got := country(code, language.German); got != want {
			t.Errorf("%q is %q, not %q", code, got, want)
		}
	}
}

func TestServiceNamesThatFitAnSMS(t *testing.T) {
	// As long as the configuration lets them be.
	for _, name := range []string{strings.Repeat("M", 20), strings.Repeat("€", 10), "Grüße"} {
		if _, err := NewTemplates(TemplateOptions{Service: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestServiceNamesThatDoNotFitAnSMS(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("M", 21): "21 characters",
		"Слово":                 "GSM-7",
		"Chat\nter":             "line break",
		strings.Repeat("€", 20): "2 SMS segments",
	} {
		if _, err := NewTemplates(TemplateOptions{Service: name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := NewTemplates(TemplateOptions{Locale: language.French}); err == nil || !strings.Contains(err.Error(), "[en de]") {
		t.Errorf("got %v", err)
	}
}
