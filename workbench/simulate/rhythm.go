package simulate

import (
	"time"

	"github.com/holdfastd/holdfast"
)

// How much a service is used from hour to hour, in percent of the mean of a day:
// the well-known shape of a consumer service, with a trough before dawn, a slope
// through the day and a peak in the evening; on weekends later and flatter.
var (
	weekdays = [24]int{45, 25, 14, 9, 9, 17, 45, 90, 115, 110, 108, 112, 128, 122, 112, 112, 120, 138, 155, 170, 182, 180, 162, 120}
	weekends = [24]int{68, 42, 25, 15, 11, 12, 22, 45, 80, 110, 128, 135, 138, 135, 130, 128, 130, 135, 145, 158, 168, 168, 158, 115}
)

// waits is the exponential distribution with a mean of 1,000 seconds.
var waits = curve{
	{0, 0},
	{1000, 105 * time.Second},
	{2000, 223 * time.Second},
	{3000, 357 * time.Second},
	{4000, 511 * time.Second},
	{5000, 693 * time.Second},
	{6000, 916 * time.Second},
	{7000, 1204 * time.Second},
	{8000, 1609 * time.Second},
	{9000, 2303 * time.Second},
	{9500, 2996 * time.Second},
	{9900, 4605 * time.Second},
	{10_000, 7500 * time.Second},
}

const millisecond = holdfast.Instant(time.Millisecond)

// local is the weekday where the owner is, 0 for Monday, and the hour.
func (w *world) local(a *account, at holdfast.Instant) (weekday, hour int) {
	hours := (int64(at) + int64(w.atlas.cities[a.away].zone)) / int64(time.Hour)
	return int((hours/24 + 3) % 7), int(hours % 24) // the epoch was a Thursday
}

// nextUse is when an account is used next, after a time. The wait is counted in
// the owner's time, which runs faster when people are up.
func (w *world) nextUse(a *account, after holdfast.Instant) holdfast.Instant {
	left := int64(w.dice.draw(waits)) / 1000 * int64(a.gap) * 60 // nanoseconds at 100 percent
	at := after
	weekday, hour := w.local(a, at)
	inHour := (int64(at) + int64(w.atlas.cities[a.away].zone)) % int64(time.Hour)
	for {
		hours := &weekdays
		if weekday >= 5 {
			hours = &weekends
		}
		weight := int64(hours[hour])
		room := int64(time.Hour) - inHour
		if left*100 <= room*weight {
			return at + holdfast.Instant(left*100/weight)/millisecond*millisecond
		}
		left -= room * weight / 100
		at += holdfast.Instant(room)
		inHour = 0
		if hour++; hour == 24 {
			hour, weekday = 0, (weekday+1)%7
		}
		if at > w.end {
			return never
		}
	}
}
