package workbench

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfastd/holdfast"
)

// days counts alerts by day and level.
type days map[int64]*byLevel // by day since the epoch, UTC

// byLevel is a number for each level; that of no level is not used.
type byLevel [holdfast.Critical + 1]int

const secondsPerDay = 24 * 60 * 60

func dayOf(t holdfast.Instant) int64 {
	day := t.Std().Unix() / secondsPerDay
	if t.Std().Unix()%secondsPerDay < 0 {
		day--
	}
	return day
}

func (d days) add(t holdfast.Instant, level holdfast.Level) {
	day := dayOf(t)
	if d[day] == nil {
		d[day] = new(byLevel)
	}
	d[day][level]++
}

// maxPeriods bounds the rows of the table.
const maxPeriods = 31

// period is a day, a week from Monday, or a month.
type period struct {
	head  string
	name  string // layout of the day it begins with
	begin func(day time.Time) time.Time
	next  func(begin time.Time) time.Time
}

// periodFor is the period by which a number of days is few enough rows.
func periodFor(days int64) period {
	switch {
	case days <= maxPeriods:
		return period{
			"DAY", "2006-01-02 Mon",
			func(t time.Time) time.Time { return t },
			func(t time.Time) time.Time { return t.AddDate(0, 0, 1) },
		}
	case days <= 7*(maxPeriods-1):
		return period{
			"WEEK FROM", "2006-01-02",
			func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) },
			func(t time.Time) time.Time { return t.AddDate(0, 0, 7) },
		}
	}
	return period{
		"MONTH", "2006-01",
		func(t time.Time) time.Time { return t.AddDate(0, 0, 1-t.Day()) },
		nil, // those without an alert are left out: there may be thousands
	}
}

// write writes the alerts by day between two days, or by longer periods where
// there are many; nothing if it is all one day.
func (d days) write(w *bytes.Buffer, first, last int64) {
	for day := range d {
		first, last = min(first, day), max(last, day)
	}
	if first == last {
		return
	}
	p := periodFor(last - first + 1)
	counts := make(map[time.Time]*byLevel)
	var all byLevel
	for day, n := range d {
		begin := p.begin(date(day))
		if counts[begin] == nil {
			counts[begin] = new(byLevel)
		}
		for level := range n {
			counts[begin][level] += n[level]
			all[level] += n[level]
		}
	}
	begins := slices.SortedFunc(maps.Keys(counts), time.Time.Compare)
	if p.next != nil {
		begins = begins[:0]
		for begin := p.begin(date(first)); !begin.After(date(last)); begin = p.next(begin) {
			begins = append(begins, begin)
		}
	}
	earlier := new(byLevel)
	if more := len(begins) - maxPeriods; more > 0 {
		for _, begin := range begins[:more] {
			for level, n := range counts[begin] {
				earlier[level] += n
			}
		}
		begins = begins[more:]
	}
	table := columns{heads: []string{p.head}}
	for level := holdfast.Critical; level > 0; level-- {
		if all[level] > 0 {
			table.heads = append(table.heads, ">"+strings.ToUpper(level.String()))
		}
	}
	table.heads = append(table.heads, ">ALL")
	row := func(name string, n *byLevel) {
		cells, sum := []string{name}, 0
		for level := holdfast.Critical; level > 0; level-- {
			if all[level] > 0 {
				cells = append(cells, cell(n[level]))
				sum += n[level]
			}
		}
		table.add(append(cells, cell(sum))...)
	}
	if *earlier != (byLevel{}) {
		row("earlier", earlier)
	}
	for _, begin := range begins {
		n := counts[begin]
		if n == nil {
			n = new(byLevel)
		}
		row(begin.Format(p.name), n)
	}
	w.WriteByte('\n')
	table.write(w)
}

func date(day int64) time.Time { return time.Unix(day*secondsPerDay, 0).UTC() }
