package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// maxAccounts is how many accounts have a phone number of their own: ten area
// codes, each with the hundred numbers 555-0100 to 555-0199 that are kept for
// fiction.
const maxAccounts = 1000

// Contact is an owner's entry in the service's directory.
type Contact struct {
	Account  string
	Locale   string // BCP 47
	TimeZone string // of the IANA database
	Phone    string // E.164
}

// person is an account and the one it belongs to.
type person struct {
	Contact
	client   holdfast.Client
	phone    holdfast.Device // logged in for weeks
	session  string          // the phone's
	computer holdfast.Device // logs in each time

	busyUntil time.Duration // on the schedule: logged in, or under attack
	newDevice time.Time     // when the last one was added
}

// place is where somebody lives. Networks are from the numbers that RFC 5398
// keeps for documentation.
type place struct {
	country, locale, zone string
	asn                   int64
	lat, lon              float64
}

var places = []place{
	{"GB", "en", "Europe/London", 64496, 51.51, -0.13},
	{"US", "en", "America/New_York", 64497, 40.71, -74.01},
	{"CH", "de", "Europe/Zurich", 64498, 47.37, 8.54},
	{"DE", "de", "Europe/Berlin", 64499, 52.52, 13.40},
	{"AT", "de", "Europe/Vienna", 64500, 48.21, 16.37},
	{"IE", "en", "Europe/Dublin", 64501, 53.35, -6.26},
	{"CA", "en", "America/Toronto", 64502, 43.65, -79.38},
	{"AU", "en", "Australia/Sydney", 64503, -33.87, 151.21},
}

// names are the first accounts; those after them have a number. They live in
// the places, in turn.
var names = []string{
	"ana", "ben", "chloe", "deniz", "emil", "fiona", "george", "hazel",
	"imani", "jack", "katrin", "lukas", "moritz", "niamh", "omar", "piper",
	"quinn", "rosa", "selin", "theo", "uli", "vera", "wes", "xenia", "yusuf", "zoe",
}

var areas = []int{201, 202, 212, 312, 404, 415, 503, 617, 702, 808}

var phones = []holdfast.Device{
	{Platform: "ios", Name: "iPhone"},
	{Platform: "android", Name: "Pixel"},
	{Platform: "android", Name: "Galaxy"},
}

var computers = []holdfast.Device{
	{Platform: "chromeos", Name: "Chromebook"},
	{Platform: "macos", Name: "MacBook"},
	{Platform: "windows", Name: "Windows PC"},
}

// cast makes up the people, the owner first.
func (s *Stage) cast() []*person {
	accounts := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == s.opts.Owner })
	accounts = append([]string{s.opts.Owner}, accounts...)
	for n := 1001; len(accounts) < s.opts.Accounts; n++ {
		if account := fmt.Sprintf("u_%d", n); account != s.opts.Owner {
			accounts = append(accounts, account)
		}
	}
	people := make([]*person, s.opts.Accounts)
	for i := range people {
		home := places[i%len(places)]
		p := &person{
			Contact: Contact{
				Account: accounts[i], Locale: home.locale, TimeZone: home.zone,
				Phone: fmt.Sprintf("+1%d55501%02d", areas[i%len(areas)], i/len(areas)),
			},
			client:   holdfast.Client{IP: homeAddress(i), Country: home.country, ASN: home.asn, Lat: home.lat, Lon: home.lon},
			phone:    s.device("phone", phones),
			session:  s.name("s"),
			computer: s.device("computer", computers),
		}
		p.phone.Trusted, p.computer.Trusted = holdfast.Trusted, holdfast.Trusted
		people[i] = p
	}
	return people
}

// device makes up a device that nobody trusts yet.
func (s *Stage) device(kind string, models []holdfast.Device) holdfast.Device {
	d := models[s.choices.IntN(len(models))]
	d.ID = s.name(kind)
	d.Trusted = holdfast.Untrusted
	return d
}

// homeAddress is the address of the nth person, from the ranges kept for
// documentation (RFC 5737, RFC 3849). The third range is the attacker's.
func homeAddress(n int) string {
	host := n%254 + 1
	switch {
	case n%5 == 4:
		return fmt.Sprintf("2001:db8:%x::%x", n, host)
	case n%2 == 0:
		return fmt.Sprintf("192.0.2.%d", host)
	}
	return fmt.Sprintf("198.51.100.%d", host)
}
