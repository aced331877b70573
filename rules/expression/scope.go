package expression

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// Scope is what a condition sees: an event, and what the engine knew of its
// account before the event. It remembers what shared conditions found of them,
// so neither may be changed before [Scope.Forget].
type Scope struct {
	Event   *holdfast.Event
	Profile Profile

	memo memo
}

// Forget makes the scope ready for another event or profile. A scope that is
// made anew has nothing to forget; a copy of one has.
func (s *Scope) Forget() { s.memo = memo{} }

// Profile is what the engine knows of the event's account, device and network.
// The age of what is unknown is 0; of a SIM or phone number never seen to
// change it is very large.
type Profile struct {
	DeviceKnown  bool
	DeviceAge    time.Duration
	CountryKnown bool
	CountryAge   time.Duration
	NetworkKnown bool
	SIMAge       time.Duration
	PhoneAge     time.Duration
	TravelKMH    float64 // speed since the last accepted login, km/h
}

// Trusted is device.trusted: what the event says, or else whether the device is
// known.
func (s *Scope) Trusted() bool {
	if s.Event.Device.Trusted == holdfast.TrustUnstated {
		return s.Profile.DeviceKnown
	}
	return s.Event.Device.Trusted == holdfast.Trusted
}
