package intake

import (
	"math"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// scanner reads an event in canonical JSON in one pass, and nothing else: it
// accepts the value or turns it down, and then the general reader decides, which
// knows every rule and every error. So the scanner may turn down whatever would
// make it longer or slower, but what it accepts must be valid to the last byte
// and mean exactly what it means to the general reader. The tests hold the two
// against each other.
//
// Every method takes the position where it starts and returns the one behind
// what it read. A position stays in a register, where a field would be a store
// and a load for each token. Where one is asked whether it is negative, which none
// ever is, that spares the compiler's own checks of what follows.
type scanner struct {
	json string

	// The keys so far that the schema doesn't know: those of the object being
	// read, behind those of the objects around it.
	keys     [maxKeys]string
	keyCount int
}

const (
	// maxKeys bounds the attributes and unknown keys that are held at once, as
	// each is compared to the others of its object.
	maxKeys = 16
	// maxDepth bounds how deep an unknown value is nested.
	maxDepth = 8
	// fail is the position behind what could not be read. It is beyond every
	// value, so that whatever reads on from it meets no byte and fails as well:
	// only the last position has to be looked at.
	fail = math.MaxInt / 2
)

// scan reads an event into e, which is zero but for the memory of its
// attributes. The strings of e are parts of json, save those that are spelt with
// escapes. If it returns false, e holds anything.
func scan(json string, brokerTime time.Time, e *holdfast.Event) bool {
	s := scanner{json: json}
	if s.space(s.event(e)) != len(json) {
		return false
	}
	return e.Account != "" && checkType(e.Type) == nil &&
		(brokerTime.IsZero() || e.Time.Std().Sub(brokerTime) <= maxAhead)
}

// The keys of an object that were there, as a set of bits.
const (
	hasID = 1 << iota
	hasTime
	hasType
	hasAccount
	hasChannel
	hasPurpose
	hasAttempt
	hasSession
	hasDevice
	hasClient
	hasPhone
	hasAttrs
	hasTrusted
	hasPlatform
	hasName
	hasIP
	hasCountry
	hasASN
	hasUserAgent
	hasLat
	hasLon
)

func (s *scanner) event(e *holdfast.Event) int {
	i, has := s.eventInOrder(e)
	var bit uint
	var more bool
	for i, more = s.rest(i, has); more; i, more = s.more(i, '}') {
		switch s.keyword(i) {
		case keyID:
			bit = hasID
			e.ID, i = s.text(s.value(i, "id"))
		case keyTime:
			bit = hasTime
			e.Time, i = s.instant(s.value(i, "time"))
		case keyType:
			bit = hasType
			e.Type, i = s.text(s.value(i, "type"))
		case keyAccount:
			bit = hasAccount
			e.Account, i = s.text(s.value(i, "account"))
		case keyChannel:
			bit = hasChannel
			e.Channel, i = s.text(s.value(i, "channel"))
		case keyPurpose:
			bit = hasPurpose
			e.Purpose, i = s.text(s.value(i, "purpose"))
		case keyAttempt:
			bit = hasAttempt
			e.Attempt, i = s.text(s.value(i, "attempt"))
		case keySession:
			bit, i = hasSession, s.session(s.value(i, "session"), &e.Session)
		case keyDevice:
			bit, i = hasDevice, s.device(s.value(i, "device"), &e.Device)
		case keyClient:
			bit, i = hasClient, s.client(s.value(i, "client"), &e.Client)
		case keyPhone:
			bit = hasPhone
			e.Phone, i = s.text(s.value(i, "phone"))
		case keyAttrs:
			bit, i = hasAttrs, s.attrs(s.value(i, "attrs"), &e.Attrs)
		default:
			bit, i = 0, s.unknown(i, 0)
		}
		if has&bit != 0 {
			return fail
		}
		has |= bit
	}
	if has&hasTime == 0 {
		return fail
	}
	return i
}

func (s *scanner) session(i int, id *string) int {
	i, has := s.sessionInOrder(i, id)
	var more bool
	outer := s.keyCount
	for i, more = s.rest(i, has); more; i, more = s.more(i, '}') {
		switch {
		case s.keyword(i) != keyID:
			i = s.unknown(i, outer)
		case has != 0:
			return fail
		default:
			has = hasID
			*id, i = s.text(s.value(i, "id"))
		}
	}
	s.keyCount = outer
	return i
}

func (s *scanner) device(i int, d *holdfast.Device) int {
	i, has := s.deviceInOrder(i, d)
	var bit uint
	var more bool
	outer := s.keyCount
	for i, more = s.rest(i, has); more; i, more = s.more(i, '}') {
		switch s.keyword(i) {
		case keyID:
			bit = hasID
			d.ID, i = s.text(s.value(i, "id"))
		case keyTrusted:
			bit, i = hasTrusted, s.trust(s.value(i, "trusted"), &d.Trusted)
		case keyPlatform:
			bit = hasPlatform
			d.Platform, i = s.text(s.value(i, "platform"))
		case keyName:
			bit = hasName
			d.Name, i = s.text(s.value(i, "name"))
		default:
			bit, i = 0, s.unknown(i, outer)
		}
		if has&bit != 0 {
			return fail
		}
		has |= bit
	}
	s.keyCount = outer
	return i
}

func (s *scanner) client(i int, c *holdfast.Client) int {
	i, has := s.clientInOrder(i, c)
	var bit uint
	var more bool
	outer := s.keyCount
	for i, more = s.rest(i, has); more; i, more = s.more(i, '}') {
		switch s.keyword(i) {
		case keyIP:
			bit = hasIP
			c.IP, i = s.text(s.value(i, "ip"))
		case keyCountry:
			bit = hasCountry
			c.Country, i = s.text(s.value(i, "country"))
		case keyASN:
			bit, i = hasASN, s.asn(s.value(i, "asn"), &c.ASN)
		case keyUserAgent:
			bit = hasUserAgent
			c.UserAgent, i = s.text(s.value(i, "user_agent"))
		case keyLat:
			bit, i = hasLat, s.degrees(s.value(i, "lat"), 90, &c.Lat)
		case keyLon:
			bit, i = hasLon, s.degrees(s.value(i, "lon"), 180, &c.Lon)
		default:
			bit, i = 0, s.unknown(i, outer)
		}
		if has&bit != 0 {
			return fail
		}
		has |= bit
	}
	s.keyCount = outer
	return i
}

// attrs reads the service's own fields: texts as they are, numbers and booleans
// as their JSON text.
func (s *scanner) attrs(i int, attrs *[]holdfast.Attr) int {
	var name, value string
	var more bool
	outer := s.keyCount
	for i, more = s.object(i); more; i, more = s.more(i, '}') {
		if name, i = s.key(i); !s.isNew(name, outer) {
			return fail
		}
		switch s.at(i) {
		case 'n':
			i = s.word(i, "null")
			continue
		case 't':
			value, i = "true", s.word(i, "true")
		case 'f':
			value, i = "false", s.word(i, "false")
		case '"':
			value, i = s.quoted(i + 1)
		default:
			value, i = s.number(i)
		}
		*attrs = append(*attrs, holdfast.Attr{Name: name, Value: value})
	}
	s.keyCount = outer
	return i
}

// unknown reads over a member that the schema doesn't know. The keys of its
// object start at s.keys[outer].
func (s *scanner) unknown(i, outer int) int {
	if i+keywordSpan > len(s.json) {
		return fail // it may be one that the schema knows
	}
	key, i := s.key(i)
	if !s.isNew(key, outer) {
		return fail
	}
	return s.skip(i, maxDepth)
}

// skip reads over any value.
func (s *scanner) skip(i, depth int) int {
	if depth == 0 {
		return fail
	}
	var more bool
	switch s.at(i) {
	case '{':
		var key string
		outer := s.keyCount
		for i, more = s.begin(i, '}'); more; i, more = s.more(i, '}') {
			if key, i = s.key(i); !s.isNew(key, outer) {
				return fail
			}
			i = s.skip(i, depth-1)
		}
		s.keyCount = outer
	case '[':
		for i, more = s.begin(i, ']'); more; i, more = s.more(i, ']') {
			i = s.skip(i, depth-1)
		}
	case 'n':
		i = s.word(i, "null")
	case 't':
		i = s.word(i, "true")
	case 'f':
		i = s.word(i, "false")
	case '"':
		_, i = s.quoted(i + 1)
	default:
		_, i = s.number(i)
	}
	return i
}

// isNew adds a key to those of its object, which start at s.keys[outer], unless
// it is there already or there is no room.
func (s *scanner) isNew(key string, outer int) bool {
	if s.keyCount == maxKeys || slices.Contains(s.keys[outer:s.keyCount], key) {
		return false
	}
	s.keys[s.keyCount] = key
	s.keyCount++
	return true
}
