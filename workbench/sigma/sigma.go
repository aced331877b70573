// Package sigma turns Sigma correlation rules into Holdfast rules: event_count,
// value_count and temporal_ordered, over detections whose fields a [Mapping]
// knows. What it can't express it refuses by name and place. It must never emit
// a rule that leaves out or widens a part of what it was made from.
//
// It reads the Sigma rules specification 2.0, its modifiers appendix 2.1 and the
// Sigma correlation rules specification 2.0.
package sigma

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
)

// MaxFileSize bounds a Sigma file and a mapping, in bytes.
const MaxFileSize = 1 << 20

// The most of each thing that is read: what is done in time that grows with
// their product must not grow with a hostile file.
const (
	maxDocuments  = 1000 // of all files
	maxSelections = 200  // of a detection
	maxValues     = 1000 // of a field
	maxCondition  = 4096 // bytes
	maxDepth      = 40   // brackets within brackets, and "not"s in a row
	maxRules      = 50   // of a correlation
	maxComments   = 20   // lines that say where a rule is from
)

// Result is what became of the Sigma rules.
type Result struct {
	// YAML is a rule file with the correlations that could be expressed, in the
	// order in which they were read; empty where there is none.
	YAML []byte
	// Rules is how many there are.
	Rules int
	// Findings say what is refused and why, at its place, and as warnings what a
	// person should know: rules that are in no correlation.
	Findings diag.List
}

// Import turns the correlations among the sources into rules. A correlation and
// the rules it names may stand in different files.
func Import(sources []rules.Source, m *Mapping) Result {
	i := importer{mapping: m, byRef: map[string]*document{}, ids: map[string]bool{}, refused: map[diag.Diagnostic]bool{}}
	for _, src := range sources {
		i.read(src)
	}
	var out bytes.Buffer
	count := 0
	for _, d := range i.documents {
		if !d.has("correlation") {
			continue
		}
		if text, ok := i.correlation(d); ok {
			out.WriteString(text)
			count++
		}
	}
	for _, d := range i.documents {
		if !d.has("correlation") && !d.used {
			i.warn(d.reader, d.node, "the rule is in no correlation, and a rule needs something to group by; it is left out")
		}
	}
	i.found.Sort()
	r := Result{Rules: count, Findings: i.found}
	if count > 0 {
		r.YAML = append([]byte(header), bytes.TrimSuffix(out.Bytes(), []byte("\n"))...) // a blank line is between rules
	}
	return r
}

const header = `# Imported from Sigma by holdfast rules import sigma. The rules are in test: their alerts are recorded and nothing
# follows, because only your own events show whether the field mapping says what the Sigma rules mean. Backtest them;
# then set status: stable, a level, suppress (after an alert, silence for the timespan unless set) and respond.
rules:
`

// importer is one run.
type importer struct {
	mapping   *Mapping
	documents []*document
	byRef     map[string]*document // by name and by id
	ids       map[string]bool      // those given to rules
	found     diag.List
	refused   map[diag.Diagnostic]bool // those of found that are errors
}

// document is one Sigma rule, or one correlation.
type document struct {
	*mapping
	used       bool // in a correlation
	translated bool
	match      expr // of a rule; valid once it is translated
	ok         bool
}

// reader names the file that a node is from.
type reader struct{ name string }

func (i *importer) refuse(r reader, n *yaml.Node, format string, args ...any) {
	i.refuseAt(r, diag.Pos{Line: n.Line, Column: n.Column}, "", format, args...)
}

func (i *importer) refuseHint(r reader, n *yaml.Node, hint, format string, args ...any) {
	i.refuseAt(r, diag.Pos{Line: n.Line, Column: n.Column}, hint, format, args...)
}

func (i *importer) refuseAt(r reader, pos diag.Pos, hint, format string, args ...any) {
	d := diag.Diagnostic{File: r.name, Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint}
	if !i.refused[d] { // a rule may be in two correlations
		i.refused[d] = true
		i.found = append(i.found, d)
	}
}

func (i *importer) warn(r reader, n *yaml.Node, message string) {
	i.found = append(i.found, diag.Diagnostic{
		File: r.name, Pos: diag.Pos{Line: n.Line, Column: n.Column}, Severity: diag.Warning, Message: message,
	})
}

// id makes a rule's id of a name: what is no letter or digit becomes a hyphen.
func (i *importer) id(name string) string {
	const longest = 50 // leaves room for a prefix and a number
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == longest {
			break
		}
	}
	id := strings.Trim(b.String(), "-")
	if id == "" || id[0] < 'a' {
		id = strings.TrimSuffix("sigma-"+id, "-")
	}
	free := id
	for n := 2; i.ids[free]; n++ {
		free = fmt.Sprintf("%s-%d", id, n)
	}
	i.ids[free] = true
	return free
}
