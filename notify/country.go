package notify

import (
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// country returns the name of an ISO 3166-1 alpha-2 code in a language, or ""
// for what is no country's code. Nothing of the code itself is ever shown: the
// sender of the event chose it.
func country(code string, locale language.Tag) string {
	region, err := language.ParseRegion(code)
	if err != nil || len(code) != 2 || !region.IsCountry() {
		return ""
	}
	if region.String() == "UN" {
		return "" // the United Nations, which CLDR counts among the countries
	}
	names := display.Regions(locale)
	if names == nil {
		return ""
	}
	return names.Name(region.Canonicalize())
}

// countries are the codes that have a name in a language.
func countries(locale language.Tag) []string {
	var codes []string
	for a := byte('A'); a <= 'Z'; a++ {
		for b := byte('A'); b <= 'Z'; b++ {
			if code := string([]byte{a, b}); country(code, locale) != "" {
				codes = append(codes, code)
			}
		}
	}
	return codes
}
