package workbench

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector"
)

// Standing is how a rule stands with one group at a time, and what it waits for.
type Standing struct {
	Group    holdfast.Group `json:"-"` // it may name an address or a number
	Settings StorySettings  `json:"settings"`
	// Suppressed is until when the rule is silent for the group, since Alert fired;
	// 0 if it is not.
	Suppressed  holdfast.Instant `json:"suppressed_until,omitzero"`
	Alert       string           `json:"alert,omitempty"`
	Occurrences int64            `json:"occurrences,omitempty"`
	// Held are the alerts that wait for their deadline.
	Held []StoryHeld `json:"held,omitempty"`
	// Have and Need are events, or of a score points; Step of Steps is the one that a
	// sequence waits for.
	Have     float64             `json:"have"`
	Need     float64             `json:"need,omitempty"`
	Step     int                 `json:"step,omitempty"`
	Steps    int                 `json:"steps,omitempty"`
	Distinct []detector.Distinct `json:"distinct,omitempty"`
	Surge    *detector.Surge     `json:"surge,omitempty"`
	// Offsets are those of the events that count, the last ones of them.
	Offsets []int64 `json:"offsets,omitempty"`
	// Missing is the condition that a next event has to meet, and Until when it has to
	// come for what is there still to count; 0 if there is no end, or nothing is
	// there.
	Missing string           `json:"missing,omitempty"`
	Until   holdfast.Instant `json:"until,omitzero"`

	points bool
}

// StoryHeld is an alert that waits for its deadline.
type StoryHeld struct {
	Alert    string           `json:"alert"`
	Deadline holdfast.Instant `json:"deadline"`
}

func standing(p *detector.Progress, now holdfast.Instant) Standing {
	s := Standing{Group: p.Group, Settings: settingsOf(p.Rule, p.Settings)}
	if p.Open != nil && now <= p.Open.Until {
		s.Suppressed, s.Alert, s.Occurrences = p.Open.Until, p.Open.Alert, p.Open.Occurrences
	}
	for _, h := range p.Held {
		s.Held = append(s.Held, StoryHeld{h.Alert, h.Deadline})
	}
	switch r := p.Rule; {
	case r.Sequence != nil:
		s.sequence(p, now)
	case r.Score != nil:
		s.points, s.Need = true, p.Settings.Threshold
		if p.Score != nil {
			s.Have = p.Score.At(now)
		}
	case r.Surge != nil:
		if s.Surge = p.Surge; p.Surge != nil {
			s.Have, s.Need = float64(p.Surge.Count), surgeNeed(r.Surge, p.Surge)
		}
	default:
		s.count(p, now)
	}
	return s
}

// count is how many events would still count with one that comes now.
func (s *Standing) count(p *detector.Progress, now holdfast.Instant) {
	span := p.Settings.Timespan
	s.Need, s.Missing = float64(p.Settings.Count), oneLine(p.Rule.Match.Source)
	gone := 0
	oldest := now
	for _, en := range p.Entries {
		if span > 0 && en.Time < now.Add(-span) {
			gone++
			continue
		}
		oldest = min(oldest, en.Time)
		s.Offsets = append(s.Offsets, en.Evidence.Offset)
	}
	s.Have = float64(p.Gathered - gone)
	if gone == 0 || s.Have == 0 {
		s.Distinct = slices.Clone(p.Distinct)
	}
	if s.Have == 0 {
		for i := range s.Distinct {
			s.Distinct[i].Have = 0
		}
	}
	if span > 0 && s.Have > 0 {
		s.Until = oldest.Add(span)
	}
}

// sequence is how far the furthest chain is that still counts.
func (s *Standing) sequence(p *detector.Progress, now holdfast.Instant) {
	s.Need, s.Steps = float64(p.Length()), len(p.Rule.Sequence)
	for _, chain := range p.Chains {
		earliest := chain[0].Time
		for _, en := range chain {
			earliest = min(earliest, en.Time)
		}
		if span := p.Settings.Timespan; span > 0 {
			if earliest < now.Add(-span) {
				continue
			}
			s.Until = earliest.Add(span)
		}
		s.Have = float64(len(chain))
		for _, en := range chain {
			s.Offsets = append(s.Offsets, en.Evidence.Offset)
		}
		break
	}
	step := p.Step(min(int(s.Have), p.Length()-1))
	s.Step, s.Missing = step+1, oneLine(p.Rule.Sequence[step].Match.Source)
}

func (s *Standing) write(text *bytes.Buffer, several bool) {
	if several {
		write(text, "  of %s:\n", groupNamed(s.Group))
	}
	if s.Settings.Override != "" {
		write(text, "  by the override for %s\n", s.Settings.Override)
	}
	if s.Suppressed != 0 {
		write(text, "  silent until %s, since %s fired; %s into it\n", moment(s.Suppressed), s.Alert, fell(s.Occurrences))
	}
	for _, h := range s.Held {
		write(text, "  holds %s until %s\n", h.Alert, moment(h.Deadline))
	}
	switch {
	case s.Suppressed != 0:
	case s.points:
		write(text, "  now %s of %s points\n", rounded(s.Have), rounded(s.Need))
	case s.Surge != nil:
		write(text, "  now %s in the bucket from %s, which fires at %g\n", of(s.Surge.Count, "event"), moment(s.Surge.Begins), s.Need)
	case s.Have == 0:
		write(text, "  now nothing counts; a first event has to meet %s\n", s.Missing)
	default:
		write(text, "  now %s\n", s.have())
		write(text, "  missing: %s\n", s.missing())
	}
}

// idle reports whether nothing is there that could become an alert.
func (s *Standing) idle() bool {
	return s.Suppressed == 0 && len(s.Held) == 0 && s.Surge == nil && s.Have == 0
}

// have says what is there.
func (s *Standing) have() string {
	var names []string
	for _, offset := range s.Offsets[max(0, len(s.Offsets)-10):] {
		names = append(names, "#"+strconv.FormatInt(offset, 10))
	}
	text := fmt.Sprintf("%g", s.Have)
	if s.Need > 0 {
		text += fmt.Sprintf(" of %g", s.Need)
	}
	text += plural(int(max(s.Have, s.Need)), " event", " events")
	if s.Settings.Timespan != "" {
		text += " within " + s.Settings.Timespan
	}
	if len(s.Distinct) > 0 {
		text += ", " + values(s.Distinct)
	}
	return text + " (" + strings.Join(names, ", ") + ")"
}

// missing says what a next event has to be.
func (s *Standing) missing() string {
	text := s.Missing
	var more []string
	if n := s.Need - s.Have; n > 0 && s.Steps == 0 {
		more = append(more, fmt.Sprintf("%g more", n))
	}
	for _, d := range s.Distinct {
		if n := d.Need - d.Have; n > 0 {
			more = append(more, fmt.Sprintf("%d more different %s", n, d.Field))
		}
	}
	switch {
	case s.Steps > 1:
		text = fmt.Sprintf("step %d of %d, %s", s.Step, s.Steps, text)
	case len(more) > 0:
		text = strings.Join(more, " and ") + " of " + text
	}
	if s.Until != 0 {
		text += ", until " + moment(s.Until)
	}
	return text
}

// groupNamed names a group.
func groupNamed(g holdfast.Group) string {
	var all []string
	for _, v := range g {
		all = append(all, v.Field+" "+maskedValue(v, visible))
	}
	return strings.Join(all, ", ")
}
