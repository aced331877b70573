package intake_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	everything := fullEvent()
	for _, c := range []struct {
		name  string
		event holdfast.Event
		want  string
	}{
		{"every field, in the order of the documentation", everything, full},
		{
			"what is absent is left out",
			holdfast.Event{Time: instant("2026-11-24T08:34:00Z"), Type: "x.a", Account: "ana"},
			`{"time":"2026-11-24T08:34:00.000Z","type":"x.a","account":"ana"}`,
		},
		{
			"hostile text",
			holdfast.Event{Time: 1, Type: "x.a", Account: "\"}\n\u2028😀", Attrs: []holdfast.Attr{{Name: "\\", Value: ""}}},
			`{"time":"1970-01-01T00:00:00.000000001Z","type":"x.a","account":"\"}\n` + "\u2028😀" + `","attrs":{"\\":""}}`,
		},
		{
			"the largest network and a small angle",
			holdfast.Event{Type: "x.a", Account: "a", Client: holdfast.Client{ASN: 4294967295, Lat: 1e-9}},
			`{"time":"1970-01-01T00:00:00.000Z","type":"x.a","account":"a","client":{"asn":4294967295,"lat":1e-09}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := string(intake.Append([]byte("before "), &c.event))
			if got != "before "+c.want {
				t.Errorf("\n got %s\nwant before %s", got, c.want)
			}
			back, err := decode(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.event, back); diff != "" {
				t.Errorf("read back; -want +got:\n%s", diff)
			}
		})
	}
}
