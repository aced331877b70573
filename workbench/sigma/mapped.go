package sigma

import (
	"regexp"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/rules/expression"
)

// condition reads a condition of the mapping, in the rule language.
func (i *importer) condition(r reader, n *yaml.Node) expr {
	if n.Kind != yaml.ScalarNode {
		i.refuse(r, n, "a condition must be a text")
		return expr{}
	}
	program, problems := expression.Compile(n.Value, nil)
	for _, p := range problems {
		runes := []rune(n.Value)
		i.refuseAt(r, within(n, len(string(runes[:min(p.From, len(runes))]))), p.Hint, "%s", p.Message)
	}
	if program == nil {
		return expr{}
	}
	if program.SeesAlerts {
		i.refuse(r, n, "a Sigma rule can't be about alerts")
	}
	line, problem := onOneLine(n.Value)
	if problem != nil {
		i.refuseAt(r, within(n, problem.offset), problem.hint, "%s", problem.message)
		return expr{}
	}
	// What is written into rules must be what was read, whatever the language grows.
	again, _ := expression.Compile(line.text, nil)
	if again == nil || again.Key() != program.Key() {
		i.refuse(r, n, "the condition can't be written on one line")
		return expr{}
	}
	e := atom(line.text)
	if !comparison.MatchString(line.bare) {
		e.op = "mixed" // brackets around it, whatever stands beside
	}
	return e
}

// oneLine is a condition that stands on one line.
type oneLine struct {
	text string
	bare string // the text with nothing in its constants
}

// unfit says what keeps a condition from standing on one line among others.
type unfit struct {
	offset        int // bytes
	message, hint string
}

// onOneLine puts single spaces between what a condition is made of. Its constants
// stay as they are, to the letter. It must be a condition that compiles.
func onOneLine(condition string) (oneLine, *unfit) {
	var text, bare strings.Builder
	var quote rune // of the constant that is open, 0 outside of one
	escaped, spaced := false, false
	for at, r := range condition {
		switch {
		case quote != 0 && !unicode.IsPrint(r):
			return oneLine{}, &unfit{at, "a constant with a character that does not print", `write it as an escape in double quotes, such as "\n"`}
		case quote != 0:
			text.WriteRune(r)
			switch {
			case escaped:
				escaped = false
			case r == '\\' && quote != '`':
				escaped = true
			case r == quote:
				quote = 0
				bare.WriteRune('"')
			}
			continue
		case unicode.IsSpace(r):
			spaced = true
			continue
		case r == '/' && (strings.HasPrefix(condition[at:], "//") || strings.HasPrefix(condition[at:], "/*")):
			return oneLine{}, &unfit{at, "a comment in a condition is not supported: it would swallow what is joined to it", "write it as a comment of the YAML file, after #"}
		}
		if spaced && text.Len() > 0 {
			text.WriteByte(' ')
			bare.WriteByte(' ')
		}
		spaced = false
		text.WriteRune(r)
		if r == '"' || r == '\'' || r == '`' {
			quote, r = r, '"'
		}
		bare.WriteRune(r)
	}
	return oneLine{text.String(), bare.String()}, nil
}

// comparison matches a bare condition that needs no brackets beside && and ||: a
// field, a call, or one comparison of them with a constant. Whatever else it is
// gets brackets, needed or not.
var comparison = regexp.MustCompile(`^!?[A-Za-z_.]+(?:\([^()]*\))?` +
	`(?: (?:==|!=|<|<=|>|>=|in|contains|startsWith|endsWith|matches) (?:""|-?[0-9.]+|true|false|\[[^\[\]]*\]))?$`)
