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
// widest time, any country, and sessions that are to be ended.
func (t *Templates) Check() error {
	if err := checkService(t.service); err != nil {
		return err
	}
	var errs []error
	for _, name := range t.names {
		for _, problem := range t.Problems(name) {
			errs = append(errs, errors.New(problem))
		}
	}
	return errors.Join(errs...)
}

// Problems says what is wrong with a template: a sentence for each language in
// which it can't be sent as it is.
func (t *Templates) Problems(name string) []string {
	var problems []string
	for _, locale := range locales {
		shortest, longest := extremes(locale)
		err := t.check(holdfast.Action{Template: name}, locale, shortest)
		if err == nil {
			err = t.check(holdfast.Action{Template: name, Ending: true}, locale, longest)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
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

// extremes are alerts whose messages are as short and as long as they get: from
// no country, and from the one with the longest name.
func extremes(locale language.Tag) (shortest, longest holdfast.Alert) {
	widest := slices.MaxFunc(countries(locale), func(a, b string) int {
		return cmp.Compare(len(country(a, locale)), len(country(b, locale)))
	})
	// No month, day or hour is wider in either layout.
	when := holdfast.Instant(time.Date(2026, time.September, 28, 20, 28, 0, 0, time.UTC).UnixNano())
	return holdfast.Alert{Time: when}, holdfast.Alert{Time: when, Country: widest}
}

func (t *Templates) check(action holdfast.Action, locale language.Tag, alert holdfast.Alert) error {
	name := action.Template
	text, err := t.Render(action, alert, Contact{Locale: locale})
	if err != nil {
		return err
	}
	if text.Title == "" || text.Body == "" {
		return fmt.Errorf("message %s in %s has no title or no body", name, locale)
	}
	if encoding, n := Segments(text.SMS); encoding != GSM7 || n != 1 {
		return fmt.Errorf("message %s in %s takes %s of %s, and one of GSM-7 is allowed: %q", name, locale, segments(n), encoding, text.SMS)
	}
	return nil
}

func segments(n int) string {
	if n == 1 {
		return "1 SMS segment"
	}
	return fmt.Sprintf("%d SMS segments", n)
}
