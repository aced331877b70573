package pack_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/rules")

const pages = "../../docs/rules/"

// TestPagesShowTheRulesAsTheyAre compares what a rule's page says of level, counts
// and times with the rule. -update rewrites these parts; the prose is by hand.
func TestPagesShowTheRulesAsTheyAre(t *testing.T) {
	texts := ruleTexts(t)
	set := compiled(t)
	for _, r := range set.Rules {
		name := pages + r.ID + ".md"
		page := read(t, name)
		for _, heading := range []string{"# " + r.ID, "## What it sees", "## Why it matters", "## What an owner reads", "## How to tune it", "## Where the figures come from", "## The rule"} {
			if !strings.Contains(page, heading+"\n\n") {
				t.Errorf("%s has no %q", name, heading)
			}
		}
		want := fill(t, page, "facts", facts(r))
		want = fill(t, want, "rule", "```yaml\n"+texts[r.ID]+"```\n")
		keep(t, name, page, want)
	}
	files, err := filepath.Glob(pages + "*.md")
	if err != nil || len(files) != len(set.Rules)+1 {
		t.Errorf("%d pages for %d rules and an index, %v", len(files), len(set.Rules), err)
	}
	index := read(t, pages+"README.md")
	var table strings.Builder
	table.WriteString("| rule | level | subject | what follows |\n|---|---|---|---|\n")
	for _, r := range set.Rules {
		fmt.Fprintf(&table, "| [%s](%s.md): %s | %s | %s | %s |\n", r.ID, r.ID, lower(r.Title), r.Level, subject(r), follows(r))
	}
	keep(t, pages+"README.md", index, fill(t, index, "rules", table.String()))
}

// TestExamplesOfTuningWork puts the keys that a page proposes into its rule.
func TestExamplesOfTuningWork(t *testing.T) {
	for _, r := range compiled(t).Rules {
		section := between(read(t, pages+r.ID+".md"), "## How to tune it", "## Where")
		example := between(section, "```yaml\n", "```")
		var changes yaml.Node
		if err := yaml.Unmarshal([]byte(example), &changes); err != nil || changes.Kind != yaml.DocumentNode {
			t.Errorf("the page of %s has no example, or no YAML: %v", r.ID, err)
			continue
		}
		tuned := sources(t)
		for i := range tuned {
			if tuned[i].Name == r.File {
				tuned[i].Content = tune(t, tuned[i].Content, r.ID, changes.Content[0])
			}
		}
		after, err := rules.Compile(tuned, rules.Options{})
		if err != nil {
			t.Errorf("the example on the page of %s does not compile: %v", r.ID, err)
			continue
		}
		if len(after.Warnings) > 0 {
			t.Errorf("the example on the page of %s has warnings: %v", r.ID, after.Warnings)
		}
	}
}

// tune sets keys of a rule to other values.
func tune(t *testing.T, content []byte, id string, changes *yaml.Node) []byte {
	t.Helper()
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	list := file.Content[0].Content[1]
	for _, rule := range list.Content {
		if rule.Content[1].Value != id {
			continue
		}
		for i := 0; i < len(changes.Content); i += 2 {
			key := 0 // the keys stand at the even places
			for key < len(rule.Content) && rule.Content[key].Value != changes.Content[i].Value {
				key += 2
			}
			rule.Content = slices.Replace(rule.Content, key, min(key+2, len(rule.Content)), changes.Content[i:i+2]...)
		}
	}
	tuned, err := yaml.Marshal(&file)
	if err != nil {
		t.Fatal(err)
	}
	return tuned
}

// TestPagesQuoteTheMessages holds what a page says that an owner reads against the
// message's title, as it is rendered.
func TestPagesQuoteTheMessages(t *testing.T) {
	messages := read(t, "../../notify/testdata/en.golden")
	for _, r := range compiled(t).Rules {
		for _, x := range r.Respond {
			if x.Kind != holdfast.NotifyOwner {
				continue
			}
			_, message, found := strings.Cut(messages, "=== "+x.Template+": nothing known, no session is ended\n")
			title, _, _ := strings.Cut(message, "\n")
			section := between(read(t, pages+r.ID+".md"), "## What an owner reads", "## How")
			if !found || !strings.Contains(strings.ReplaceAll(section, "\n", " "), `"`+title+`"`) {
				t.Errorf("the page of %s does not quote %q", r.ID, title)
			}
		}
	}
}

// ruleTexts are the rules as they stand in their files, by id, moved to the left.
func ruleTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, s := range sources(t) {
		for _, text := range strings.Split(string(s.Content), "\n  - id: ")[1:] {
			id, _, _ := strings.Cut(text, "\n")
			texts[id] = "- id: " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n  ", "\n") + "\n"
		}
	}
	return texts
}

// facts are a rule's level, subject, techniques and responses, for its page.
func facts(r *rules.Rule) string {
	var techniques []string
	for _, tag := range r.Tags {
		if technique.MatchString(tag) {
			id := strings.ToUpper(strings.TrimPrefix(tag, "attack."))
			techniques = append(techniques, fmt.Sprintf("[%s](https://attack.mitre.org/techniques/%s/)", id, strings.ReplaceAll(id, ".", "/")))
		}
	}
	return fmt.Sprintf("**%s**\n\n| level | subject | ATT&CK | what follows |\n|---|---|---|---|\n| %s | %s | %s | %s |\n",
		r.Title, r.Level, subject(r), strings.Join(techniques, ", "), follows(r))
}

func subject(r *rules.Rule) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.File, "pack/"), ".yaml")
}

// follows says what an alert of the rule leads to.
func follows(r *rules.Rule) string {
	var parts []string
	for _, x := range r.Respond {
		switch x.Kind {
		case holdfast.NotifyOwner:
			how := map[holdfast.Level]string{holdfast.High: ", SMS after a minute if unseen", holdfast.Critical: " and SMS at once"}[r.Level]
			parts = append(parts, "the owner is told in the app"+how)
		case holdfast.TerminateSessions:
			parts = append(parts, "suspect sessions are ended")
		}
	}
	if len(parts) == 0 {
		return "an alert for the security team"
	}
	return strings.Join(parts, "; ")
}

func lower(title string) string {
	if strings.HasPrefix(title, "SIM") {
		return title
	}
	return strings.ToLower(title[:1]) + title[1:]
}

// fill puts text between the markers of a page.
func fill(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("a page has no %s: %.40q", begin, page)
	}
	return before + begin + "\n" + text + "\n" + end + after
}

func between(page, from, to string) string {
	_, rest, _ := strings.Cut(page, from)
	part, _, _ := strings.Cut(rest, to)
	return part
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func keep(t *testing.T, name, page, want string) {
	t.Helper()
	switch {
	case page == want:
	case *update:
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not show the rule as it is; run go test ./rules/pack -update (-want +got):\n%s", name, cmp.Diff(want, page))
	}
}
