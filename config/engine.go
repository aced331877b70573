package config

import "time"

// Engine says how the detector reads time and how much it keeps.
type Engine struct {
	// Lateness is how far the watermark stays behind the newest event time of
	// a partition. Defaults to 5s.
	Lateness time.Duration

	// MaxLateness is how long a group's entries are kept past their window for
	// events that come late. No shorter than Lateness. Defaults to 15m.
	MaxLateness time.Duration

	// TrustAfter is how long after its first accepted login a device becomes
	// known. Defaults to 24h.
	TrustAfter time.Duration

	// MaxEntries bounds the entries of one group of one rule; the first to
	// arrive is dropped. 1 to 1,000,000. Defaults to 10000.
	MaxEntries int
}

func defaultEngine() Engine {
	return Engine{
		Lateness:    5 * time.Second,
		MaxLateness: 15 * time.Minute,
		TrustAfter:  24 * time.Hour,
		MaxEntries:  10_000,
	}
}

func (e *Engine) read(s *section) {
	s.duration("lateness", &e.Lateness, 0)
	s.duration("max_lateness", &e.MaxLateness, e.Lateness)
	s.duration("trust_after", &e.TrustAfter, 0)
	s.number("max_entries", &e.MaxEntries, 1, 1_000_000)
}
