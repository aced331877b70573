package config

import (
	"fmt"
	"time"
)

// Engine says how the detector reads time and how much it keeps.
type Engine struct {
	// Lateness is how far the watermark stays behind the newest event time of
	// a partition. At least 1ms. Defaults to 5s.
	Lateness time.Duration

	// MaxLateness is how long a group's entries are kept past their window for
	// events that come late. No shorter than Lateness. Defaults to 15m.
	MaxLateness time.Duration

	// IdleAfter is how long a partition must have had no event before its
	// watermark moves with the clock. At least 1s. Defaults to 30s.
	IdleAfter time.Duration

	// TrustAfter is how long after its first accepted login a device becomes
	// known. At least 1ms. Defaults to 24h.
	TrustAfter time.Duration

	// MaxEntries bounds the entries of one group of one rule; the first to
	// arrive is dropped. 1 to 1,000,000. Defaults to 10000.
	MaxEntries int
	// MaxGroups bounds the groups that one rule remembers in one partition; when
	// there are more, those with a single event go first. 1000 to 100,000,000.
	// Defaults to 1000000.
	MaxGroups int

	Snapshots Snapshots
}

// Snapshots says where the state of the partitions is kept, so that a restart
// need not replay the topic.
type Snapshots struct {
	// Directory is created if it is missing. Replicas share it: where they run on
	// several machines, it must be on a file system that these have in common.
	// Defaults to holdfast-snapshots in the working directory, because the file's
	// own folder may be one that the daemon can't write to.
	Directory string
	// Interval is how long after one snapshot of a partition the next is begun:
	// about as much of the topic is replayed after a crash. At least 1s. Defaults
	// to 1m.
	Interval time.Duration
}

func defaultEngine() Engine {
	return Engine{
		Lateness:    5 * time.Second,
		MaxLateness: 15 * time.Minute,
		IdleAfter:   30 * time.Second,
		TrustAfter:  24 * time.Hour,
		MaxEntries:  10_000,
		MaxGroups:   1_000_000,
		Snapshots:   Snapshots{Directory: "holdfast-snapshots", Interval: time.Minute},
	}
}

func (e *Engine) read(s *section) {
	const least = time.Millisecond // to the detector, none at all stands for the default
	s.duration("lateness", &e.Lateness, least)
	s.duration("max_lateness", &e.MaxLateness, e.Lateness)
	if e.MaxLateness < e.Lateness && !s.has("max_lateness") {
		s.exclude(fmt.Sprintf("is longer than `max_lateness`, which is %v if it isn't set", e.MaxLateness), "lateness")
	}
	s.duration("idle_after", &e.IdleAfter, time.Second)
	s.duration("trust_after", &e.TrustAfter, least)
	s.number("max_entries", &e.MaxEntries, 1, 1_000_000)
	s.number("max_groups", &e.MaxGroups, 1000, 100_000_000)
	snapshots := s.always("snapshots")
	snapshots.newPath("directory", &e.Snapshots.Directory)
	snapshots.duration("interval", &e.Snapshots.Interval, time.Second)
}
