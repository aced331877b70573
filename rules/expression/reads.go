package expression

// Reads is a set of the parts of a [Profile].
type Reads uint8

// The parts of a profile.
const (
	ReadsTrust   Reads = 1 << iota // DeviceKnown, only where the event does not state device.trusted
	ReadsDevice                    // DeviceKnown, DeviceAge
	ReadsCountry                   // CountryKnown, CountryAge
	ReadsNetwork                   // NetworkKnown
	ReadsSIM                       // SIMAge
	ReadsPhone                     // PhoneAge
	ReadsTravel                    // TravelKMH
)
