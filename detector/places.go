package detector

import (
	"math"
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
)

// maxPlaces bounds the countries, and the networks, remembered of an account.
const maxPlaces = 16

// never is the age of what was not seen to change.
const never = time.Duration(math.MaxInt64)

// places are the countries or the networks of an account's accepted logins.
type places []origin

type origin struct {
	hash        uint64
	first, last holdfast.Instant // accepted logins
}

// find returns the place, nil if no accepted login came from there.
func (ps places) find(hash uint64) *origin {
	i := slices.IndexFunc(ps, func(p origin) bool { return p.hash == hash })
	if i < 0 || hash == 0 {
		return nil
	}
	return &ps[i]
}

// findAt returns the place, nil if no accepted login came from there lately.
func (ps places) findAt(hash uint64, t holdfast.Instant) *origin {
	if p := ps.find(hash); p != nil && p.last >= t.Add(-profileSpan) {
		return p
	}
	return nil
}

// accept remembers where an accepted login came from. A full list gives up the
// place that was new last: an attacker must not push out where the owner lives.
func (ps *places) accept(hash uint64, t holdfast.Instant) {
	if hash == 0 {
		return
	}
	if p := ps.find(hash); p != nil {
		p.first, p.last = min(p.first, t), max(p.last, t)
		return
	}
	*ps = slices.DeleteFunc(*ps, func(p origin) bool { return p.last < t.Add(-profileSpan) })
	if len(*ps) == maxPlaces {
		newest := 0
		for i, p := range *ps {
			if p.first > (*ps)[newest].first {
				newest = i
			}
		}
		*ps = slices.Delete(*ps, newest, newest+1)
	}
	*ps = append(*ps, origin{hash, t, t})
}

// change is when something last changed.
type change struct {
	at    holdfast.Instant
	known bool
}

func (c *change) saw(t holdfast.Instant) {
	if !c.known || t > c.at {
		c.at, c.known = t, true
	}
}

// age is how long ago the change was at a time: very long if there was none.
func (c *change) age(t holdfast.Instant) time.Duration {
	if !c.known {
		return never
	}
	return max(0, t.Sub(c.at))
}

// whereabouts are where and when the last accepted login was, if it said where.
type whereabouts struct {
	lat, lon float64 // degrees
	at       holdfast.Instant
	known    bool
}

func (w *whereabouts) saw(e *holdfast.Event) {
	if c := &e.Client; (c.Lat != 0 || c.Lon != 0) && (!w.known || e.Time >= w.at) {
		*w = whereabouts{c.Lat, c.Lon, e.Time, true}
	}
}

// speed is how fast one would have to travel from the last accepted login to the
// event, in km/h; 0 if either does not say where it was. Two that are less than
// a minute apart are taken to be a minute apart, so that the rounding of times
// and places makes no rockets.
func (w *whereabouts) speed(e *holdfast.Event) float64 {
	c := &e.Client
	if !w.known || c.Lat == 0 && c.Lon == 0 {
		return 0
	}
	apart := e.Time.Sub(w.at).Abs()
	return distance(w.lat, w.lon, c.Lat, c.Lon) / max(apart, time.Minute).Hours()
}

// distance is the great-circle distance of two places in km, by the haversine
// formula on a sphere of the Earth's mean radius (IUGG: 6371.0088 km).
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const radius, degree = 6371.0088, math.Pi / 180
	sinLat := math.Sin((lat2 - lat1) * degree / 2)
	sinLon := math.Sin((lon2 - lon1) * degree / 2)
	h := sinLat*sinLat + math.Cos(lat1*degree)*math.Cos(lat2*degree)*sinLon*sinLon
	return 2 * radius * math.Asin(math.Sqrt(min(1, h)))
}

// read appends n places from the front of words, and returns what follows.
func (ps *places) read(words []uint64, n int) []uint64 {
	for range n {
		*ps = append(*ps, origin{words[0], holdfast.Instant(words[1]), holdfast.Instant(words[2])})
		words = words[placeWords:]
	}
	return words
}

// write puts the places at the front of words, and returns what follows.
func (ps places) write(words []uint64) []uint64 {
	for _, p := range ps {
		words[0], words[1], words[2] = p.hash, uint64(p.first), uint64(p.last)
		words = words[placeWords:]
	}
	return words
}
