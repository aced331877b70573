package holdfast

// Event is one thing that happened to an account, as the service reported it.
// A field that was absent is "", 0 or false; only Time, Type and Account are
// always there. Every string in it is the sender's text and so, for all anyone
// knows, an attacker's.
type Event struct {
	ID      string // the sender's own id, used for nothing but recognizing duplicates
	Time    Instant
	Type    string // one of the Type constants, or "x." and a name of the user's own
	Account string

	Channel string // how a code travels: one of the Channel constants
	Purpose string // what a code is for: one of the Purpose constants
	Attempt string // groups the events of one verification attempt
	Session string // session.id
	Device  Device
	Client  Client
	Phone   string // E.164; something to group by, never an address to write to
	Attrs   []Attr // in the order of the input

	// Set on events of [TypeAlert] alone, which only the engine makes.
	Rule  string
	Level Level
}

// Device is what an event says of the device it came from.
type Device struct {
	ID       string
	Trusted  Trust
	Platform string
	Name     string // an attacker's free text: never shown to anyone
}

// Trust is a boolean that may be absent: an event that does not say whether its
// device is trusted leaves that to the account's profile.
type Trust uint8

// The values of a Trust.
const (
	TrustUnstated Trust = iota
	Untrusted
	Trusted
)

// Client is what an event says of the network it came from.
type Client struct {
	IP        string
	Country   string  // ISO 3166-1 alpha-2
	ASN       int64   // autonomous system number of the network
	UserAgent string  // an attacker's free text: never shown to anyone
	Lat, Lon  float64 // degrees
}

// Attr is one of the service's own fields, under attrs.
type Attr struct{ Name, Value string }

// Attr returns the value of the named attribute, or "" where there is none.
func (e *Event) Attr(name string) string {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			return e.Attrs[i].Value
		}
	}
	return ""
}

// PhonePrefix is the event's E.164 number less its last four digits, or "" for
// what is too short to be one: the number range that an SMS pumping attack
// walks through.
func (e *Event) PhonePrefix() string {
	const line, shortest = 4, 4 + 3 // "+" and a country code at the least
	if len(e.Phone) < shortest || e.Phone[0] != '+' {
		return ""
	}
	for _, c := range []byte(e.Phone[1:]) {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return e.Phone[:len(e.Phone)-line]
}

// The types of event. A type of the user's own starts with [TypeOwnPrefix].
const (
	TypeCodeRequested      = "code.requested"
	TypeCodeDelivered      = "code.delivered"
	TypeCodeDeliveryFailed = "code.delivery_failed"
	TypeCodeRejected       = "code.rejected" // a wrong code was entered
	TypeCodeAccepted       = "code.accepted"
	TypeCodeExpired        = "code.expired"
	TypeLoginSucceeded     = "login.succeeded"
	TypeLoginFailed        = "login.failed"
	TypeSessionStarted     = "session.started"
	TypeSessionEnded       = "session.ended"
	TypeAccountChanged     = "account.changed"
	TypeSIMChanged         = "sim.changed"
	TypeOwnerDenied        = "owner.denied"    // made by Holdfast alone
	TypeOwnerConfirmed     = "owner.confirmed" // made by Holdfast alone
	TypeAlert              = "alert"           // made by Holdfast alone
	TypeOwnPrefix          = "x."
)

// EventTypes lists the built-in types, for checks and suggestions.
var EventTypes = []string{
	TypeCodeRequested, TypeCodeDelivered, TypeCodeDeliveryFailed, TypeCodeRejected,
	TypeCodeAccepted, TypeCodeExpired, TypeLoginSucceeded, TypeLoginFailed,
	TypeSessionStarted, TypeSessionEnded, TypeAccountChanged, TypeSIMChanged,
	TypeOwnerDenied, TypeOwnerConfirmed, TypeAlert,
}

// Channels lists the ways in which a code travels.
var Channels = []string{
	"sms", "voice", "flash_call", "missed_call", "app", "push", "email", "whatsapp", "totp",
}

// Purposes lists what a code is for.
var Purposes = []string{"login", "signup", "recovery", "change"}

// Position is the place of an event in the input log. In a file the partition
// is 0 and the offset the 0-based ordinal of the line.
type Position struct {
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Time      Instant `json:"time"` // event time
}
