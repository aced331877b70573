package sigma

import (
	"regexp"
	"strings"
)

// glob is a Sigma string: literal texts with wildcards between them.
type glob []part

// part is a literal text, or one of the wildcards * and ?.
type part struct {
	text string
	wild rune // 0 for a literal
}

// parseGlob reads a Sigma string. A backslash before *, ? or another backslash
// takes its meaning away; before anything else it is a backslash.
func parseGlob(s string) glob {
	var g glob
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			g = append(g, part{text: literal.String()})
			literal.Reset()
		}
	}
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '\\' && i+1 < len(runes) && strings.ContainsRune(`*?\`, runes[i+1]):
			i++
			literal.WriteRune(runes[i])
		case r == '*' || r == '?':
			flush()
			if r != '*' || len(g) == 0 || g[len(g)-1].wild != '*' { // ** is *
				g = append(g, part{wild: r})
			}
		default:
			literal.WriteRune(r)
		}
	}
	flush()
	return g
}

// open puts a * before or after the string.
func (g glob) open(before, after bool) glob {
	var opened glob
	if before && (len(g) == 0 || g[0].wild != '*') {
		opened = append(opened, part{wild: '*'})
	}
	opened = append(opened, g...)
	if after && opened[len(opened)-1].wild != '*' {
		opened = append(opened, part{wild: '*'})
	}
	return opened
}

// plain returns the text of a string without wildcards.
func (g glob) plain() (string, bool) {
	switch {
	case len(g) == 0:
		return "", true
	case len(g) == 1 && g[0].wild == 0:
		return g[0].text, true
	}
	return "", false
}

// test is the condition that a field of text matches the string. Sigma's strings
// match in any case; cased ones as they are written.
func (g glob) test(field string, cased bool) expr {
	subject, fold := "lower("+field+")", strings.ToLower
	if cased {
		subject, fold = field, func(s string) string { return s }
	}
	literal := func(i int) string { return quoted(fold(g[i].text)) }
	text, isPlain := g.plain()
	switch {
	case isPlain && text == "":
		return atom(field + ` == ""`)
	case isPlain:
		return atom(subject + " == " + quoted(fold(text)))
	case len(g) == 1 && g[0].wild == '*': // anything at all, and what is absent is empty
		return atom(field + ` != ""`)
	case len(g) == 2 && g[0].wild == 0 && g[1].wild == '*':
		return atom(subject + " startsWith " + literal(0))
	case len(g) == 2 && g[0].wild == '*' && g[1].wild == 0:
		return atom(subject + " endsWith " + literal(1))
	case len(g) == 3 && g[0].wild == '*' && g[1].wild == 0 && g[2].wild == '*':
		return atom(subject + " contains " + literal(1))
	}
	return atom(field + " matches " + quoted(g.pattern(cased)))
}

// pattern is the string as RE2.
func (g glob) pattern(cased bool) string {
	var b strings.Builder
	if cased {
		b.WriteString("(?s)^")
	} else {
		b.WriteString("(?is)^")
	}
	for _, p := range g {
		switch p.wild {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(p.text))
		}
	}
	b.WriteString("$")
	return b.String()
}
