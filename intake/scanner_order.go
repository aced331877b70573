package intake

import "github.com/holdfastd/holdfast"

// Most producers write their keys in the order of DESIGN.md's example and without
// white space, and so does Append. The functions here read an object for as long
// as it is like that, asking for each key in turn whether it comes next: a
// comparison of 8 bytes, which the processor learns to predict key by key. They
// return the position behind the last member that they took, or where they
// started, and the keys that they met. They take a key only together with what
// starts its usual value; null and white space are for the loop that reads the
// rest in any order. Most often that is no more than the closing brace.

// rest starts the loop over the members that a function here has left.
func (s *scanner) rest(i int, has uint) (next int, more bool) {
	if has == 0 {
		return s.object(i)
	}
	return s.more(i, '}')
}

func (s *scanner) eventInOrder(e *holdfast.Event) (i int, has uint) {
	w := s.member(0, '{')
	if begins(w, 5, keyID|opening<<16) {
		e.ID, i = s.quoted(i + len(`{"id":"`))
		has |= hasID
		w = s.member(i, ',')
	}
	if begins(w, 7, keyTime|opening<<32) {
		e.Time, i = s.instant(i + len(`,"time":`))
		has |= hasTime
		w = s.member(i, ',')
	}
	if begins(w, 7, keyType|opening<<32) {
		e.Type, i = s.quoted(i + len(`,"type":"`))
		has |= hasType
		w = s.member(i, ',')
	}
	if w == keyAccount|'"'<<56 && s.opens(i+len(`,"account"`)) {
		e.Account, i = s.quoted(i + len(`,"account":"`))
		has |= hasAccount
		w = s.member(i, ',')
	}
	if w == keyChannel|'"'<<56 && s.opens(i+len(`,"channel"`)) {
		e.Channel, i = s.quoted(i + len(`,"channel":"`))
		has |= hasChannel
		w = s.member(i, ',')
	}
	if w == keyPurpose|'"'<<56 && s.opens(i+len(`,"purpose"`)) {
		e.Purpose, i = s.quoted(i + len(`,"purpose":"`))
		has |= hasPurpose
		w = s.member(i, ',')
	}
	if w == keyAttempt|'"'<<56 && s.opens(i+len(`,"attempt"`)) {
		e.Attempt, i = s.quoted(i + len(`,"attempt":"`))
		has |= hasAttempt
		w = s.member(i, ',')
	}
	if w == keySession|'"'<<56 && s.at(i+len(`,"session"`)) == ':' {
		i = s.session(i+len(`,"session":`), &e.Session)
		has |= hasSession
		w = s.member(i, ',')
	}
	if w == keyDevice|'"'<<48|':'<<56 {
		i = s.device(i+len(`,"device":`), &e.Device)
		has |= hasDevice
		w = s.member(i, ',')
	}
	if w == keyClient|'"'<<48|':'<<56 {
		i = s.client(i+len(`,"client":`), &e.Client)
		has |= hasClient
		w = s.member(i, ',')
	}
	if w == keyPhone|opening<<40 {
		e.Phone, i = s.quoted(i + len(`,"phone":"`))
		has |= hasPhone
		w = s.member(i, ',')
	}
	if begins(w, 7, keyAttrs|'"'<<40|':'<<48) {
		i = s.attrs(i+len(`,"attrs":`), &e.Attrs)
		has |= hasAttrs
	}
	return i, has
}

func (s *scanner) sessionInOrder(i int, id *string) (next int, has uint) {
	if begins(s.member(i, '{'), 5, keyID|opening<<16) {
		*id, i = s.quoted(i + len(`{"id":"`))
		has = hasID
	}
	return i, has
}

func (s *scanner) deviceInOrder(i int, d *holdfast.Device) (next int, has uint) {
	w := s.member(i, '{')
	if begins(w, 5, keyID|opening<<16) {
		d.ID, i = s.quoted(i + len(`{"id":"`))
		has |= hasID
		w = s.member(i, ',')
	}
	if w == keyTrusted|'"'<<56 && s.at(i+len(`,"trusted"`)) == ':' {
		i = s.trust(i+len(`,"trusted":`), &d.Trusted)
		has |= hasTrusted
		w = s.member(i, ',')
	}
	if w == keyPlatform && s.word(i+len(`,"platform`), `":"`) != fail {
		d.Platform, i = s.quoted(i + len(`,"platform":"`))
		has |= hasPlatform
		w = s.member(i, ',')
	}
	if begins(w, 7, keyName|opening<<32) {
		d.Name, i = s.quoted(i + len(`,"name":"`))
		has |= hasName
	}
	return i, has
}

func (s *scanner) clientInOrder(i int, c *holdfast.Client) (next int, has uint) {
	w := s.member(i, '{')
	if begins(w, 5, keyIP|opening<<16) {
		c.IP, i = s.quoted(i + len(`{"ip":"`))
		has |= hasIP
		w = s.member(i, ',')
	}
	if w == keyCountry|'"'<<56 && s.opens(i+len(`,"country"`)) {
		c.Country, i = s.quoted(i + len(`,"country":"`))
		has |= hasCountry
		w = s.member(i, ',')
	}
	if begins(w, 5, keyASN|'"'<<24|':'<<32) {
		i = s.asn(i+len(`,"asn":`), &c.ASN)
		has |= hasASN
		w = s.member(i, ',')
	}
	if w == keyUserAgent && s.word(i+len(`,"user_age`), `nt":"`) != fail {
		c.UserAgent, i = s.quoted(i + len(`,"user_agent":"`))
		has |= hasUserAgent
		w = s.member(i, ',')
	}
	if begins(w, 5, keyLat|'"'<<24|':'<<32) {
		i = s.degrees(i+len(`,"lat":`), 90, &c.Lat)
		has |= hasLat
		w = s.member(i, ',')
	}
	if begins(w, 5, keyLon|'"'<<24|':'<<32) {
		i = s.degrees(i+len(`,"lon":`), 180, &c.Lon)
		has |= hasLon
	}
	return i, has
}

// opening is what stands between a key and its text.
const opening = '"' | ':'<<8 | '"'<<16

// member returns the 8 bytes behind the sign and the quote that start a member at
// i: its key, and what follows a short one. It returns 0 if there is no such start
// or the end is near.
func (s *scanner) member(i int, sign byte) uint64 {
	json := s.json
	if i < 0 || i > len(json)-10 {
		return 0
	}
	b := json[i : i+10]
	if b[0] != sign || b[1] != '"' {
		return 0
	}
	return load(b[2:])
}

// opens reports whether a colon and a quote follow.
func (s *scanner) opens(i int) bool {
	json := s.json
	return 0 <= i && i <= len(json)-2 && json[i:i+2] == `:"`
}

// begins reports whether the first n bytes of w, the lowest, are those of start.
func begins(w uint64, n int, start uint64) bool {
	unused := 64 - 8*n
	return w<<unused == start<<unused
}
