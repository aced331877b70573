package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// An account's profile refers to a chunkSessions with its active sessions, in the
// order in which they became known, four words each. A session's words count from
// its own first one.
const (
	sessionHash    = iota // of its id
	sessionDevice         // hash of the device's id; 0 if it is not known
	sessionStarted        //
	sessionFlags          // whether it is trusted, and above a reference to the ids
	sessionWords

	sessionTrusted = 1  // the event that started it called its device trusted
	sessionPlaced  = 2  // the device's id is known
	sessionIDs     = 32 // shift
)

// sessionStart is how far apart the events are that tell of one login: what they
// say of the device holds for the session.
const sessionStart = time.Minute

// session is one of a profile's sessions.
type session []uint64

func (s session) started() holdfast.Instant { return holdfast.Instant(s[sessionStarted]) }
func (s session) trusted() bool             { return s[sessionFlags]&sessionTrusted != 0 }
func (s session) ids() memory.Ref           { return memory.Ref(s[sessionFlags] >> sessionIDs) }

// sessionsOf are the words of a profile's sessions, not to be changed.
func (e *Engine) sessionsOf(p *profile) []uint64 {
	if p.sessions == 0 {
		return nil
	}
	return e.arena.Read(p.sessions).Payload()
}

// putIDs stores the ids of a session and its device.
func (e *Engine) putIDs(id, device string) memory.Ref {
	e.words = append(e.words[:0], uint64(len(id))|uint64(len(device))<<32)
	e.words = appendText(appendText(e.words, id), device)
	return e.putWords(chunkText, e.words)
}

// getIDs returns what putIDs has stored.
func (e *Engine) getIDs(ref memory.Ref) (id, device string) {
	words := e.arena.Read(ref).Payload()
	idLen, deviceLen := int(uint32(words[0])), int(words[0]>>32)
	e.text = readText(e.text[:0], words[1:], idLen)
	e.text = readText(e.text, words[1+wordsFor(idLen):], deviceLen)
	return string(e.text[:idLen]), string(e.text[idLen:])
}

// startSession remembers an active session, and what a later event of it adds.
func (e *Engine) startSession(p *profile, s *scope) {
	event := s.Event
	id, device := event.Session, event.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	if len(device) > longestIDLen {
		device = ""
	}
	oldest := event.Time.Add(-profileSpan)
	e.endSessions(p, func(s session) bool { return s.started() < oldest })
	hash := e.sessionOf(s)
	at, known := 0, false
	for all := e.sessionsOf(p); len(all) > 0; all = all[sessionWords:] {
		if known = all[sessionHash] == hash; known {
			break
		}
		at += sessionWords
	}
	if !known {
		if at == maxSessions*sessionWords {
			if !e.giveUpSession(p) {
				return
			}
			at -= sessionWords
		}
		ids := e.putIDs(id, device)
		e.addSession(p, &[sessionWords]uint64{
			hash, e.deviceOf(s), uint64(event.Time), uint64(ids)<<sessionIDs | flag(device != "", sessionPlaced),
		})
	}
	current := session(e.arena.Own(p.sessions).Payload()[at:])
	if known && device != "" && current[sessionFlags]&sessionPlaced == 0 {
		e.arena.FreeChain(current.ids())
		current[sessionDevice] = e.deviceOf(s)
		current[sessionFlags] = current[sessionFlags]&sessionTrusted | sessionPlaced | uint64(e.putIDs(id, device))<<sessionIDs
	}
	if event.Device.Trusted == holdfast.Trusted && event.Time <= current.started().Add(sessionStart) {
		current[sessionFlags] |= sessionTrusted
	}
}

// addSession appends a session to those of a profile.
func (e *Engine) addSession(p *profile, s *[sessionWords]uint64) {
	all := e.sessionsOf(p)
	if p.sessions == 0 || len(all)+sessionWords > e.arena.Read(p.sessions).Room() {
		larger := e.arena.Alloc(0, chunkSessions, len(all)+sessionWords)
		copy(e.arena.Own(larger).Payload(), all)
		if p.sessions != 0 {
			e.arena.Free(p.sessions)
		}
		p.sessions = larger
	}
	c := e.arena.Own(p.sessions)
	c.SetUsed(len(all) + sessionWords)
	copy(c.Payload()[len(all):], s[:])
}

// endSessions forgets the sessions that have ended, and reports whether there
// were any.
func (e *Engine) endSessions(p *profile, ended func(session) bool) bool {
	kept, all := 0, e.sessionsOf(p)
	for at := 0; at < len(all); at += sessionWords {
		if s := session(all[at : at+sessionWords]); ended(s) {
			e.arena.FreeChain(s.ids())
			continue
		}
		if kept < at {
			copy(e.arena.Own(p.sessions).Payload()[kept:], all[at:at+sessionWords])
		}
		kept += sessionWords
	}
	switch {
	case kept == len(all):
		return false
	case kept == 0:
		e.arena.Free(p.sessions)
		p.sessions = 0
	default:
		e.arena.Own(p.sessions).SetUsed(kept)
	}
	return true
}

// endSession forgets the session that the event names.
func (e *Engine) endSession(p *profile, s *scope) bool {
	hash := e.sessionOf(s)
	return hash != 0 && e.endSessions(p, func(s session) bool { return s[sessionHash] == hash })
}

// giveUpSession makes room by forgetting the newest session that is not trusted.
func (e *Engine) giveUpSession(p *profile) bool {
	var newest session
	for all := e.sessionsOf(p); len(all) > 0; all = all[sessionWords:] {
		if s := session(all[:sessionWords]); !s.trusted() && (newest == nil || s.started() > newest.started()) {
			newest = s
		}
	}
	if newest == nil {
		return false
	}
	hash := newest[sessionHash]
	return e.endSessions(p, func(s session) bool { return s[sessionHash] == hash })
}

// sessions splits the account's active sessions for an alert (DESIGN 5).
// Protected are those whose device was trusted or known before the attack's
// first trace, and those that began trusted before it; suspect is of the rest
// what started since then or belongs to the evidence itself.
func (e *Engine) sessions(a *firing, s *scope) holdfast.Sessions {
	p := e.profileOf(s)
	if p == nil {
		return holdfast.Sessions{}
	}
	var split holdfast.Sessions
	first := a.alert.First
	for all := e.sessionsOf(p); len(all) > 0; all = all[sessionWords:] {
		s := session(all[:sessionWords])
		d := p.device(s[sessionDevice])
		protected := s.trusted() && s.started() < first || d != nil && d.protectedBefore(first, e.opts.TrustAfter)
		suspect := s.started() >= first.Add(-e.opts.Lateness) || slices.Contains(a.traces.sessions, uint32(s[sessionHash])) ||
			s[sessionDevice] != 0 && slices.Contains(a.traces.devices, uint32(s[sessionDevice]))
		if !protected && !suspect {
			continue
		}
		id, device := e.getIDs(s.ids())
		out := holdfast.Session{ID: id, Device: device, Started: s.started()}
		if protected {
			split.Protected = append(split.Protected, out)
		} else {
			split.Suspect = append(split.Suspect, out)
		}
	}
	return split
}
