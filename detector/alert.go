package detector

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/rules"
)

// firing is an alert on its way out, with what the engine needs to finish it.
type firing struct {
	alert     holdfast.Alert
	scope     scope // of the event that completed it
	openUntil holdfast.Instant
	traces    traces
}

// newFiring makes an alert from a rule, the event that completed it and the
// evidence, which holds that event as well. The alert outlives the event and so
// has its own copies of texts.
func newFiring(r *rules.Rule, s *scope, evidence []entry) firing {
	a := firing{scope: *s}
	a.openUntil = s.Event.Time
	a.alert = holdfast.Alert{
		Rule: r.ID, Title: r.Title, Version: r.Version, Level: r.Level, Status: r.Status,
		Time: s.Event.Time, Account: strings.Clone(s.Event.Account),
		Country: strings.Clone(s.Event.Client.Country), Channel: strings.Clone(s.Event.Channel),
		Trigger: s.position, Count: len(evidence), Respond: r.Respond,
		Evidence: make([]holdfast.Evidence, len(evidence)),
		First:    evidence[0].first, Last: evidence[0].time,
	}
	for _, f := range r.GroupBy {
		a.alert.Group = append(a.alert.Group, holdfast.GroupValue{Field: f.Name, Value: strings.Clone(f.Value(&s.Scope))})
	}
	for i := range evidence {
		en := &evidence[i]
		a.alert.Evidence[i] = holdfast.Evidence{Position: en.position, Alert: en.alert}
		a.alert.First, a.alert.Last = min(a.alert.First, en.first), max(a.alert.Last, en.time)
		a.traces.add([]uint64{en.device}, []uint64{en.session})
		if en.behind != nil {
			a.traces.add(en.behind.devices, en.behind.sessions)
		}
	}
	a.alert.ID = alertID(r.ID, a.alert.Group, s)
	return a
}

// idBytes is the width of the hash in an alert's id.
const idBytes = 12

// alertID is a function of the rule, the group and the place of the event that
// completed the alert, and of nothing else.
func alertID(rule string, group holdfast.Group, s *scope) string {
	t := tuple(nil).add(rule)
	for _, v := range group {
		t = t.add(v.Value)
	}
	if s.alert != "" {
		t = t.add(s.alert)
	} else {
		t = binary.BigEndian.AppendUint32(t, uint32(s.position.Partition))
		t = binary.BigEndian.AppendUint64(t, uint64(s.position.Offset))
		t = binary.BigEndian.AppendUint64(t, uint64(s.position.Time))
	}
	sum := sha256.Sum256(t)
	return rule + "-" + hex.EncodeToString(sum[:idBytes])
}
