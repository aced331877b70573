package sigma

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/internal/diag"
	"github.com/holdfastd/holdfast/rules"
	"github.com/holdfastd/holdfast/rules/expression"
)

// correlation is a correlation while it is turned into a rule.
type correlation struct {
	*importer
	document *document
	body     *mapping
	kind     string
	based    []*document // the rules it names, in their order
	matches  []expr      // theirs
	aliases  map[string]*mapping
	ok       bool
}

func (c *correlation) fail(n *yaml.Node, format string, args ...any) {
	c.refuse(c.document.reader, n, format, args...)
	c.ok = false
}

func (c *correlation) failHint(n *yaml.Node, hint, format string, args ...any) {
	c.refuseHint(c.document.reader, n, hint, format, args...)
	c.ok = false
}

// correlation turns one correlation into the text of a rule; false if something
// in it was refused.
func (i *importer) correlation(d *document) (string, bool) {
	body := i.mappingOf(d.reader, d.values["correlation"], "`correlation`")
	if body == nil {
		return "", false
	}
	c := &correlation{importer: i, document: d, body: body, kind: body.text("type"), ok: i.supported(d)}
	c.ok = i.texts(body, "type", "timespan") && c.ok
	c.ok = i.lists(body, "group-by") && c.ok
	for _, key := range body.names {
		if !slices.Contains([]string{"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"}, key) {
			c.fail(body.keys[key], "`%s` in a correlation is not supported", key)
		}
	}
	if d.has("detection") || d.has("logsource") {
		c.fail(d.node, "a correlation has no detection of its own")
	}
	c.generate(d)
	c.generate(&document{mapping: body})
	c.rules()
	c.readAliases()
	out := written{
		title: d.text("title"), description: d.text("description"),
		groupBy: c.groupBy(), timespan: c.timespan(),
		tags: values(d.texts("tags")), falsepositives: values(d.texts("falsepositives")),
	}
	if out.title == "" {
		c.fail(d.node, "the correlation has no `title`")
	}
	c.level(&out)
	c.status(&out)
	c.operator(&out)
	if !c.ok {
		return "", false
	}
	name := d.text("name")
	if name == "" {
		name = out.title
	}
	out.comments = c.origin()
	out.id = i.id(name)
	text := out.text()
	if !c.compiles(text, out) {
		delete(i.ids, out.id)
		return "", false
	}
	return text, true
}

// generate refuses to turn the rules themselves into rules.
func (c *correlation) generate(d *document) {
	if v := d.values["generate"]; v != nil && v.Value != "false" {
		c.fail(v, "`generate` is not supported: the rules below a correlation are not turned into rules of their own")
	}
}

// rules finds the rules that the correlation names, and translates them.
func (c *correlation) rules() {
	refs := c.body.texts("rules")
	at := c.body.node
	if n := c.body.values["rules"]; n != nil {
		at = n
		if len(refs) != max(1, len(n.Content)) {
			c.fail(n, "`rules` must be a list of names and ids")
		}
	}
	if len(refs) == 0 || len(refs) > maxRules {
		c.fail(at, "a correlation names between 1 and %d `rules`", maxRules)
		return
	}
	for _, ref := range refs {
		base := c.byRef[ref.Value]
		switch {
		case base == nil:
			c.failHint(ref, diag.Suggest(ref.Value, c.refNames()), "there is no Sigma rule `%s` in the files", ref.Value)
		case base.has("correlation"):
			c.fail(ref, "`%s` is a correlation itself; a correlation of correlations is not supported", ref.Value)
		default:
			base.used = true
			e, ok := c.translate(base)
			if !ok {
				c.ok = false // which has been reported, at the rule
			}
			c.based, c.matches = append(c.based, base), append(c.matches, e)
		}
	}
}

func (c *correlation) refNames() []string {
	names := make([]string, 0, len(c.byRef))
	for name := range c.byRef {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *correlation) readAliases() {
	n := c.body.values["aliases"]
	if n == nil || blank(n) {
		return
	}
	m := c.mappingOf(c.document.reader, n, "`aliases`")
	if m == nil {
		c.ok = false
		return
	}
	c.aliases = map[string]*mapping{}
	for _, name := range m.names {
		fields := c.mappingOf(c.document.reader, m.values[name], "an alias")
		if fields == nil {
			c.ok = false
			return
		}
		for _, ref := range fields.names {
			if !slices.Contains(c.based, c.byRef[ref]) {
				c.fail(fields.keys[ref], "the alias names rule `%s`, which is not in the correlation", ref)
			}
		}
		c.aliases[name] = fields
	}
}

// field finds the one field that a name means in all rules of the correlation.
func (c *correlation) field(n *yaml.Node) string {
	alias := c.aliases[n.Value]
	if alias == nil {
		return c.fieldNamed(n)
	}
	meant := ""
	for _, base := range c.based {
		source := alias.values[base.text("name")]
		if source == nil {
			source = alias.values[base.text("id")]
		}
		if source == nil || source.Kind != yaml.ScalarNode {
			c.fail(n, "alias `%s` has no field for rule `%s`", n.Value, base.text("name"))
			return ""
		}
		f := c.fieldNamed(source)
		if f == "" {
			return ""
		}
		if meant != "" && f != meant {
			c.fail(n, "alias `%s` is `%s` in one rule and `%s` in another, and a rule groups by the same field of every event", n.Value, meant, f)
			return ""
		}
		meant = f
	}
	return meant
}

func (c *correlation) fieldNamed(n *yaml.Node) string {
	f, known := c.mapping.field(n.Value)
	switch {
	case !known:
		c.unmapped(c.document.reader, n, n.Value)
		c.ok = false
	case f.values != nil:
		c.fail(n, "the mapping gives `%s` values but no field to count or group by", n.Value)
		return ""
	}
	return f.name
}

func (c *correlation) groupBy() []string {
	var fields []string
	for _, n := range c.body.texts("group-by") {
		if f := c.field(n); f != "" && !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

var sigmaTimespan = regexp.MustCompile(`^[0-9]{1,7}[smhdw]$`)

func (c *correlation) timespan() string {
	n := c.body.values["timespan"]
	if n == nil {
		c.fail(c.body.node, "the correlation has no `timespan`")
		return ""
	}
	d, err := expression.ParseDuration(n.Value)
	if !sigmaTimespan.MatchString(n.Value) || err != nil || d < time.Second {
		c.fail(n, "`timespan` must be a number and one of s, m, h, d and w, such as 10m")
	}
	return n.Value
}

// level takes the correlation's own, or the gravest of the rules'.
func (c *correlation) level(out *written) {
	if n := c.document.values["level"]; n != nil {
		if out.level = n.Value; !slices.Contains(holdfast.Levels, n.Value) {
			c.fail(n, "`level` must be one of %s", strings.Join(holdfast.Levels, ", "))
		}
		return
	}
	gravest := -1
	for _, base := range c.based {
		gravest = max(gravest, slices.Index(holdfast.Levels, base.text("level")))
	}
	out.level, out.levelNote = "low", "Sigma gives none: choose one"
	if gravest >= 0 {
		out.level, out.levelNote = holdfast.Levels[gravest], "that of a rule in the correlation, which gives none: choose one"
	}
}

func (c *correlation) status(out *written) {
	out.status = string(holdfast.Test)
	switch s := c.document.text("status"); s {
	case "", "test", "unsupported": // the last has been refused
	case "stable", "experimental":
		out.statusNote = "`" + s + "` in Sigma"
	case "deprecated":
		out.status = string(holdfast.Deprecated)
	default:
		c.fail(c.document.values["status"], "unknown status `%s`", s)
	}
	for _, base := range c.based {
		if base.text("status") == "deprecated" && out.statusNote == "" {
			out.statusNote = "a rule in the correlation is deprecated in Sigma"
		}
	}
}

// operator reads what belongs to the correlation's type.
func (c *correlation) operator(out *written) {
	switch c.kind {
	case "event_count":
		out.match = anyOf(unique(c.matches)...).text
		out.count = c.threshold("a count of events")
		if n := c.conditionKey("field"); n != nil {
			c.fail(n, "`field` belongs to value_count")
		}
	case "value_count":
		out.match = anyOf(unique(c.matches)...).text
		out.count = c.threshold("a count of values")
		switch n := c.conditionKey("field"); {
		case n == nil:
			c.fail(c.body.node, "value_count has no `field` in its condition")
		case n.Kind != yaml.ScalarNode:
			c.fail(n, "value_count of several fields is not supported")
		default:
			out.distinct = c.field(n)
		}
	case "temporal_ordered":
		for _, m := range c.matches {
			out.sequence = append(out.sequence, m.text)
		}
		if n := c.body.values["condition"]; n != nil && c.threshold("a number of rules") != len(c.based) {
			c.fail(n, "a condition that not all rules have to be met is not supported")
		}
	case "":
		c.fail(c.body.node, "the correlation has no `type`")
	case "temporal":
		c.failHint(c.body.values["type"], "if the order is known, write temporal_ordered", "type `temporal` is not supported: a sequence has an order")
	default:
		c.fail(c.body.values["type"], "type `%s` is not supported, only event_count, value_count and temporal_ordered", c.kind)
	}
	if slices.ContainsFunc(c.matches, func(e expr) bool { return e.long }) || anyOf(c.matches...).long && c.kind != "temporal_ordered" {
		c.fail(c.document.node, "the detections make a condition longer than %d bytes", expression.MaxLength)
	}
}

func unique(matches []expr) []expr {
	var all []expr
	for _, m := range matches {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

func (c *correlation) conditionKey(key string) *yaml.Node {
	n := c.body.values["condition"]
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for at := 0; at+1 < len(n.Content); at += 2 {
		if n.Content[at].Value == key {
			return n.Content[at+1]
		}
	}
	return nil
}

// threshold reads the least count at which the correlation holds; 0 if there is
// none.
func (c *correlation) threshold(of string) int {
	n := c.body.values["condition"]
	if n == nil {
		c.fail(c.body.node, "the correlation has no `condition`")
		return 0
	}
	if n.Kind != yaml.MappingNode {
		c.fail(n, "only a condition such as {gte: 10} is supported")
		return 0
	}
	m := c.mappingOf(c.document.reader, n, "`condition`")
	if m == nil {
		c.ok = false
		return 0
	}
	least, found := 0, false
	for _, key := range m.names {
		v := m.values[key]
		switch {
		case key == "field":
			continue
		case key != "gt" && key != "gte":
			c.fail(m.keys[key], "condition `%s` is not supported: a rule fires as soon as there is enough, so only gt and gte have a meaning", key)
			continue
		case found:
			c.fail(m.keys[key], "gt and gte can't stand together")
			continue
		}
		count, err := strconv.Atoi(v.Value)
		if key == "gt" {
			count++
		}
		if v.Kind != yaml.ScalarNode || err != nil || count < 1 || count > rules.MaxCount {
			c.fail(v, "%s must be a whole number, and at least 1 and at most %d have to be enough", of, rules.MaxCount)
			continue
		}
		least, found = count, true
	}
	if !found && c.ok {
		c.fail(n, "the condition has no `gt` or `gte`")
	}
	return least
}

// compiles checks the rule as Holdfast would.
func (c *correlation) compiles(text string, out written) bool {
	set, err := rules.Compile([]rules.Source{{Name: out.id, Content: []byte("rules:\n" + text)}}, rules.Options{})
	if err != nil {
		message := err.Error()
		if list, ok := errors.AsType[diag.List](err); ok && len(list) > 0 {
			message = list[0].Message
		}
		c.fail(c.document.node, "the correlation can't be a rule: %s", message)
		return false
	}
	for _, p := range set.Rules[0].Conditions() {
		if p.SeesAlerts {
			c.fail(c.document.node, "a Sigma rule can't be about Holdfast's alerts")
			return false
		}
	}
	return true
}

func values(nodes []*yaml.Node) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Value
	}
	return all
}
