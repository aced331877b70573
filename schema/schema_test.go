package schema_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/holdfastd/holdfast/schema"
)

var update = flag.Bool("update", false, "write the schema files anew")

// TestFilesAreFresh keeps the files, which editors read, the same as what the
// command prints.
func TestFilesAreFresh(t *testing.T) {
	for file, describe := range map[string]func() ([]byte, error){
		"rules.schema.json":  schema.Rules,
		"config.schema.json": schema.Config,
	} {
		got, err := describe()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale; run `go test ./schema -update` (-file +now):\n%s", file, diff)
		}
	}
}

// compiled compiles a schema as a validator of documents.
func compiled(t *testing.T, describe func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	text, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file:///schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("file:///schema.json") // which checks it against the draft's own schema
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parsed reads YAML as an editor does, for whom a date is a text.
func parsed(t *testing.T, text []byte) any {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if document.Kind == 0 {
		return nil
	}
	return value(t, document.Content[0])
}

func value(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.AliasNode:
		return value(t, n.Alias)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = value(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = value(t, c)
		}
		return list
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
