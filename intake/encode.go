package intake

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfastd/holdfast"
)

// Append appends e to b as canonical JSON on one line, without what is absent:
// [Decoder.Decode] reads the same event from it. That holds for every event from
// Decode, and for one made otherwise if its strings are UTF-8, its attributes'
// names differ and its fields are in the ranges that Decode checks. Rule and
// Level, which only alerts have, are not written.
func Append(b []byte, e *holdfast.Event) []byte {
	w := writer(append(b, '{'))
	w.text("id", e.ID)
	w.text("time", e.Time.String())
	w.text("type", e.Type)
	w.text("account", e.Account)
	w.text("channel", e.Channel)
	w.text("purpose", e.Purpose)
	w.text("attempt", e.Attempt)
	if e.Session != "" {
		w.open("session")
		w.text("id", e.Session)
		w.close()
	}
	if e.Device != (holdfast.Device{}) {
		w.open("device")
		w.text("id", e.Device.ID)
		w.trust("trusted", e.Device.Trusted)
		w.text("platform", e.Device.Platform)
		w.text("name", e.Device.Name)
		w.close()
	}
	if e.Client != (holdfast.Client{}) {
		w.open("client")
		w.text("ip", e.Client.IP)
		w.text("country", e.Client.Country)
		w.whole("asn", e.Client.ASN)
		w.text("user_agent", e.Client.UserAgent)
		w.degrees("lat", e.Client.Lat)
		w.degrees("lon", e.Client.Lon)
		w.close()
	}
	w.text("phone", e.Phone)
	if len(e.Attrs) > 0 {
		w.open("attrs")
		for _, a := range e.Attrs {
			w.key(a.Name)
			w.quote(a.Value)
		}
		w.close()
	}
	w.close()
	return w
}

// writer is JSON that grows, member by member. A member that is "", 0 or
// unstated is left out.
type writer []byte

func (w *writer) text(key, value string) {
	if value != "" {
		w.key(key)
		w.quote(value)
	}
}

func (w *writer) whole(key string, value int64) {
	if value != 0 {
		w.key(key)
		*w = strconv.AppendInt(*w, value, 10)
	}
}

func (w *writer) degrees(key string, value float64) {
	if value != 0 {
		w.key(key)
		*w = strconv.AppendFloat(*w, value, 'g', -1, 64)
	}
}

func (w *writer) trust(key string, value holdfast.Trust) {
	if value != holdfast.TrustUnstated {
		w.key(key)
		*w = strconv.AppendBool(*w, value == holdfast.Trusted)
	}
}

func (w *writer) open(key string) {
	w.key(key)
	*w = append(*w, '{')
}

func (w *writer) close() { *w = append(*w, '}') }

func (w *writer) key(key string) {
	if last := (*w)[len(*w)-1]; last != '{' {
		*w = append(*w, ',')
	}
	w.quote(key)
	*w = append(*w, ':')
}

// quote appends a JSON string. The error says that s was not UTF-8, which
// Append excludes; what is written is JSON even then.
func (w *writer) quote(s string) { *w, _ = jsontext.AppendQuote(*w, s) }
