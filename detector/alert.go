package detector

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/holdfastd/holdfast"
)

// firing is an alert on its way out, with what the engine needs to finish it.
type firing struct {
	alert     holdfast.Alert
	hash      alertHash
	rule      *ruleState
	scope     scope // of the event that completed it
	openUntil holdfast.Instant
	traces    traces
}

// firing makes an alert of a rule from the event that completed it and the
// evidence, which holds that event as well; it is still to be named. The alert
// outlives the event and so has its own copies of texts.
func (e *Engine) firing(r *ruleState, s *scope, evidence entries) firing {
	a := firing{rule: r, scope: *s, openUntil: s.Event.Time}
	count := evidence.count()
	first, _ := evidence.cut()
	a.alert = holdfast.Alert{
		Rule: r.rule.ID, Title: r.rule.Title, Version: r.rule.Version, Level: r.rule.Level, Status: r.rule.Status,
		Time: s.Event.Time, Account: strings.Clone(s.Event.Account),
		Country: strings.Clone(s.Event.Client.Country), Channel: strings.Clone(s.Event.Channel),
		Trigger: s.position, Count: count, Respond: r.rule.Respond,
		Evidence: make([]holdfast.Evidence, 0, count),
		First:    first.first(), Last: first.time(),
	}
	for i := range r.rule.GroupBy {
		f := &r.rule.GroupBy[i]
		a.alert.Group = append(a.alert.Group, holdfast.GroupValue{Field: f.Name, Value: strings.Clone(f.Value(&s.Scope))})
	}
	for len(evidence) > 0 {
		var en entry
		en, evidence = evidence.cut()
		a.alert.Evidence = append(a.alert.Evidence, e.evidenceOf(en))
		a.alert.First, a.alert.Last = min(a.alert.First, en.first()), max(a.alert.Last, en.time())
		for _, pair := range en.traces() {
			a.traces.add(pair)
		}
	}
	return a
}

// evidenceOf is what an alert shows of an entry.
func (e *Engine) evidenceOf(en entry) holdfast.Evidence {
	of := holdfast.Evidence{Position: holdfast.Position{Partition: e.opts.Partition, Offset: en.offset(), Time: en.time()}}
	if en.isAlert() {
		hash, name := en.alert()
		of.Alert = alertID(e.names[name], hash)
		of.Time = holdfast.Instant(en[5])
	}
	return of
}

// name gives the alert its id.
func (a *firing) name(hash alertHash) {
	a.hash = hash
	a.alert.ID = alertID(a.alert.Rule, hash)
}

// hashOf is a function of the rule, the group and the place of the event that
// completed the alert, and of nothing else.
func (e *Engine) hashOf(r *ruleState, s *scope) alertHash {
	t, _ := valuesOf(e.tuple[:0].add(r.rule.ID), r.rule.GroupBy, &s.Scope)
	if s.alert != "" {
		t = t.add(s.alert)
	} else {
		t = binary.BigEndian.AppendUint32(t, uint32(s.position.Partition))
		t = binary.BigEndian.AppendUint64(t, uint64(s.position.Offset))
		t = binary.BigEndian.AppendUint64(t, uint64(s.position.Time))
	}
	e.tuple = t
	sum := sha256.Sum256(t)
	return alertHash(sum[:len(alertHash{})])
}

func alertID(rule string, hash alertHash) string { return rule + "-" + hex.EncodeToString(hash[:]) }

// maxTraces bounds the devices, and the sessions, that are carried along from
// alert to alert.
const maxTraces = 16

// traces are the devices and sessions that an alert's evidence came from, as
// hashes, the last ones of them.
type traces struct{ devices, sessions []uint32 }

func (t *traces) add(pair uint64) {
	t.devices = addTrace(t.devices, uint32(pair>>32))
	t.sessions = addTrace(t.sessions, uint32(pair))
}

func addTrace(known []uint32, hash uint32) []uint32 {
	if hash == 0 || slices.Contains(known, hash) {
		return known
	}
	if len(known) == maxTraces {
		known = slices.Delete(known, 0, 1)
	}
	return append(known, hash)
}

// pair is the i-th device together with the i-th session; there is none if both
// are none.
func (t *traces) pair(i int) (uint64, bool) {
	var device, session uint32
	if i < len(t.devices) {
		device = t.devices[i]
	}
	if i < len(t.sessions) {
		session = t.sessions[i]
	}
	return packTrace(uint64(device), uint64(session)), device|session != 0
}
