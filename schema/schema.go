// Package schema describes rule files and the configuration as JSON Schemas
// (draft 2020-12), so that editors complete, explain and underline while a
// person writes. What tables of [rules] and [config] know, such as keys, levels
// and fields, comes from there; tests prove the rest against the readers
// themselves. A schema says less than `holdfast check`, which alone decides: it
// must never underline what check accepts in a file as people write them.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
)

// Rules returns the schema of rule files, as indented JSON.
func Rules() ([]byte, error) { return render(ruleFile()) }

// Config returns the schema of the configuration, as indented JSON.
func Config() ([]byte, error) { return render(configuration()) }

// render writes a schema with the operators of conditions as they are: its
// encoder writes & < > for a page of HTML.
func render(s *jsonschema.Schema) ([]byte, error) {
	s.Version = jsonschema.Version
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	plain := strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(text))
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(plain), "", "  "); err != nil {
		return nil, fmt.Errorf("indenting the schema: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
