package sweep

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// place is where a setting's value stands in a file, or is to stand.
type place struct {
	at, length    int // bytes; a length of 0 puts the value in
	before, after string
}

// edited is the text of a file with values at their places. Everything else stays
// as it is and, where the values were there before, on its line, so that what is
// wrong with a value is found where its author knows it.
func edited(content []byte, places []place, values []string) []byte {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return places[a].at - places[b].at })
	var out bytes.Buffer
	from := 0
	for _, i := range order {
		p := places[i]
		out.Write(content[from:p.at])
		out.WriteString(p.before + values[i] + p.after)
		from = p.at + p.length
	}
	out.Write(content[from:])
	return out.Bytes()
}

// locate finds the place of a rule's setting in a rule file that has been
// compiled, so its structure is known to be right.
func locate(content []byte, rule, setting string) (place, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return place{}, fmt.Errorf("reading rules: %w", err)
	}
	f := file{content: content, lines: lineStarts(content)}
	all := valueOf(doc.Content[0], "rules")
	if all == nil {
		return place{}, fmt.Errorf("reading rules: the file has no rules")
	}
	for _, node := range all.Content {
		if id := valueOf(node, "id"); id != nil && follow(id).Value == rule {
			return f.setting(node, setting)
		}
	}
	return place{}, fmt.Errorf("reading rules: the file has no rule %q", rule)
}

// file is a rule file's text.
type file struct {
	content []byte
	lines   []int // where each begins
}

// setting finds the place of a setting in a rule's mapping.
func (f file) setting(rule *yaml.Node, name string) (place, error) {
	of, part, _ := strings.Cut(name, ".")
	in, key, optional := rule, of, true
	switch of {
	case "threshold":
		in, optional = valueOf(rule, "score"), false
	case ofDistinct, ofSurge:
		in, key, optional = valueOf(rule, of), part, false
	case ofStep:
		n, _ := strconv.Atoi(part)
		steps := valueOf(rule, "sequence")
		if steps == nil || steps.Kind != yaml.SequenceNode || n > len(steps.Content) {
			return place{}, fmt.Errorf("the rule has no step %d", n)
		}
		in, key = steps.Content[n-1], "count"
	}
	if in == nil {
		return place{}, fmt.Errorf("the rule has no setting %s", name)
	}
	if in.Kind != yaml.MappingNode || in.Anchor != "" {
		return place{}, fmt.Errorf("line %d: what holds %s is shared by an anchor: write it out in the rule", in.Line, name)
	}
	if v := valueOf(in, key); v != nil {
		return f.scalar(v, name)
	}
	if !optional {
		return place{}, fmt.Errorf("the rule has no setting %s", name)
	}
	return f.newKey(in, key)
}

// scalar is the place of a value that is there.
func (f file) scalar(n *yaml.Node, name string) (place, error) {
	text := n.Value
	switch {
	case n.Kind == yaml.AliasNode:
		text = "*" + text
	case n.Style&yaml.DoubleQuotedStyle != 0:
		text = `"` + text + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		text = "'" + text + "'"
	}
	at, ok := f.offset(n)
	if !ok || n.Anchor != "" || text == "" || !bytes.HasPrefix(f.content[at:], []byte(text)) {
		return place{}, fmt.Errorf("line %d: can't replace the value of %s: write it plainly, as in %[2]s: 10", n.Line, name)
	}
	return place{at: at, length: len(text)}, nil
}

// newKey is the place of a key that is not there: before the mapping's first.
func (f file) newKey(in *yaml.Node, key string) (place, error) {
	flow := in.Style&yaml.FlowStyle != 0
	first := in
	if !flow {
		first = in.Content[0]
	}
	at, ok := f.offset(first)
	switch {
	case !ok || flow && f.content[at] != '{' || !flow && !bytes.HasPrefix(f.content[at:], []byte(first.Value)):
		return place{}, fmt.Errorf("line %d: can't put `%s` in here: write it into the rule first", in.Line, key)
	case flow:
		return place{at: at + 1, before: key + ": ", after: ", "}, nil
	}
	return place{at: at, before: key + ": ", after: "\n" + strings.Repeat(" ", first.Column-1)}, nil
}

// offset is where a node begins, in bytes.
func (f file) offset(n *yaml.Node) (int, bool) {
	if n.Line < 1 || n.Line > len(f.lines) {
		return 0, false
	}
	at := f.lines[n.Line-1]
	for range n.Column - 1 { // of characters
		_, size := utf8.DecodeRune(f.content[at:])
		at += size
	}
	return at, at < len(f.content)
}

func lineStarts(content []byte) []int {
	starts := []int{0}
	for i, c := range content {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// valueOf is the value of a mapping's key, nil if there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	n = follow(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
