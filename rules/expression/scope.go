package expression

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// Scope is what a condition sees: an event, and what the engine knew of its
// account before the event. It remembers what shared conditions found of them,
// so neither may be changed before [Scope.Forget].
type Scope struct {
	Event *holdfast.Event
	// Profile is what was known. It may be left to Ask.
	Profile Profile
	// Ask, if it is set, fills in the profile when a condition first reads it: few
	// do.
	Ask func(*Profile)

	memo memo
}

// profile is what was known, asked for if need be.
func (s *Scope) profile() *Profile {
	if ask := s.Ask; ask != nil {
		s.Ask = nil
		ask(&s.Profile)
	}
	return &s.Profile
}

// Resolve fills in the profile, if that has been left to Ask.
func (s *Scope) Resolve() { s.profile() }

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
	TravelKMH    float64       // speed since the last accepted login, km/h
	ProfileAge   time.Duration // since the earliest accepted login that is remembered
}

// Trusted is device.trusted: what the event says, or else whether the device is
// known.
func (s *Scope) Trusted() bool {
	if s.Event.Device.Trusted == holdfast.TrustUnstated {
		return s.profile().DeviceKnown
	}
	return s.Event.Device.Trusted == holdfast.Trusted
}
