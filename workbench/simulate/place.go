package simulate

import "time"

// city is where some of the people live, with the networks they use there.
type city struct {
	country  string
	weight   int           // how many of the people live here, relative to the others
	zone     time.Duration // standard time, less UTC; there is no daylight saving
	lat, lon int32         // ten thousandths of a degree
	dial     string        // what a mobile number begins with; seven digits follow
	fixed    []uint32      // autonomous systems of providers at home and at work
	mobile   []uint32      // autonomous systems of mobile carriers
}

// The cities' weights follow no census: they give a service that is at home in
// Europe and the Americas, with users elsewhere. The autonomous systems are the
// countries' large providers.
func cities() []city {
	de, deMobile := []uint32{3320, 3209, 8881}, []uint32{3320, 3209, 6805}
	us, usMobile := []uint32{7922, 7018, 701, 20115}, []uint32{21928, 22394, 20057}
	in, inMobile := []uint32{24560, 9829}, []uint32{55836, 45609, 38266}
	br, brMobile := []uint32{28573, 27699}, []uint32{26599, 26615}
	return []city{
		{"DE", 9, time.Hour, 525200, 134050, "+49155", de, deMobile},
		{"DE", 6, time.Hour, 481370, 115750, "+49156", de, deMobile},
		{"FR", 8, time.Hour, 488570, 23520, "+33655", []uint32{3215, 12322, 15557}, []uint32{3215, 5410, 51207}},
		{"ES", 6, time.Hour, 404170, -37040, "+34655", []uint32{3352, 12479}, []uint32{3352, 12430}},
		{"IT", 6, time.Hour, 454640, 91900, "+39355", []uint32{3269, 1267}, []uint32{3269, 30722}},
		{"PL", 5, time.Hour, 522300, 210120, "+48555", []uint32{5617, 12741}, []uint32{8374, 39603}},
		{"GB", 9, 0, 515070, -1280, "+44755", []uint32{2856, 5089, 5607}, []uint32{12576, 60339, 25135}},
		{"NL", 3, time.Hour, 523680, 49040, "+31655", []uint32{1136, 33915}, []uint32{1136, 31615}},
		{"UA", 4, 2 * time.Hour, 504500, 305230, "+38055", []uint32{6849, 15895}, []uint32{15895, 21497}},
		{"TR", 4, 3 * time.Hour, 410080, 289780, "+90555", []uint32{9121, 34984}, []uint32{16135, 15897}},
		{"US", 9, -5 * time.Hour, 407130, -740060, "+1212", us, usMobile},
		{"US", 6, -8 * time.Hour, 377750, -1224190, "+1415", us, usMobile},
		{"US", 5, -6 * time.Hour, 418780, -876300, "+1312", us, usMobile},
		{"MX", 4, -6 * time.Hour, 194330, -991330, "+52555", []uint32{8151, 17072}, []uint32{28403, 8151}},
		{"BR", 6, -3 * time.Hour, -235510, -466330, "+55119", br, brMobile},
		{"BR", 3, -3 * time.Hour, -229070, -431730, "+55219", br, brMobile},
		{"NG", 3, time.Hour, 65240, 33790, "+23480", []uint32{37282, 37148}, []uint32{29465, 36873}},
		{"ZA", 2, 2 * time.Hour, -262040, 280470, "+2782", []uint32{37457, 5713}, []uint32{16637, 29975}},
		{"IN", 6, 5*time.Hour + 30*time.Minute, 190760, 728780, "+91955", in, inMobile},
		{"IN", 4, 5*time.Hour + 30*time.Minute, 129720, 775940, "+91956", in, inMobile},
		{"ID", 4, 7 * time.Hour, -62080, 1068460, "+62855", []uint32{7713, 17451}, []uint32{23693, 4761}},
		{"PH", 3, 8 * time.Hour, 145990, 1209840, "+63955", []uint32{9299, 6648}, []uint32{132199, 10139}},
		{"VN", 2, 7 * time.Hour, 108230, 1066300, "+84955", []uint32{45899, 18403}, []uint32{7552, 131429}},
		{"JP", 4, 9 * time.Hour, 356760, 1396500, "+81905", []uint32{4713, 17676}, []uint32{9605, 2516}},
	}
}

// exits are the hosting companies through which VPNs leave, by the city's index.
// Some of the people use them every day, and so do those who hide.
var exits = []struct {
	city int
	asn  uint32
}{{0, 24940}, {2, 16276}, {6, 9009}, {7, 60068}, {7, 9009}, {10, 14061}, {11, 14061}, {5, 60068}, {14, 9009}, {23, 9009}}

// network is one of a provider's networks in one city: a range of addresses.
type network struct {
	city uint8
	kind networkKind
	asn  uint32
	pool int // how many addresses it has
}

type networkKind uint8

const (
	fixedLine networkKind = iota
	mobileCarrier
	exit
)

// addressSpace is how many addresses a network has at most: the two last bytes of
// one in 10.0.0.0/8, which the simulation takes so that no address is anybody's.
const addressSpace = 1 << 16

// atlas is the cities and their networks.
type atlas struct {
	cities   []city
	networks []network
	fixed    [][]uint8 // by city: indexes of networks
	mobile   [][]uint8
	exits    []uint8
	weights  int
}

// newAtlas lays out the networks for so many accounts. A carrier's addresses are
// shared: it has one for some 300 of the service's accounts.
func newAtlas(accounts int) *atlas {
	const sharing = 300
	a := &atlas{cities: cities()}
	for i := range a.cities {
		a.weights += a.cities[i].weight
	}
	add := func(n network) uint8 {
		a.networks = append(a.networks, n)
		return uint8(len(a.networks) - 1)
	}
	for i := range a.cities {
		c := &a.cities[i]
		var fixed, mobile []uint8
		for _, asn := range c.fixed {
			fixed = append(fixed, add(network{uint8(i), fixedLine, asn, addressSpace}))
		}
		for _, asn := range c.mobile {
			here := accounts * c.weight / a.weights / len(c.mobile)
			mobile = append(mobile, add(network{uint8(i), mobileCarrier, asn, min(1+here/sharing, addressSpace)}))
		}
		a.fixed, a.mobile = append(a.fixed, fixed), append(a.mobile, mobile)
	}
	for _, e := range exits {
		pool := min(2+accounts/20_000, addressSpace)
		a.exits = append(a.exits, add(network{uint8(e.city), exit, e.asn, pool}))
	}
	return a
}

// somewhere is the city of a number that chance made, the larger the likelier.
func (a *atlas) somewhere(number uint64) uint8 {
	at := int(number % uint64(a.weights))
	for i := range a.cities {
		if at -= a.cities[i].weight; at < 0 {
			return uint8(i)
		}
	}
	return 0
}

// anywhere is a city that chance picks.
func (w *world) anywhere() uint8 { return w.atlas.somewhere(w.dice.source.Uint64()) }

// flight is how long it takes from one city to another, from the last use at home
// to the first one there: the way at 700 km/h, and some hours around it. The
// distance is that on a map in degrees, which is never shorter than the true one.
func (a *atlas) flight(from, to uint8) time.Duration {
	north := int64(a.cities[from].lat-a.cities[to].lat) / 100 // hundredths of a degree
	east := int64(a.cities[from].lon-a.cities[to].lon) / 100
	if east < 0 {
		east = -east
	}
	east = min(east, 36_000-east)
	km := root(north*north+east*east) * 111 / 100
	return 4*time.Hour + time.Duration(km)*time.Hour/700
}

// root is a whole square root.
func root(n int64) int64 {
	low, high := int64(0), int64(1)<<20
	for low < high {
		if mid := (low + high + 1) / 2; mid*mid <= n {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// client is the network side of an event.
type client struct {
	network uint8
	address uint16
}

// address spreads a number over a network's addresses.
func (n *network) address(number uint64) uint16 { return uint16(number % uint64(n.pool)) }
