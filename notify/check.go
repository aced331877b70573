package notify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast"
)

// longestService bounds the service's name, in characters: the SMS templates
// are written to fit beside it.
const longestService = 20

// Check finds what is wrong with the templates and the service's name: every
// message must exist in every language, and fit into one SMS segment with the
// widest time, with sessions being ended and with any country.
func (t *Templates) Check() error {
	if err := checkService(t.service); err != nil {
		return err
	}
	var errs []error
	for _, locale := range locales {
		alerts := extremes(locale)
		for _, name := range t.names {
			for _, alert := range alerts {
				errs = append(errs, t.check(name, locale, alert))
			}
		}
	}
	return errors.Join(errs...)
}

func checkService(name string) error {
	if n := utf8.RuneCountInString(name); n > longestService {
		return fmt.Errorf("the service's name has %d characters: an SMS has room for %d", n, longestService)
	}
	if strings.ContainsAny(name, "\n\r\f") {
		return errors.New("the service's name has a line break")
	}
	if encoding, _ := Segments(name); encoding != GSM7 {
		return errors.New("the service's name has a character outside GSM-7: it would halve the room in an SMS")
	}
	return nil
}

// extremes are alerts whose messages are as short and as long as they get: with
// and without sessions being ended, with the longest name of a country and with
// none.
func extremes(locale language.Tag) []holdfast.Alert {
	widest := slices.MaxFunc(countries(locale), func(a, b string) int {
		return cmp.Compare(len(country(a, locale)), len(country(b, locale)))
	})
	// No month, day or hour is wider in either layout.
	when := holdfast.Instant(time.Date(2026, time.September, 28, 20, 28, 0, 0, time.UTC).UnixNano())
	return []holdfast.Alert{
		{Time: when},
		{
			Time:     when,
			Country:  widest,
			Sessions: holdfast.Sessions{Suspect: make([]holdfast.Session, 1)},
			Respond:  []holdfast.Response{{Kind: holdfast.TerminateSessions, When: holdfast.Now}},
		},
	}
}

func (t *Templates) check(name string, locale language.Tag, alert holdfast.Alert) error {
	text, err := t.Render(name, alert, Contact{Locale: locale})
	if err != nil {
		return err
	}
	if text.Title == "" || text.Body == "" {
		return fmt.Errorf("message %s in %s has no title or no body", name, locale)
	}
	if encoding, n := Segments(text.SMS); encoding != GSM7 || n != 1 {
		return fmt.Errorf("message %s in %s takes %d SMS segments of %s: %q", name, locale, n, encoding, text.SMS)
	}
	return nil
}
