package web

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfastd/holdfast"
)

//go:embed templates
var templateFiles embed.FS

// templates holds a set for each page: the layout and what it is filled with.
type templates map[string]*template.Template

func parseTemplates(files assets) (templates, error) {
	words := template.FuncMap{
		"asset":   files.address,
		"clock":   clock,
		"after":   after,
		"machine": machine,
		"urgency": urgency,
		"visible": visible,
		"prose":   prose,
		"short":   short,
		"deed":    deed,
		"state":   state,
	}
	set := make(templates)
	for _, name := range []string{"inbox", "alerts", "alert", "failure", "closed"} {
		t, err := template.New(name).Funcs(words).ParseFS(templateFiles,
			"templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("reading the page %s: %w", name, err)
		}
		set[name] = t
	}
	return set, nil
}

// clock is a time for people without JavaScript; with it, the browser puts the
// local time in its place.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// machine is a time for the browser.
func machine(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// after is a distance in time, to the second where that tells enough.
func after(d time.Duration) string {
	unit := time.Second
	if d.Abs() < 10*time.Second {
		unit = time.Millisecond
	}
	d = d.Round(unit)
	if d < 0 {
		return "−" + d.Abs().String()
	}
	return "+" + d.String()
}

// urgency is a level in an owner's words.
func urgency(l holdfast.Level) string {
	switch l {
	case holdfast.Critical:
		return "Urgent"
	case holdfast.High:
		return "Warning"
	case holdfast.Medium:
		return "Please check"
	case holdfast.Low:
		return "Notice"
	default:
		return "For your information"
	}
}

// deed is what an action does, as the subject of its state.
func deed(a Action) string {
	switch a.Kind {
	case holdfast.NotifyOwner:
		switch a.Channel {
		case holdfast.InApp:
			return "In-app message"
		case holdfast.SMS:
			return "SMS"
		}
		return "Message to the owner"
	case holdfast.NotifyTeam:
		return "Message to the team"
	case holdfast.HoldCodes:
		return "Holding codes"
	case holdfast.TerminateSessions:
		return "Ending suspect sessions"
	}
	return visible(string(a.Kind))
}

// state is how far an action is, in a word.
func state(s holdfast.State) string {
	if s == "" {
		return "waiting"
	}
	return visible(string(s))
}

// visible spells out the characters of a foreign text that can't be seen or
// that would turn the text around, such as a right-to-left override: an
// attacker chooses account ids and group values, and a person must see the ones
// that are there.
func visible(text string) string { return spellOut(text, hidden) }

// prose is the text of a message. It may use the invisible characters that
// languages need, but not the ones that turn other text around.
func prose(text string) string {
	return spellOut(text, func(r rune) bool { return hidden(r) && !strings.ContainsRune(layout, r) })
}

// layout holds line breaks, the soft hyphen, joiners, and the marks and
// isolates of mixed directions.
const layout = "\r\n\u00ad\u200b\u200c\u200d\u200e\u200f\u061c\u2066\u2067\u2068\u2069"

func hidden(r rune) bool {
	return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

func spellOut(text string, unwanted func(rune) bool) string {
	if strings.IndexFunc(text, unwanted) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unwanted(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shortLength is how much of a foreign text a list shows, in characters.
const shortLength = 64

// short is [visible], cut for a list.
func short(text string) string {
	text = visible(text)
	if utf8.RuneCountInString(text) <= shortLength {
		return text
	}
	return string([]rune(text)[:shortLength-1]) + "…"
}
