package simulate

import (
	"strconv"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

var kinds = [...]string{
	codeRequested: holdfast.TypeCodeRequested, codeDelivered: holdfast.TypeCodeDelivered,
	codeDeliveryFailed: holdfast.TypeCodeDeliveryFailed, codeRejected: holdfast.TypeCodeRejected,
	codeAccepted: holdfast.TypeCodeAccepted, codeExpired: holdfast.TypeCodeExpired,
	loginSucceeded: holdfast.TypeLoginSucceeded, loginFailed: holdfast.TypeLoginFailed,
	sessionStarted: holdfast.TypeSessionStarted, sessionEnded: holdfast.TypeSessionEnded,
	sessionSeen: "x.session.seen", accountChanged: holdfast.TypeAccountChanged, simChanged: holdfast.TypeSIMChanged,
}

var channels = [...]string{"", "sms", "voice", "app", "push", "email", "whatsapp", "totp"}

var purposes = [...]string{"", "login", "signup", "recovery", "change"}

const (
	noDetail detail = iota
	firstFactor
	secondFactor
	fromCarrier
	gatewayOne
	gatewayTwo
	ranOut
	overLimit
	ended
	newName
	newPhoto
	newNotifications
	newPassword
	newSecondFactor
	newRecovery
	newEmail
	newNumber
	supportEmail
	supportNumber
	supportSecondFactor
)

// details is how they are spelled, between the braces of attrs.
var details = [...]string{
	noDetail: "", firstFactor: `"factor":"first"`, secondFactor: `"factor":"second"`, fromCarrier: `"source":"carrier"`,
	gatewayOne: `"gateway":"eu-1"`, gatewayTwo: `"gateway":"eu-2"`,
	ranOut: `"reason":"expired"`, overLimit: `"reason":"limit"`, ended: `"reason":"ended_elsewhere"`,
	newName: `"field":"name"`, newPhoto: `"field":"photo"`, newNotifications: `"field":"notifications"`,
	newPassword: `"field":"password"`, newSecondFactor: `"field":"2fa"`, newRecovery: `"field":"recovery"`,
	newEmail: `"field":"email"`, newNumber: `"field":"phone"`,
	supportEmail: `"field":"email","by":"support"`, supportNumber: `"field":"recovery","by":"support"`,
	supportSecondFactor: `"field":"2fa","by":"support"`,
}

var (
	gateways  = []detail{gatewayOne, gatewayTwo}
	harmless  = []detail{newName, newPhoto, newNotifications}
	bySupport = []detail{supportEmail, supportNumber, supportSecondFactor}
)

// write appends a step as a line of JSON, with the keys in the order that the
// decoder reads fastest.
func (w *world) write(b []byte, s *step) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, w.mix(s.order, saltEvent), 13)
	b = appendID(b, w.mix(s.order, saltEvent+1), 7)
	b = append(b, `","time":"`...)
	b = w.days.appendTime(b, s.at)
	b = append(b, `","type":"`...)
	b = append(b, kinds[s.kind]...)
	b = append(b, `","account":"`...)
	b = appendAccount(b, s.account)
	b = append(b, '"')
	if s.channel != noChannel {
		b = append(b, `,"channel":"`...)
		b = append(b, channels[s.channel]...)
		b = append(b, `","purpose":"`...)
		b = append(b, purposes[s.purpose]...)
		b = append(b, `","attempt":"a_`...)
		b = appendID(b, s.attempt, 10)
		b = append(b, '"')
	}
	if s.session != 0 {
		b = append(b, `,"session":{"id":"s_`...)
		b = appendID(b, s.session, 12)
		b = append(b, `"}`...)
	}
	if s.online {
		b = w.appendOnline(b, s)
	}
	if s.phone != 0 {
		b = append(b, `,"phone":"`...)
		b = append(b, w.atlas.cities[s.phone.city()].dial...)
		b = appendDigits(b, int(s.phone.digits()), 7)
		b = append(b, '"')
	}
	if s.online || s.detail != noDetail {
		b = append(b, `,"attrs":{`...)
		b = append(b, details[s.detail]...)
		if s.online {
			if s.detail != noDetail {
				b = append(b, ',')
			}
			b = append(b, `"app_version":"`...)
			b = append(b, w.version(s)...)
			b = append(b, '"')
		}
		b = append(b, '}')
	}
	return append(b, '}', '\n')
}

// version is that of the app on the step's device.
func (w *world) version(s *step) string {
	if models[s.model].platform == "web" {
		return versions[0]
	}
	return versions[w.mix(s.device, saltVersion)%uint64(len(versions))]
}

// appendOnline writes the device and the client.
func (w *world) appendOnline(b []byte, s *step) []byte {
	m := &models[s.model]
	b = append(b, `,"device":{"id":"d_`...)
	b = appendID(b, s.device, 12)
	switch s.trust {
	case holdfast.Trusted:
		b = append(b, `","trusted":true,"platform":"`...)
	case holdfast.Untrusted:
		b = append(b, `","trusted":false,"platform":"`...)
	default:
		b = append(b, `","platform":"`...)
	}
	b = append(b, m.platform...)
	if s.kind == loginSucceeded || s.kind == sessionStarted {
		b = append(b, `","name":"`...)
		b = append(b, m.name...)
	}
	n := &w.atlas.networks[s.client.network]
	c := &w.atlas.cities[n.city]
	b = append(b, `"},"client":{"ip":"10.`...)
	b = strconv.AppendUint(b, uint64(s.client.network), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(s.client.address>>8), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(s.client.address&255), 10)
	b = append(b, `","country":"`...)
	b = append(b, c.country...)
	b = append(b, `","asn":`...)
	b = strconv.AppendUint(b, uint64(n.asn), 10)
	b = append(b, `,"user_agent":"`...)
	if app, rest, found := strings.Cut(m.agent, " "); found && m.platform != "web" {
		b = append(b, app...)
		b = append(b, '/')
		b = append(b, w.version(s)...)
		b = append(b, ' ')
		b = append(b, rest...)
	} else {
		b = append(b, m.agent...)
	}
	// Addresses are located to within some kilometers, those of a carrier in the
	// middle of the city.
	lat, lon := c.lat, c.lon
	if n.kind == fixedLine {
		place := w.mix(uint64(s.client.network)<<8|uint64(s.client.address>>8), saltPlace)
		lat += int32(place%1000) - 500
		lon += int32(place>>16%1000) - 500
	}
	b = append(b, `","lat":`...)
	b = appendDegrees(b, lat)
	b = append(b, `,"lon":`...)
	b = appendDegrees(b, lon)
	return append(b, '}')
}

// appendDegrees writes ten thousandths as a decimal.
func appendDegrees(b []byte, tenThousandths int32) []byte {
	if tenThousandths < 0 {
		b = append(b, '-')
		tenThousandths = -tenThousandths
	}
	b = strconv.AppendInt(b, int64(tenThousandths/10_000), 10)
	b = append(b, '.')
	return appendDigits(b, int(tenThousandths%10_000), 4)
}

// appendDigits writes a number with leading zeros.
func appendDigits(b []byte, n, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// appendID spells a number with so many of 32 characters.
func appendID(b []byte, n uint64, width int) []byte {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	for range width {
		b = append(b, alphabet[n>>59])
		n <<= 5
	}
	return b
}

// accountNumber scatters an account's index, so that ids say nothing of the
// account's age: a permutation of the numbers of 40 bits.
func accountNumber(index uint64) uint64 {
	const mask = 1<<40 - 1
	index = index * 0x9e3779b97d & mask
	index ^= index >> 21
	return index * 0xd1342543dd & mask
}

func appendAccount(b []byte, index uint64) []byte {
	return appendID(append(b, 'u', '_'), accountNumber(index)<<24, 8)
}

// calendar remembers how the last day was spelled.
type calendar struct {
	day  int64
	text []byte
}

// appendTime writes a time as RFC 3339 in UTC, to the millisecond.
func (c *calendar) appendTime(b []byte, at holdfast.Instant) []byte {
	ms := int64(at) / int64(time.Millisecond)
	const perDay = 24 * 60 * 60 * 1000
	if day := ms / perDay; day != c.day || c.text == nil {
		c.day = day
		c.text = time.Unix(day*24*60*60, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T")
	}
	b = append(b, c.text...)
	ms %= perDay
	b = appendDigits(b, int(ms/3_600_000), 2)
	b = append(b, ':')
	b = appendDigits(b, int(ms/60_000%60), 2)
	b = append(b, ':')
	b = appendDigits(b, int(ms/1000%60), 2)
	b = append(b, '.')
	b = appendDigits(b, int(ms%1000), 3)
	return append(b, 'Z')
}
