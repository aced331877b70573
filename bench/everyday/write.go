package everyday

import (
	"strconv"
	"time"

	"github.com/holdfastd/holdfast"
)

// write spells a step out as an event. What is the same about an account or an
// attacker from one event to the next is a function of its number.
func (t *Traffic) write(s *step, e *holdfast.Event) {
	*e = holdfast.Event{
		ID:      identifier(t.mix(s.order, 1), uint64(s.at)),
		Time:    s.at / millisecond * millisecond,
		Type:    s.kind,
		Account: "u_" + strconv.FormatUint(uint64(scattered(s.who.account)), 10),
		Channel: s.channel,
		Attrs:   e.Attrs[:0],
	}
	account := t.mix(uint64(s.who.account), 2)
	home := &cities[account%uint64(len(cities))]
	switch s.kind {
	case holdfast.TypeSessionStarted, holdfast.TypeSessionEnded, holdfast.TypeLoginSucceeded:
		e.Session = "s_" + identifier(t.mix(s.episode, 3), 0)[:12]
	case holdfast.TypeSIMChanged: // the carrier says so, of the account alone
		e.Phone = phone(home, account)
		e.Attrs = append(e.Attrs, holdfast.Attr{Name: "source", Value: "carrier"})
		return
	}
	if s.kind != holdfast.TypeSessionStarted && s.kind != holdfast.TypeSessionEnded {
		e.Purpose = s.purpose
	}
	if s.channel != "" {
		e.Phone = phone(home, account)
		e.Attempt = "a_" + identifier(t.mix(s.episode, 4), 0)[:10]
	}
	if s.who.attacker > 0 {
		t.writeAttacker(s, e)
	} else {
		t.writeOwner(s, e, account, home)
	}
	switch s.kind {
	case holdfast.TypeCodeDelivered, holdfast.TypeCodeDeliveryFailed, holdfast.TypeCodeExpired:
		// The gateway says so, which knows of no client.
		e.Client, e.Attrs = holdfast.Client{}, append(e.Attrs[:0], holdfast.Attr{Name: "gateway", Value: "eu-2"})
		e.Device = holdfast.Device{ID: e.Device.ID, Trusted: e.Device.Trusted}
	case holdfast.TypeSessionEnded: // so says the server
		e.Client, e.Attrs = holdfast.Client{}, e.Attrs[:0]
		e.Device = holdfast.Device{ID: e.Device.ID, Trusted: e.Device.Trusted}
	case holdfast.TypeCodeAccepted, holdfast.TypeCodeRejected, holdfast.TypeAccountChanged:
		e.Device.Name, e.Attrs = "", e.Attrs[:0]
	}
}

func (t *Traffic) writeOwner(s *step, e *holdfast.Event, account uint64, home *city) {
	device := t.mix(account, 5+uint64(s.who.device))
	model := &models[device%uint64(len(models))]
	e.Device = holdfast.Device{
		ID: "d_" + identifier(device, 0)[:12], Trusted: trust(s.who.device < 2),
		Platform: model.platform, Name: model.name,
	}
	if device%10 == 0 { // a client that doesn't say
		e.Device.Trusted = holdfast.TrustUnstated
	}
	network := account
	if s.who.roaming {
		network = t.mix(account, 20+s.episode%3)
	}
	e.Client = holdfast.Client{
		IP: address(home.prefix, network), Country: home.country, ASN: home.networks[network%uint64(len(home.networks))],
		UserAgent: model.agent,
	}
	if s.who.roaming { // the others are where their network is
		e.Client.Lat, e.Client.Lon = near(home.lat, network), near(home.lon, network>>8)
	}
	e.Attrs = append(e.Attrs,
		holdfast.Attr{Name: "app_version", Value: versions[device>>8%uint64(len(versions))]})
}

func (t *Traffic) writeAttacker(s *step, e *holdfast.Event) {
	attacker := t.mix(uint64(s.who.attacker), 9)
	from := &cities[attacker%uint64(len(cities))]
	model := &models[attacker>>8%uint64(len(models))]
	e.Device = holdfast.Device{ID: "d_" + identifier(attacker, 0)[:12], Trusted: holdfast.Untrusted, Platform: model.platform}
	e.Client = holdfast.Client{
		IP: address(from.prefix, attacker), Country: from.country, ASN: from.networks[0], UserAgent: model.agent,
		Lat: near(from.lat, attacker), Lon: near(from.lon, attacker>>8),
	}
	e.Attrs = append(e.Attrs, holdfast.Attr{Name: "app_version", Value: versions[0]})
}

const millisecond = holdfast.Instant(time.Millisecond)

// mix is a number that looks like chance and is a function of the seed and of
// two others: SplitMix64's finalizer.
func (t *Traffic) mix(a, b uint64) uint64 {
	x := t.opts.Seed*0x9e3779b97f4a7c15 + a*0xd1342543de82ef95 + b*0x94d049bb133111eb
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// scattered gives neighbors numbers that are far apart, no two the same.
func scattered(account uint32) uint32 { return account * 2654435761 }

// identifier spells two numbers as an id of 20 characters, as an xid has.
func identifier(a, b uint64) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	var text [20]byte
	for i := range text {
		if i == 10 {
			a = b*0x9e3779b97f4a7c15 + a
		}
		text[i] = alphabet[a%32]
		a = a/32 | a<<59
	}
	return string(text[:])
}

func trust(yes bool) holdfast.Trust {
	if yes {
		return holdfast.Trusted
	}
	return holdfast.Untrusted
}

// phone is something that looks like a number of the city's.
func phone(home *city, account uint64) string {
	return home.dial + strconv.FormatUint(5550000+account>>16%10_000, 10)
}

func address(prefix string, n uint64) string {
	return prefix + strconv.FormatUint(n>>16%256, 10) + "." + strconv.FormatUint(1+n>>24%254, 10)
}

// near is a coordinate within some kilometers, to four digits.
func near(degrees float64, n uint64) float64 {
	tenThousandths := int(degrees*10_000) + int(n%1000) - 500
	return float64(tenThousandths) / 10_000
}
