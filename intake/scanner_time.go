package intake

import "github.com/holdfastd/holdfast"

// The instants that eventTime allows, in Unix seconds.
const (
	firstSecond = -9214560000 // 1678-01-01T00:00:00Z
	lastSecond  = 9214646399  // 2261-12-31T23:59:59Z
)

// instant reads a time. Most are of milliseconds and in UTC. Where such a one
// ends is tried first, which spares looking for the end: what scanTime takes holds
// no quote.
func (s *scanner) instant(i int) (at holdfast.Instant, next int) {
	const usual = len(`"0000-00-00T00:00:00.000Z"`)
	if json := s.json; 0 <= i && i <= len(json)-usual && json[i] == '"' && json[i+usual-1] == '"' {
		if at, ok := scanTime(json[i+1 : i+usual-1]); ok {
			return at, i + usual
		}
	}
	text, i := s.text(i)
	at, ok := scanTime(text)
	if !ok {
		return 0, fail
	}
	return at, i
}

// scanTime reads an RFC 3339 time with at most nine fractional digits: what
// eventTime accepts, and the same instants.
func scanTime(s string) (at holdfast.Instant, ok bool) {
	if len(s) < 2*8 {
		return 0, false
	}
	date, dateOK := dateShape.match(s)
	clock, clockOK := clockShape.match(s[8:])
	second, nanos, zone, secondOK := scanSecond(s[16:])
	east, zoneOK := scanZone(zone)
	if !dateOK || !clockOK || !secondOK || !zoneOK {
		return 0, false
	}
	y, m, d := 100*date.two(0)+date.two(2), date.two(5), clock.two(0)
	hour, minute := clock.two(3), clock.two(6)
	if m < 1 || m > 12 || d < 1 || d > 28 && d > daysIn(y, m) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	unix := int64(daysSinceEpoch(y, m, d))*86400 + int64(hour*3600+minute*60+second-east)
	if unix < firstSecond || unix > lastSecond {
		return 0, false
	}
	return holdfast.Instant(unix*1e9 + nanos), true
}

// scanSecond reads what follows the minute, and returns the zone as it is spelt.
func scanSecond(s string) (second int, nanos int64, zone string, ok bool) {
	if len(s) == 8 {
		if f, ok := millisShape.match(s); ok {
			return f.two(1), int64(f.two(4)*100+f.two(6)) * 1e5, "Z", true
		}
	}
	if len(s) < len(":00Z") || s[0] != ':' || s[1]-'0' > 9 || s[2]-'0' > 9 {
		return 0, 0, "", false
	}
	nanos, zone, ok = scanFraction(s[3:])
	return int(s[1]-'0')*10 + int(s[2]-'0'), nanos, zone, ok
}

// scanFraction reads the fraction of a second, if there is one.
func scanFraction(s string) (nanos int64, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	unit := int64(1e9)
	for s = s[1:]; s != "" && s[0]-'0' < 10 && unit > 1; s = s[1:] {
		unit /= 10
		nanos += int64(s[0]-'0') * unit
	}
	return nanos, s, unit < 1e9
}

// scanZone reads the offset from UTC, in seconds to the east, at the end of a
// time.
func scanZone(s string) (east int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	zone, ok := zoneShape.match("000" + s[1:])
	hours, minutes := zone.two(3), zone.two(6)
	if !ok || hours > 23 || minutes > 59 {
		return 0, false
	}
	east = hours*3600 + minutes*60
	if s[0] == '-' {
		east = -east
	}
	return east, true
}

// shape is a pattern of 8 bytes, in which 0 stands for any digit and everything
// else for itself.
type shape struct{ pattern, room uint64 }

// Two of these are a time up to its minute; a third is the rest of one that is of
// milliseconds and in UTC. An offset has nothing before it but zeros.
var (
	dateShape   = shapeOf("0000-00-")
	clockShape  = shapeOf("00T00:00")
	millisShape = shapeOf(":00.000Z")
	zoneShape   = shapeOf("00000:00")
)

func shapeOf(pattern string) shape {
	s := shape{pattern: load(pattern)}
	for i := range 8 {
		most := uint64(0)
		if pattern[i] == '0' {
			most = 9
		}
		s.room |= (127 - most) << (8 * i)
	}
	return s
}

// match takes the first 8 bytes of text apart if they have the shape.
//
// The exclusive or leaves a digit's value in its byte, and 0 in that of anything
// else. More than that plus the byte's room reaches the highest bit.
func (s shape) match(text string) (fields, bool) {
	left := load(text[:8]) ^ s.pattern
	return fields(left*10 + left>>8), (left+s.room|left)&(each*0x80) == 0
}

// fields has in each byte the number that the digit there and the one behind it
// make.
type fields uint64

// two is the number that the two digits from the one at i on make.
func (f fields) two(i int) int { return int(f >> (8 * i) & 0xff) }

func daysIn(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts from 1970-01-01. Its year starts in March, so that the
// leap day is its last and the months before it repeat 31, 30, 31, 30, 31.
func daysSinceEpoch(year, month, day int) int {
	month -= 3
	if month < 0 {
		month, year = month+12, year-1
	}
	const epoch = 719468 // from 0000-03-01 to 1970-01-01
	return 365*year + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1 - epoch
}
