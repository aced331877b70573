package intake

import (
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfastd/holdfast"
)

// reader reads one event in canonical JSON, token by token.
//
// The tokens come from jsontext, the strict tokenizer that the standard library
// is about to get, rather than from encoding/json: that one lets the last of two
// equal keys win, matches keys in any case, and quietly replaces broken UTF-8.
// jsontext refuses the first and the last, everywhere in the value and after
// unescaping, also in what is skipped, and nests no deeper than 10,000.
type reader struct {
	value []byte
	json  *jsontext.Decoder
}

// event reads the whole value. The time is returned as it is spelt.
func (r *reader) event(e *holdfast.Event) (at string, err error) {
	token, err := r.token()
	if err != nil {
		return "", err
	}
	if token.Kind() != jsontext.KindBeginObject {
		return "", r.wrongType("", "an object")
	}
	err = r.members(func(key string) error {
		switch key {
		case "id":
			return r.text(key, &e.ID)
		case "time":
			return r.text(key, &at)
		case "type":
			return r.text(key, &e.Type)
		case "account":
			return r.text(key, &e.Account)
		case "channel":
			return r.text(key, &e.Channel)
		case "purpose":
			return r.text(key, &e.Purpose)
		case "attempt":
			return r.text(key, &e.Attempt)
		case "session":
			return r.session(&e.Session)
		case "device":
			return r.device(&e.Device)
		case "client":
			return r.client(&e.Client)
		case "phone":
			return r.text(key, &e.Phone)
		case "attrs":
			return r.attrs(&e.Attrs)
		}
		return r.skip()
	})
	if err != nil {
		return "", err
	}
	switch _, err := r.json.ReadToken(); {
	case err == nil:
		return "", &Error{Reason: InvalidJSON, Offset: r.json.InputOffset(), problem: "is followed by something"}
	case !errors.Is(err, io.EOF):
		return "", r.syntax(err)
	}
	return at, nil
}

func (r *reader) session(id *string) error {
	return r.object("session", func(key string) error {
		if key == "id" {
			return r.text("session.id", id)
		}
		return r.skip()
	})
}

func (r *reader) device(d *holdfast.Device) error {
	return r.object("device", func(key string) error {
		switch key {
		case "id":
			return r.text("device.id", &d.ID)
		case "trusted":
			return r.trust("device.trusted", &d.Trusted)
		case "platform":
			return r.text("device.platform", &d.Platform)
		case "name":
			return r.text("device.name", &d.Name)
		}
		return r.skip()
	})
}

func (r *reader) client(c *holdfast.Client) error {
	return r.object("client", func(key string) error {
		switch key {
		case "ip":
			return r.text("client.ip", &c.IP)
		case "country":
			return r.text("client.country", &c.Country)
		case "asn":
			return r.asn("client.asn", &c.ASN)
		case "user_agent":
			return r.text("client.user_agent", &c.UserAgent)
		case "lat":
			return r.degrees("client.lat", 90, &c.Lat)
		case "lon":
			return r.degrees("client.lon", 180, &c.Lon)
		}
		return r.skip()
	})
}

// attrs reads the service's own fields: texts as they are, numbers and booleans
// as their JSON text.
func (r *reader) attrs(attrs *[]holdfast.Attr) error {
	return r.object("attrs", func(name string) error {
		token, err := r.token()
		if err != nil {
			return err
		}
		switch token.Kind() {
		case jsontext.KindNull:
			return nil
		case jsontext.KindString, jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
			*attrs = append(*attrs, holdfast.Attr{Name: name, Value: token.String()})
			return nil
		}
		return r.wrongType("attrs", "flat")
	})
}

// object reads an object; null is an absent one.
func (r *reader) object(field string, member func(key string) error) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return nil
	case jsontext.KindBeginObject:
		return r.members(member)
	}
	return r.wrongType(field, "an object")
}

// members reads an object from behind its opening brace to behind its closing
// one. For every key, member reads the value.
func (r *reader) members(member func(key string) error) error {
	for {
		token, err := r.token()
		if err != nil {
			return err
		}
		if token.Kind() == jsontext.KindEndObject {
			return nil
		}
		if err := member(token.String()); err != nil {
			return err
		}
	}
}

// text reads a string; null is an absent one.
func (r *reader) text(field string, to *string) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return nil
	case jsontext.KindString:
		*to = token.String()
		return nil
	}
	return r.wrongType(field, "a string")
}

// trust reads a boolean; null is an absent one.
func (r *reader) trust(field string, to *holdfast.Trust) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return nil
	case jsontext.KindTrue:
		*to = holdfast.Trusted
		return nil
	case jsontext.KindFalse:
		*to = holdfast.Untrusted
		return nil
	}
	return r.wrongType(field, "true or false")
}

// asn reads an autonomous system number, 32 bits since RFC 6793.
func (r *reader) asn(field string, to *int64) error {
	return r.number(field, "a whole number from 0 to 4294967295", func(text string) bool {
		n, err := strconv.ParseUint(text, 10, 32)
		*to = int64(n)
		return err == nil
	})
}

// degrees reads an angle of at most limit to either side of 0.
func (r *reader) degrees(field string, limit float64, to *float64) error {
	return r.number(field, "a number of degrees", func(text string) bool {
		n, err := strconv.ParseFloat(text, 64)
		*to = n + 0 // -0 is 0, as for one that is absent
		return err == nil && -limit <= n && n <= limit
	})
}

// number reads a number; null is an absent one. parse gets its JSON text and
// says whether it is what it should be.
func (r *reader) number(field, what string, parse func(text string) bool) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	switch {
	case token.Kind() == jsontext.KindNull:
		return nil
	case token.Kind() == jsontext.KindNumber && parse(token.String()):
		return nil
	}
	return r.wrongType(field, what)
}

// skip reads over the value of an unknown key, as strictly as over any other.
func (r *reader) skip() error {
	if err := r.json.SkipValue(); err != nil {
		return r.syntax(err)
	}
	return nil
}

func (r *reader) token() (jsontext.Token, error) {
	token, err := r.json.ReadToken()
	if err != nil {
		return token, r.syntax(err)
	}
	return token, nil
}

func (r *reader) wrongType(field, want string) *Error {
	return &Error{Reason: WrongType, Field: field, Offset: r.json.InputOffset(), problem: "is not " + want}
}

// syntax gives the tokenizer's error its reason.
func (r *reader) syntax(err error) *Error {
	e := &Error{Reason: InvalidJSON, Offset: r.json.InputOffset(), problem: "is not JSON"}
	exact := false
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e.Offset = syntactic.ByteOffset
		e.Field, exact = knownField(string(syntactic.JSONPointer))
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && exact:
		e.Reason, e.problem = DuplicateKey, "is there twice"
	case errors.Is(err, jsontext.ErrDuplicateName):
		e.Reason, e.problem = DuplicateKey, "holds a key twice"
	case !utf8.Valid(r.value) || r.validButForSurrogates():
		e.Reason, e.problem = InvalidUTF8, "is not UTF-8"
	}
	return e
}

// validButForSurrogates reports whether nothing but half surrogate pairs (and
// keys that are there twice) keeps the value from being JSON.
func (r *reader) validButForSurrogates() bool {
	return jsontext.Value(r.value).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}
