package sigma

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// written is a rule as it is written out.
type written struct {
	comments               []string
	id, title, description string
	level, levelNote       string
	status, statusNote     string
	tags, falsepositives   []string
	groupBy                []string
	match                  string
	count                  int
	distinct               string // of a field: count different values
	sequence               []string
	timespan               string
}

// text lays the rule out as rule files are.
func (w written) text() string {
	var b strings.Builder
	for _, c := range w.comments {
		fmt.Fprintf(&b, "  # %s\n", line(c))
	}
	fmt.Fprintf(&b, "  - id: %s\n    title: %s\n", w.id, scalar(w.title))
	if words := strings.Fields(line(w.description)); len(words) > 0 {
		b.WriteString("    description: >\n")
		fold(&b, "      ", words)
	}
	fmt.Fprintf(&b, "    level: %s%s\n", w.level, note(w.levelNote))
	fmt.Fprintf(&b, "    status: %s%s\n", w.status, note(w.statusNote))
	if len(w.tags) > 0 {
		tags := make([]string, len(w.tags))
		for i, t := range w.tags {
			tags[i] = scalar(t)
		}
		fmt.Fprintf(&b, "    tags: [%s]\n", strings.Join(tags, ", "))
	}
	if len(w.falsepositives) > 0 {
		b.WriteString("    falsepositives:\n")
		for _, f := range w.falsepositives {
			fmt.Fprintf(&b, "      - %s\n", scalar(f))
		}
	}
	fmt.Fprintf(&b, "    group_by: %s\n", groupBy(w.groupBy))
	if len(w.sequence) > 0 {
		fmt.Fprintf(&b, "    timespan: %s\n    sequence:\n", w.timespan)
		for _, step := range w.sequence {
			fmt.Fprintf(&b, "      - {match: %s}\n", single(step))
		}
	} else {
		fmt.Fprintf(&b, "    match: %s\n", plainOrQuoted(w.match))
		if w.distinct != "" {
			fmt.Fprintf(&b, "    distinct: {%s: %d}\n", scalar(w.distinct), w.count)
		} else {
			fmt.Fprintf(&b, "    count: %s\n", strconv.Itoa(w.count))
		}
		fmt.Fprintf(&b, "    timespan: %s\n", w.timespan)
	}
	b.WriteByte('\n')
	return b.String()
}

func groupBy(fields []string) string {
	switch len(fields) {
	case 0:
		return "all # the correlation has no group-by"
	case 1:
		return scalar(fields[0])
	}
	quoted := make([]string, len(fields))
	for i, f := range fields {
		quoted[i] = scalar(f)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return " # " + line(text)
}

// origin says where a rule is from, and of Sigma's metadata what a rule has no
// place for: authors want to be named.
func (c *correlation) origin() []string {
	d := c.document
	comments := []string{fmt.Sprintf("From %s:%d%s", d.reader.name, d.node.Line, about(d))}
	for _, base := range c.based {
		comments = append(comments, fmt.Sprintf("over %s:%d%s", base.reader.name, base.node.Line, about(base)))
	}
	if len(comments) > maxComments {
		comments = append(comments[:maxComments-1], "…")
	}
	return comments
}

// carried are the keys of a Sigma rule that a rule has itself.
var carried = []string{
	"title", "id", "name", "description", "level", "status", "tags", "falsepositives",
	"correlation", "detection", "logsource", "taxonomy", "generate",
}

// about lists a document's id and its metadata.
func about(d *document) string {
	const longest = 300
	var parts []string
	for _, key := range []string{"name", "id"} {
		if text := d.text(key); text != "" {
			parts = append(parts, key+": "+text)
		}
	}
	for _, key := range d.names {
		if slices.Contains(carried, key) {
			continue
		}
		items := values(d.texts(key))
		if n := d.values[key]; len(items) == 0 || n.Kind == yaml.SequenceNode && len(items) < len(n.Content) {
			items = append(items, "…") // for what is no text
		}
		text := strings.Join(items, ", ")
		if r := []rune(text); len(r) > longest {
			text = string(r[:longest]) + "…"
		}
		parts = append(parts, key+": "+text)
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, "; ")
}

// line is a text on one line, with nothing in it that does not print.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

// fold writes words into lines of up to 110 characters.
func fold(b *strings.Builder, indent string, words []string) {
	const width = 110
	length := 0
	for i, w := range words {
		switch n := len([]rune(w)); {
		case i == 0:
			b.WriteString(indent + w)
			length = n
		case length+1+n > width:
			b.WriteString("\n" + indent + w)
			length = n
		default:
			b.WriteString(" " + w)
			length += 1 + n
		}
	}
	b.WriteByte('\n')
}

var (
	// plain matches what YAML reads as the text it is, wherever it stands.
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.]*(?: ?[A-Za-z0-9_.()/+-]+)*$`)
	// word matches what YAML may read as something else than a text.
	word = regexp.MustCompile(`(?i)^(?:true|false|null|yes|no|on|off|y|n)$`)
)

// scalar writes a text as YAML.
func scalar(text string) string {
	text = strings.TrimSpace(line(text))
	if plain.MatchString(text) && !word.MatchString(text) {
		return text
	}
	return single(text)
}

func single(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// plainCondition matches a condition that can stand without quotes: most begin
// with a field or a function.
var plainCondition = regexp.MustCompile(`^[a-z_.]+(?:\(| (?:==|!=|<|>|in|matches|contains|startsWith|endsWith) )`)

func plainOrQuoted(text string) string {
	if plainCondition.MatchString(text) && !strings.Contains(text, ": ") && !strings.Contains(text, " #") && !strings.HasSuffix(text, ":") {
		return text
	}
	return single(text)
}
