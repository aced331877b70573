package notify

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"golang.org/x/text/language"

	"github.com/holdfastd/holdfast"
)

//go:embed templates/*.tmpl
var sources embed.FS

// Generic is the template of a message whose own template does not exist: a
// plain warning is better than none.
const Generic = "generic"

// locales have a file of templates each. The first is for owners who read none
// of them, unless the options name another.
var locales = []language.Tag{language.English, language.German}

// TemplateOptions configure [Templates].
type TemplateOptions struct {
	// Service is the name that an SMS begins with, so that the owner knows
	// who writes: at most 20 characters of the GSM-7 alphabet. Defaults to
	// "Your service".
	Service string

	// Locale is what owners are written in who read none of our languages, or
	// whose language is unknown. Defaults to English.
	Locale language.Tag
}

// Templates are the texts that owners are sent, in every language we have. They
// are safe for concurrent use.
type Templates struct {
	service  string
	fallback language.Tag
	matcher  language.Matcher
	texts    map[language.Tag]*template.Template
	names    []string
}

// Text is a rendered message.
type Text struct {
	Locale language.Tag // of the text
	Title  string       // for the app
	Body   string       // for the app
	SMS    string       // one segment
}

// NewTemplates reads and checks the embedded templates.
func NewTemplates(opts TemplateOptions) (*Templates, error) {
	t := &Templates{
		service:  cmp.Or(opts.Service, "Your service"),
		fallback: cmp.Or(opts.Locale, locales[0]),
		matcher:  language.NewMatcher(locales),
		texts:    make(map[language.Tag]*template.Template),
	}
	if !slices.Contains(locales, t.fallback) {
		return nil, fmt.Errorf("there are no message templates in %s: choose one of %v", t.fallback, locales)
	}
	for _, locale := range locales {
		text, err := template.New("").ParseFS(sources, "templates/"+locale.String()+".tmpl")
		if err != nil {
			return nil, fmt.Errorf("reading message templates: %w", err)
		}
		t.texts[locale] = text
	}
	for _, part := range t.texts[locales[0]].Templates() {
		if name, ok := strings.CutSuffix(part.Name(), ".title"); ok {
			t.names = append(t.names, name)
		}
	}
	slices.Sort(t.names)
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Names lists the templates that a rule's notify_owner may name, sorted.
func (t *Templates) Names() []string { return slices.Clone(t.names) }

// Render writes the message that an action tells an alert's owner. A template
// that does not exist is [Generic]. The place is left out of an SMS that would
// otherwise not fit into one segment.
func (t *Templates) Render(action holdfast.Action, alert holdfast.Alert, owner Contact) (Text, error) {
	name := action.Template
	if !slices.Contains(t.names, name) {
		name = Generic
	}
	locale := t.locale(owner.Locale)
	r := rendering{texts: t.texts[locale], name: name, facts: facts{
		time:   alert.Time.Std(),
		Place:  country(alert.Country, locale),
		Ending: action.Ending,
		UTC:    owner.TimeZone == nil,
	}}
	if owner.TimeZone != nil {
		r.facts.time = r.facts.time.In(owner.TimeZone)
	}
	text := Text{Locale: locale, Title: r.part("title"), Body: r.part("body"), SMS: r.sms(t.service)}
	if r.err != nil {
		return Text{}, fmt.Errorf("rendering message %s in %s: %w", name, locale, r.err)
	}
	return text, nil
}

// locale is the language of ours that an owner reads best.
func (t *Templates) locale(owner language.Tag) language.Tag {
	if owner == language.Und {
		return t.fallback
	}
	_, i, confidence := t.matcher.Match(owner)
	if confidence == language.No {
		return t.fallback
	}
	return locales[i]
}

// facts are all that a template sees.
type facts struct {
	time time.Time

	When   string // the time, in the template's layout
	UTC    bool   // the owner's time zone is unknown: the text says that it is UTC
	Place  string // name of a country; "" if unknown
	Ending bool   // someone was asked to end the suspect sessions, and may yet fail
}

// rendering writes the parts of one message and keeps the first error.
type rendering struct {
	texts *template.Template
	name  string
	facts facts
	err   error
}

func (r *rendering) part(part string) string {
	f := r.facts
	f.When = f.time.Format(r.execute("layout", nil))
	return r.execute(r.name+"."+part, f)
}

func (r *rendering) sms(service string) string {
	f := r.facts
	f.When = f.time.Format(r.execute("layout.sms", nil))
	f.Place = plain(f.Place)
	text := service + ": " + r.execute(r.name+".sms", f)
	if fitsOneSegment(text) {
		return text
	}
	f.Place = ""
	return service + ": " + r.execute(r.name+".sms", f)
}

func (r *rendering) execute(name string, f any) string {
	var b strings.Builder
	if err := r.texts.ExecuteTemplate(&b, name, f); err != nil && r.err == nil {
		r.err = err
	}
	return strings.TrimSpace(b.String())
}

func fitsOneSegment(text string) bool {
	_, n := Segments(text)
	return n == 1
}
