package sigma

import "gopkg.in/yaml.v3"

// What a Sigma rule may say in texts alone. Whatever else stands there would be
// read as if it were not there.
var (
	textKeys = []string{"title", "id", "name", "description", "level", "status", "taxonomy"}
	listKeys = []string{"tags", "falsepositives", "references", "fields", "author"}
)

// texts refuses those of the keys whose value is not one text, and reports whether
// there is none.
func (i *importer) texts(m *mapping, keys ...string) bool {
	ok := true
	for _, key := range keys {
		if n := m.values[key]; n != nil && n.Kind != yaml.ScalarNode {
			i.refuse(m.reader, n, "`%s` must be a text", key)
			ok = false
		}
	}
	return ok
}

// lists refuses those of the keys whose value is neither one text nor a list of
// texts, at what is none, and reports whether there is none.
func (i *importer) lists(m *mapping, keys ...string) bool {
	ok := true
	for _, key := range keys {
		n := m.values[key]
		if n == nil || n.Kind == yaml.ScalarNode {
			continue
		}
		if n.Kind != yaml.SequenceNode {
			i.refuse(m.reader, n, "`%s` must be a text or a list of texts", key)
			ok = false
			continue
		}
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				i.refuse(m.reader, item, "`%s` must be a text or a list of texts, and this is neither", key)
				ok = false
			}
		}
	}
	return ok
}
